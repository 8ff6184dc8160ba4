"""Asks uv to decide on versions, and tells its refusals and pip's apart."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

from herdbook.core.errors import (
    HerdbookError,
    InvalidInputError,
    NetworkError,
    NoSpaceError,
    UnsatisfiableError,
    VerificationError,
)
from herdbook.drivers import process

MACHINE = "x86_64"
_NEWEST_GLIBC_MINOR = 40
"""The newest that uv has a name for: a newer one takes the same wheels, and perhaps some more."""

_OFFLINE = re.compile(
    r"Could not connect|dns error|Connection|Network|timed out|Failed to fetch|Temporary failure",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"://[^/\s]+@")
"""Who one is, in front of a server's name in an address."""

_UNKNOWN = re.compile(r"401 Unauthorized|403 Forbidden|HTTP error 40[13]|401 Error|403 Error")


@dataclass(frozen=True)
class Uv:
    """uv for one interpreter: `python` is `3.11`, `glibc` is `2.36`.

    `settings` are for its environment; `named` is the requirements file, for messages.
    """

    python: str
    glibc: str
    settings: Mapping[str, str]
    named: Path

    def compile(self, requirements: str, options: Sequence[str | Path]) -> str:
        """Return the requirements pinned, in the form the options ask for."""
        result = process.run(
            [
                *(find_uv_bin(), "pip", "compile", "--quiet", "--no-header", "--no-annotate"),
                *("--python-version", self.python, "--python-platform", self._platform),
                *options,
                "-",
            ],
            environment=process.inherited(self.settings),
            given=requirements.encode(),
        )
        if not result.succeeded:
            raise refusal(result.errors, self.named)
        return result.output

    @property
    def _platform(self) -> str:
        major, minor = map(int, self.glibc.split("."))
        return f"{MACHINE}-manylinux_{major}_{min(minor, _NEWEST_GLIBC_MINOR)}"


def refusal(said: str, requirements: Path) -> HerdbookError:
    """Return what uv or pip said as an error of ours, without who one is."""
    text = _CREDENTIALS.sub("://", said.strip())[-1500:]
    if "No space left" in said:
        return NoSpaceError("There is no space left for Python packages")
    if "DO NOT MATCH" in said or "hash mismatch" in said.lower():
        return VerificationError(f"The index gave other bytes than were locked:\n{text}")
    if _UNKNOWN.search(said):
        return InvalidInputError(
            f"The Python package index does not know who asks:\n{text}",
            hint="Name a secret in netrc format in `python.credentials`, and give it with "
            "--secret NAME=FILE; its `machine` is the index's server.",
            where=str(requirements),
        )
    if _OFFLINE.search(said):
        return NetworkError(
            f"The Python package index could not be read:\n{text}",
            hint="Check the network and pip's configuration, then try again.",
        )
    if "No solution found" in said or "No matching distribution" in said:
        return UnsatisfiableError(
            f"The requirements cannot be met by wheels:\n{text}",
            hint="What has no wheel can be built: name it in `python.from_source`. An index that "
            "asks who one is needs `python.credentials`.",
            where=str(requirements),
        )
    return InvalidInputError(f"The requirements cannot be read:\n{text}", where=str(requirements))
