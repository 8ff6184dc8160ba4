"""Reads, judges and writes relations between packages as dpkg does (Policy, chapter 7)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from herdbook.catalogue.components import Ecosystem
from herdbook.core.errors import VerificationError
from herdbook.trust.version_order import compare_versions

_RELATION = re.compile(
    r"([a-zA-Z0-9][a-zA-Z0-9+.-]*)(?::([a-z0-9-]+))?"
    r"\s*(?:\(\s*(<<|<=|>=|>>|[<=>])\s*([^\s()]+)\s*\))?"
)
PLAIN_VERSION = re.compile(r"(?:[1-9][0-9]*:)?[0-9][A-Za-z0-9.+~-]*(?<!-)")
"""How versions look that dpkg writes as they are: it leaves out epochs of nought, for one."""

_HOLDS = {"<<": {-1}, "<=": {-1, 0}, "=": {0}, ">=": {0, 1}, ">>": {1}}
_OBSOLETE = {"<": "<=", ">": ">="}
"""What dpkg still takes these for, with a warning."""


@dataclass(frozen=True)
class Relation:
    """One name that a relation field asks for; `qualifier`, `operator` and `version` may be empty.

    A provided name is written the same way, its operator being `=`.
    """

    name: str
    qualifier: str = ""
    operator: str = ""
    version: str = ""

    def __str__(self) -> str:
        """As dpkg writes it."""
        qualified = f"{self.name}:{self.qualifier}" if self.qualifier else self.name
        return f"{qualified} ({self.operator} {self.version})" if self.operator else qualified

    @property
    def is_plain(self) -> bool:
        """Whether dpkg is sure to write its name and its version as they stand there."""
        plain = not self.operator or PLAIN_VERSION.fullmatch(self.version) is not None
        return plain and self.name == self.name.lower()

    def met_by(self, version: str) -> bool:
        """Whether a version is one of those asked for."""
        if not self.operator:
            return True
        return compare_versions(Ecosystem.DEBIAN, version, self.version) in _HOLDS[self.operator]


Alternatives = tuple[Relation, ...]


def parse_relations(field: str) -> list[Alternatives]:
    """Return all that a field asks for, each with its alternatives.

    Raises VerificationError where dpkg would not understand it either.
    """
    parts = (part.strip() for part in field.split(","))
    return [tuple(_relation(each) for each in part.split("|")) for part in parts if part]


def write_relations(relations: Iterable[Alternatives]) -> str:
    """Return a field as dpkg writes it."""
    return ", ".join(" | ".join(map(str, alternatives)) for alternatives in relations)


def _relation(text: str) -> Relation:
    match = _RELATION.fullmatch(text.strip())
    if match is None:
        raise VerificationError(f"This is no relation between packages: {text.strip()[:80]!r}")
    name, qualifier, operator, version = match.groups("")
    return Relation(name, qualifier, _OBSOLETE.get(operator, operator), version)
