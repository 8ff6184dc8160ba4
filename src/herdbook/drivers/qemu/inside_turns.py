"""Lets one conversation at a time go on with a machine, and knows if the last one was cut off."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from herdbook.core.clock import Clock
from herdbook.core.errors import ConflictError, EngineError
from herdbook.drivers.qemu.ports_inside import Lane

_BEGUN = b"begun"
_LOOK_SECONDS = 0.02


class Turn:
    """The right to be the only one; a machine's folder remembers what was begun and not ended."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.is_anything_left = bool(os.pread(descriptor, 1, 0))
        """Whether something may still run in the machine, or is about to be ended there."""

    def begin(self) -> None:
        """Note that something runs from now on, in case that we are killed."""
        os.pwrite(self._descriptor, _BEGUN, 0)

    def end(self) -> None:
        """Note that nothing runs any more."""
        os.ftruncate(self._descriptor, 0)


@contextmanager
def take_turn(directory: Path, lane: Lane, limit_seconds: float, clock: Clock) -> Iterator[Turn]:
    """Be the only one of a lane until the block ends, or this program does.

    `directory` is the machine's. Raises ConflictError where somebody else still is at the limit.
    """
    deadline = clock.monotonic_seconds() + limit_seconds
    lock = directory / f"{lane.value}-lock"
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        raise EngineError("The machine is not there any more") from None
    try:
        while not _locked(descriptor):
            if clock.monotonic_seconds() >= deadline:
                raise ConflictError(
                    "Another command runs in the machine, and only one can at a time",
                    hint="Wait until it has ended.",
                )
            clock.sleep(_LOOK_SECONDS)
        yield Turn(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
