"""What a package's control stanza says: its name, its source, what it needs first."""

from collections.abc import Mapping
from dataclasses import dataclass

from debian_inspector import debcon, deps

from herdbook.core.errors import VerificationError


@dataclass(frozen=True)
class Control:
    """The fields of a control stanza that installing depends on (Debian Policy, chapter 5).

    `pre_depends` and `depends` are lists of alternatives, by name and without versions: the solver
    has judged versions already. `provides` are the names it answers to besides its own.
    """

    name: str
    version: str
    architecture: str
    essential: bool
    multi_arch_same: bool
    pre_depends: tuple[tuple[str, ...], ...]
    depends: tuple[tuple[str, ...], ...]
    provides: tuple[str, ...]


def parse_control(text: str) -> Control:
    """Read one stanza; raises VerificationError where it lacks a name or a version."""
    fields = stanza(text)
    try:
        return Control(
            name=fields["package"],
            version=fields["version"],
            architecture=fields["architecture"],
            essential=fields.get("essential") == "yes",
            multi_arch_same=fields.get("multi-arch") == "same",
            pre_depends=_names(fields.get("pre-depends", "")),
            depends=_names(fields.get("depends", "")),
            provides=tuple(name for names in _names(fields.get("provides", "")) for name in names),
        )
    except KeyError as error:
        raise VerificationError(f"A package's control file has no field {error}") from error


def installed_controls(status: str) -> list[Control]:
    """Return the packages that a dpkg status file says are installed, all of them."""
    stanzas = (text for text in status.split("\n\n") if text.strip())
    return [
        parse_control(text)
        for text in stanzas
        if stanza(text).get("status", "").split()[-1:] == ["installed"]
    ]


def stanza(text: str) -> Mapping[str, str]:
    """Return the fields of one stanza by lower-case name."""
    return {key.lower(): value for key, value in debcon.get_paragraph_data(text).items()}


def source_of(fields: Mapping[str, str]) -> tuple[str, str]:
    """Return the source package's name and version (Policy 5.6.1: both may be left out)."""
    name, _, version = fields.get("source", "").partition(" ")
    return name or fields["package"], version.strip("()") or fields["version"]


def _names(field: str) -> tuple[tuple[str, ...], ...]:
    if not field.strip():
        return ()
    relationships = deps.parse_depends(field).relationships
    return tuple(
        tuple(
            each.name.partition(":")[0]
            for each in getattr(relationship, "relationships", (relationship,))
        )
        for relationship in relationships
    )
