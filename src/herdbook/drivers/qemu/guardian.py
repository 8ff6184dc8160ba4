"""Starts QEMU so that it outlives us, and knows later whether it lives and how it ended."""

from collections.abc import Sequence
from pathlib import Path

from herdbook.core.errors import EngineError
from herdbook.drivers import process
from herdbook.drivers.process_identity import read_identity
from herdbook.fleet.instances import RunningProcess

_IDENTITY = "process"
_EXIT_STATUS = "exit-status"
LOG = "qemu.log"
"""The file in a machine's directory with what QEMU itself had to say."""

# Nobody is there to wait for a process whose parent has gone; so a shell stays with it. The claim
# (4) is held until the process is known: else, where we are killed just here, it would be nobody's.
# The file for the status (3) is open from the first: a later machine of that name has its
# directory at the same path, and must not be told how this one ended.
_SCRIPT = f"""
directory=$1
shift
{{
    "$@" 3>&- 4>&- &
    cat "/proc/$!/stat" >"$directory/{_IDENTITY}"
    exec 4>&-
    wait $!
    echo $? >&3
}} 4>&1 </dev/null >>"$directory/{LOG}" 2>&1 3>"$directory/{_EXIT_STATUS}" &
"""


def launch(arguments: Sequence[str | Path], directory: Path, claimed: int) -> None:
    """Start a program under a guardian that notes its identity and exit status in `directory`.

    `claimed` is the descriptor of the claim on the machine.
    """
    program = process.find(str(arguments[0]))
    command = ["sh", "-c", _SCRIPT, "herdbook", directory, program, *arguments[1:]]
    result = process.run(command, held=claimed)
    if not result.succeeded:
        raise EngineError(f"QEMU could not be started: {result.last_words}")


def identity(directory: Path) -> RunningProcess | None:
    """Return which process was started for a machine, None if none was."""
    return read_identity(directory / _IDENTITY)


def exit_status(directory: Path) -> int | None:
    """Return how the program ended, as a shell counts (128 and the signal), None if unknown."""
    try:
        text = (directory / _EXIT_STATUS).read_text(encoding="ascii")
    except OSError:
        return None
    return int(text) if text.strip() else None
