"""Checks the names that instances may ask for, whoever answers them."""

import re

from herdbook.core.errors import InvalidInputError

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_MOST_CHARACTERS = 253


def check_answered_name(name: str) -> None:
    """Refuse what cannot be asked for: labels as in host names, and underscores as in Compose."""
    if not _NAME.fullmatch(name) or len(name) > _MOST_CHARACTERS:
        raise InvalidInputError(
            f"{name!r} is not a name that can be answered",
            hint="Use letters, digits, hyphens and underscores, with full stops between.",
        )
