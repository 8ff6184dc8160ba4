"""Checks a requirements file: names and versions only, nothing that could run while it is read.

Installers take far more from such a file: other files, options, addresses, source folders whose
build scripts they then execute, outside of any sandbox. A recipe needs none of that.
"""

import re
from collections.abc import Iterator

from packaging.requirements import InvalidRequirement, Requirement

from herdbook.core.errors import InvalidInputError

_HASH = re.compile(r"\s--hash=sha(256|384|512):[0-9a-f]+")
_COMMENT = re.compile(r"(^|\s)#.*")


def checked_requirements(text: str, name: str) -> str:
    """Return the requirements (PEP 508) one a line; `name` is the file's, for messages.

    Hashes are left out: the lock holds those of the wheels that fit. Raises InvalidInputError
    with file and line for an option, an address, a path or what is no requirement.
    """
    return "".join(f"{_checked(line, f'{name}:{number}')}\n" for number, line in _lines(text))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield numbered lines, those that end in a backslash joined, comments and empty ones not."""
    joined, start = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        start = start or number
        if line.endswith("\\"):
            joined += line[:-1] + " "
            continue
        whole = _COMMENT.sub("", joined + line).strip()
        if whole:
            yield start, whole
        joined, start = "", 0
    if joined.strip():
        yield start, joined.strip()


def _checked(line: str, where: str) -> str:
    plain = _HASH.sub("", f"{line} ").strip()
    hint = "Write names with versions, such as flask>=3,<4: one a line, no options, no addresses."
    try:
        requirement = Requirement(plain)
    except InvalidRequirement as error:
        raise InvalidInputError(
            f"{line!r} is not a requirement Herdbook takes", hint=hint, where=where
        ) from error
    if requirement.url:
        raise InvalidInputError(
            f"{requirement.name} is wanted from an address of its own", hint=hint, where=where
        )
    return str(requirement)
