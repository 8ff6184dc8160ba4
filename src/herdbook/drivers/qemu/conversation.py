"""Has one command run in a machine over its ports: asks, hands input over, hears how it ends.

The other side is disks/inside/take-command. Only one conversation goes on in a lane at a time; what
an earlier one has left there, where its host was killed, this one ends and passes over.
"""

import base64
import math
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from herdbook.core.clock import Clock
from herdbook.core.errors import (
    EngineError,
    HerdbookError,
    InvalidInputError,
    TimeoutExpiredError,
)
from herdbook.drivers.qemu.inside_turns import take_turn
from herdbook.drivers.qemu.machine_pipes import MachinePipes, Source
from herdbook.drivers.qemu.marks import MarkedStream
from herdbook.drivers.qemu.ports_inside import Lane

_COMMAND_BYTES = 64 << 10
_LINE_BYTES = 24 << 10
"""How much input goes into one piece; the machine has to hold all of it."""

_END_LIMIT_SECONDS = 10.0
_LATER_SECONDS = 30
"""By how much the machine's own limit comes after the host's."""

_READY, _DONE = "ready", "done"
_END_OF_INPUT = b".\n"
_HIGHEST_STATUS = 255


@dataclass(frozen=True)
class Order:
    """What is to be run by whom, and who hears what it says.

    `given` is the descriptor that its input is read from, None for none. `limit_seconds` is how
    long all of it may take, None for as long as it likes; `answer_seconds`, how long it may take
    until the machine has taken it.
    """

    lane: Lane
    command: Sequence[str]
    said: Callable[[bytes], None]
    complained: Callable[[bytes], None]
    given: int | None = None
    limit_seconds: float | None = None
    answer_seconds: float = 10.0


def converse(directory: Path, order: Order, clock: Clock) -> int:
    """Run a command and return its status; where it takes too long, or we are interrupted, end it.

    `directory` is the machine's. Raises EngineError where the machine does not take the command, or
    ends before it, ConflictError where another one runs, and TimeoutExpiredError where the command
    takes too long.
    """
    words = _words(order.command)
    began = clock.monotonic_seconds()
    with (
        take_turn(directory, order.lane, order.answer_seconds, clock) as turn,
        MachinePipes(directory, order.lane) as pipes,
    ):
        talk = _Talk(pipes, order, clock)
        answered = began + order.answer_seconds
        if turn.is_anything_left:
            talk.end_command(answered)
            turn.end()
        talk.open(answered)
        turn.begin()
        try:
            status = talk.run(words, began)
        except BaseException:
            with suppress(EngineError):
                talk.end_command(clock.monotonic_seconds() + _END_LIMIT_SECONDS)
                turn.end()
            raise
        turn.end()
        return status


def _words(command: Sequence[str]) -> bytes:
    words = f"exec {shlex.join(command)}".encode(errors="surrogateescape")
    if len(words) > _COMMAND_BYTES or b"\0" in words:
        raise InvalidInputError(
            f"A command of {len(words)} bytes cannot be handed to a machine",
            hint="Hand the most of it over as input.",
        )
    return words


class _Talk:
    """One conversation: what of its order has been carried out."""

    def __init__(self, pipes: MachinePipes, order: Order, clock: Clock) -> None:
        self._pipes = pipes
        self._order = order
        self._clock = clock
        self._given: int | None = None
        self._name = uuid4().hex
        self._output, self._errors = MarkedStream(self._name), MarkedStream(self._name)

    def open(self, deadline: float) -> None:
        """Come to an understanding with the machine: what it says from now on is about us."""
        # Whatever half of a line lies there ends here.
        self._pipes.send(f"\nopen {self._name}\n".encode())
        while _READY not in self._output.words:
            self._hear(deadline, _no_answer())

    def run(self, words: bytes, began: float) -> int:
        """Have the command run to its end."""
        limit = self._order.limit_seconds
        deadline = math.inf if limit is None else began + limit
        inside = 0 if limit is None else math.ceil(limit) + _LATER_SECONDS
        encoded = base64.b64encode(words).decode()
        self._pipes.send(f"run {self._name} {inside} {encoded}\n".encode())
        self._given = self._order.given
        if self._given is None:
            self._end_input()
        too_long = TimeoutExpiredError(f"The command took longer than {limit or 0:.0f} s")
        while not self._is_over():
            for source, piece in self._hear(deadline, too_long):
                self._hand_on(source, piece)
            if self._given is not None and len(self._output.words) > 1:  # nobody reads it
                self._end_input()
        return _status(self._output.words[1])

    def _is_over(self) -> bool:
        """Tell whether all was said: the two ports do not wait for each other."""
        words = self._output.words
        return _DONE in words and (words[1] == _DONE or bool(self._errors.words))

    def end_command(self, deadline: float) -> None:
        """Have whatever runs in the machine ended; raises EngineError at the deadline."""
        name, answer = uuid4().hex.encode(), b""
        self._given = None
        self._pipes.send_end(name + b"\n")
        while name not in answer:
            for source, piece in self._hear(deadline, _no_answer()):
                if source is Source.ENDED:
                    answer = (answer + piece)[-2 * len(name) :]

    def _hear(self, deadline: float, complaint: HerdbookError) -> list[tuple[Source, bytes]]:
        """Return what is plain of what has come; raises the complaint after the deadline."""
        left = deadline - self._clock.monotonic_seconds()
        if left <= 0:
            raise complaint
        given = self._given if self._pipes.may_send_more else None
        streams = {Source.OUTPUT: self._output, Source.ERRORS: self._errors}
        return [
            (source, streams[source].take(piece) if source in streams else piece)
            for source, piece in self._pipes.come(left, given)
        ]

    def _hand_on(self, source: Source, piece: bytes) -> None:
        if source is Source.GIVEN:
            if not piece:
                self._end_input()
            for start in range(0, len(piece), _LINE_BYTES):
                line = base64.b64encode(piece[start : start + _LINE_BYTES]) + b"\n"
                self._pipes.send(b"%d\n" % len(line) + line)
        elif source is Source.OUTPUT:
            self._order.said(piece)
        elif source is Source.ERRORS:
            self._order.complained(piece)

    def _end_input(self) -> None:
        self._given = None
        self._pipes.send(_END_OF_INPUT)


def _no_answer() -> EngineError:
    return EngineError(
        "Nobody in the machine takes commands (yet)",
        hint="Wait until it has come as far as its service, or read what it says: herdbook logs",
    )


def _status(word: str) -> int:
    if word == _DONE:
        raise EngineError("The command ended what was to say how it ends")
    if not word.isdecimal() or int(word) > _HIGHEST_STATUS:
        raise EngineError("What the machine answers is not to be understood")
    return int(word)
