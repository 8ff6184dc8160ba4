"""Judges a command by how it ends: tests, which run inside variants, and people's own, here."""

from collections.abc import Callable, Sequence

from herdbook.actions.workshop import Workshop
from herdbook.channels.results import Part
from herdbook.core.errors import HerdbookError, TimeoutExpiredError

_SHELL = ("sh", "-euc")
_LAST_LINES = 20
_MOST_LETTERS = 4000


def words_of(run: Sequence[str]) -> tuple[str, ...]:
    """Return what is run for what somebody wrote: a single line is for the shell."""
    return (*_SHELL, *run) if len(run) == 1 else tuple(run)


def judge_command(
    workshop: Workshop, name: str, timeout: str, run: Callable[[], tuple[int, str]]
) -> Part:
    """Run it and say what came of it: 0 is well, and anything else is not.

    `run` returns the status and what was said; `timeout` is the time it may take, in the words of
    whoever wrote it. That it cannot be run, or takes too long, is no error but does not pass.
    """
    began = workshop.clock.monotonic_seconds()
    try:
        status, said = run()
        passed = status == 0
        if not passed:
            said = f"{said.rstrip()}\nended with status {status}"
    except TimeoutExpiredError:
        passed, said = False, f"took longer than {timeout} and was stopped"
    except HerdbookError as error:
        passed, said = False, error.message
    seconds = round(workshop.clock.monotonic_seconds() - began, 3)
    return Part(name, passed, seconds, last_lines(said))


def last_lines(text: str) -> str:
    """Return the end of what something printed, fit to be kept and shown."""
    shown = "".join(each for each in text if each.isprintable() or each in "\n\t")
    return "\n".join(shown.strip().splitlines()[-_LAST_LINES:])[-_MOST_LETTERS:]
