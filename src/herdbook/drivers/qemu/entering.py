"""The program by which a person runs a command in a machine, in their own terminal."""

import os
import shlex
import signal
import sys
import termios
import tty
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from herdbook.core.clock import SystemClock
from herdbook.core.errors import HerdbookError
from herdbook.drivers.qemu.conversation import Order, converse
from herdbook.drivers.qemu.ports_inside import Lane

_SIGNALS = 128


def main() -> None:
    """Run the command and end with its status."""
    parser = ArgumentParser(prog="herdbook exec")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--terminal", action="store_true")
    parser.add_argument("command", nargs="+")
    given = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        sys.exit(enter(given.directory, given.command, terminal=given.terminal))
    except HerdbookError as error:
        sys.stderr.write(f"error: {error.message}\n{error.hint}".rstrip() + "\n")
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(_SIGNALS + signal.SIGINT)
    except BrokenPipeError:  # nobody hears it any more
        sys.exit(_SIGNALS + signal.SIGPIPE)


def enter(directory: Path, command: Sequence[str], *, terminal: bool) -> int:
    """Run a command in the machine of that directory, as this program's own; return its status."""
    clock = SystemClock()
    words = in_terminal(command, os.get_terminal_size(sys.stdin.fileno())) if terminal else command
    said, complained = (_Writer(each.fileno()) for each in (sys.stdout, sys.stderr))
    order = Order(Lane.PEOPLE, words, said, complained, given=sys.stdin.fileno())
    with _raw(terminal=terminal):
        return converse(directory, order, clock)


def in_terminal(command: Sequence[str], size: os.terminal_size) -> list[str]:
    """Return what runs a command in a terminal of its own of that size: bsdutils has it."""
    kind = shlex.quote(os.getenv("TERM", "dumb"))
    # As a service's user it may have a shell that lets nobody in.
    begin = f"stty rows {size.lines} cols {size.columns}; export TERM={kind}; exec"
    line = f"{begin} {shlex.join(command)}"
    return ["env", "SHELL=/bin/sh", "script", "-qefc", line, "/dev/null"]


@contextmanager
def _raw(*, terminal: bool) -> Iterator[None]:
    """Pass each key on as it is pressed, and let the machine's terminal show it."""
    if not terminal:
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


class _Writer:
    """Writes all it is given to a descriptor, at once."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, content: bytes) -> None:
        while content:
            content = content[os.write(self._descriptor, content) :]


def _end(number: int, frame: FrameType | None) -> None:
    del frame
    sys.exit(_SIGNALS + number)


if __name__ == "__main__":
    main()
