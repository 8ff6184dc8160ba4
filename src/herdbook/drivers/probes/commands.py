"""Runs the commands that instances are asked by, a few at once, and keeps what they came to."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from herdbook.core.errors import ConflictError, HerdbookError
from herdbook.fleet.ports import Executed
from herdbook.fleet.probes import ProbeTarget

_AT_ONCE = 8
"""A machine that still boots holds one of them until it answers, or for the probe's time."""

Execute = Callable[[ProbeTarget], Executed]
"""Runs a probe's command inside its instance, for as long as the probe may take at most."""


class Commands:
    """Runs commands in threads of its own; `alert` is called in those when one has ended."""

    def __init__(self, execute: Execute, alert: Callable[[], None]) -> None:
        self._execute = execute
        self._alert = alert
        self._pool = ThreadPoolExecutor(_AT_ONCE, "probe-command")
        self._done: deque[tuple[int, str | None]] = deque()

    def submit(self, turn: int, target: ProbeTarget) -> None:
        """Have a command run, if need be after others; `turn` tells its outcome from theirs."""

        def ended(future: Future[Executed]) -> None:
            self._done.append((turn, _complaint(future)))
            self._alert()

        self._pool.submit(self._execute, target).add_done_callback(ended)

    def outcomes(self) -> list[tuple[int, str | None]]:
        """Return the turns that are over, with a complaint where the instance is not well.

        It is None where the instance was not even asked, as another command had to end first:
        that says nothing of it.
        """
        return [self._done.popleft() for _ in range(len(self._done))]

    def close(self) -> None:
        """Start none any more, and wait for those under way."""
        self._pool.shutdown(cancel_futures=True)


def _complaint(future: Future[Executed]) -> str | None:
    if future.cancelled():
        return None
    error = future.exception()
    if isinstance(error, ConflictError):
        return None
    if isinstance(error, HerdbookError):
        return error.message
    if error is not None:
        return f"It could not be asked: {error!r}"
    executed = future.result()
    if executed.status == 0:
        return ""
    last = executed.output.strip().splitlines()[-1:]
    return ": ".join([f"The command ended with status {executed.status}", *last])
