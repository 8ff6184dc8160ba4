"""Checks the names of what an instance is given at start: its environment and its secrets."""

import re

from herdbook.core.errors import InvalidInputError
from herdbook.fleet.instances import Wanted

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


def check_handover(wanted: Wanted) -> None:
    """Refuse what no engine can hand over as an environment variable or as a secret's file.

    Variables are named as POSIX says; a secret's name is a file name that systemd takes as the
    name of a credential. Lines would end a variable early, so a value has just one.
    """
    for name, value in wanted.environment.items():
        if not _VARIABLE.fullmatch(name):
            raise InvalidInputError(f"{name!r} is not a name for an environment variable")
        if any(character in value for character in "\n\r\0"):
            raise InvalidInputError(
                f"The value of the environment variable {name} has more than one line",
                hint="Hand it over as a secret: it becomes a file.",
            )
    for name in wanted.secrets:
        if not _SECRET.fullmatch(name):
            raise InvalidInputError(
                f"{name!r} is not a name for a secret",
                hint="Use up to 128 letters, digits, hyphens, underscores and full stops.",
            )
