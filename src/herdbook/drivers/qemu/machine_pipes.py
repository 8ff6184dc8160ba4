"""Reads and writes the pipes of a machine's ports, all at once: no full one keeps the others up."""

import os
import select
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Self

from herdbook.core.errors import EngineError
from herdbook.drivers.qemu.ports_inside import COMMANDS, END, ERRORS, Lane, pipe_of

_PIECE_BYTES = 1 << 16
_AHEAD_BYTES = 1 << 16
_LONGEST_WAIT_SECONDS = 1.0


class Source(Enum):
    """Where something came from."""

    OUTPUT = "output"
    ERRORS = "errors"
    ENDED = "ended"
    GIVEN = "given"
    """What a person gives a command; an empty piece is the end of it."""


class MachinePipes:
    """A lane's pipes, open until the block ends; raises EngineError once QEMU is gone."""

    def __init__(self, directory: Path, lane: Lane) -> None:
        self._directory = directory
        self._lane = lane
        self._descriptors: list[int] = []
        self._sources: dict[int, Source] = {}
        self._unsent: dict[int, bytes] = {}

    def __enter__(self) -> Self:
        commands, errors, end = (
            pipe_of(self._directory, self._lane, port) for port in (COMMANDS, ERRORS, END)
        )
        try:
            self._commands = self._open(commands.into, os.O_WRONLY)
            self._end = self._open(end.into, os.O_WRONLY)
            self._sources = {
                self._open(commands.out, os.O_RDONLY): Source.OUTPUT,
                self._open(errors.out, os.O_RDONLY): Source.ERRORS,
                self._open(end.out, os.O_RDONLY): Source.ENDED,
            }
        except OSError as error:  # a pipe that nobody reads any more cannot be opened for writing
            self.__exit__()
            raise _gone() from error
        self._unsent = {self._commands: b"", self._end: b""}
        return self

    def __exit__(self, *_: object) -> None:
        while self._descriptors:
            os.close(self._descriptors.pop())

    @property
    def may_send_more(self) -> bool:
        """Whether the machine takes what is sent as fast as it is sent."""
        return len(self._unsent[self._commands]) < _AHEAD_BYTES

    def send(self, content: bytes) -> None:
        """Have it written to the port for commands as soon as the machine takes it."""
        self._unsent[self._commands] += content

    def send_end(self, content: bytes) -> None:
        """Have it written to the port that ends commands."""
        self._unsent[self._end] += content

    def come(
        self, limit_seconds: float, given: int | None = None
    ) -> Iterator[tuple[Source, bytes]]:
        """Write what can be written; yield what has come, also from `given`, within the limit."""
        sources = dict(self._sources)
        if given is not None:
            sources[given] = Source.GIVEN
        for descriptor in self._ready(sources, limit_seconds):
            if descriptor in self._unsent:
                self._write(descriptor)
                continue
            piece = os.read(descriptor, _PIECE_BYTES)
            if not piece and descriptor != given:
                raise _gone()
            yield sources[descriptor], piece

    def _ready(self, sources: dict[int, Source], limit_seconds: float) -> list[int]:
        poll = select.poll()
        for descriptor in sources:
            poll.register(descriptor, select.POLLIN)
        for descriptor, content in self._unsent.items():
            if content:
                poll.register(descriptor, select.POLLOUT)
        limit = min(max(limit_seconds, 0), _LONGEST_WAIT_SECONDS)
        return [descriptor for descriptor, _ in poll.poll(limit * 1000)]

    def _write(self, descriptor: int) -> None:
        content = self._unsent[descriptor]
        try:
            self._unsent[descriptor] = content[os.write(descriptor, content) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            raise _gone() from None

    def _open(self, path: Path, mode: int) -> int:
        descriptor = os.open(path, mode | os.O_NONBLOCK | os.O_CLOEXEC)
        self._descriptors.append(descriptor)
        return descriptor


def _gone() -> EngineError:
    return EngineError("The machine has ended")
