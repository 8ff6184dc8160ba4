"""Writes the entries of dpkg's database anew for packages that came in the place of others.

dpkg parses a control file and writes what it understood, so its words are not always the
package's. Only what is sure to come out the same is written; anything else is refused.
"""

import re
from collections.abc import Mapping, Sequence

from herdbook.campaigns.closure import Change
from herdbook.campaigns.inside import Inside, control_fields
from herdbook.campaigns.relations import PLAIN_VERSION, parse_relations, write_relations
from herdbook.core.errors import VerificationError

_DPKGS = frozenset({"Status", "Conffiles"})
"""What dpkg itself has to say of a package, and no control file does."""

_UNSAID = frozenset({("Essential", "no"), ("Protected", "no"), ("Multi-Arch", "no")})
"""What dpkg does not write: it goes without saying."""

_RELATIONS = frozenset(
    {
        "Replaces",
        "Provides",
        "Depends",
        "Pre-Depends",
        "Recommends",
        "Suggests",
        "Breaks",
        "Conflicts",
        "Enhances",
    }
)
_PLAIN = {
    "Version": PLAIN_VERSION,
    "Priority": re.compile(r"required|important|standard|optional|extra"),
    "Essential": re.compile(r"yes|no"),
    "Protected": re.compile(r"yes|no"),
    "Multi-Arch": re.compile(r"same|foreign|allowed|no"),
}
"""How values look that dpkg writes as they are, of fields that it understands."""


def patched_status(status: str, changes: Sequence[Change]) -> str:
    """Return dpkg's status file as it is once every change is made, in the order it had.

    Raises VerificationError where a package is not there, or where nobody can tell what dpkg
    would write.
    """
    stanzas = status.split("\n\n")
    places = {_identity(text): place for place, text in enumerate(stanzas) if text.strip()}
    for change in changes:
        place = places.get((change.old.name, change.old.architecture))
        if place is None:
            raise VerificationError(f"dpkg's database has no {change.old.label}")
        stanzas[place] = _patched(stanzas[place], change)
    return "\n\n".join(stanzas)


def _identity(stanza: str) -> tuple[str, str]:
    found = dict(re.findall(r"^(Package|Architecture): *(\S+)", stanza, re.MULTILINE))
    return found.get("Package", ""), found.get("Architecture", "")


def _patched(stanza: str, change: Change) -> str:
    there = control_fields(stanza)
    before, after = written_fields(change.old), written_fields(change.new)
    if [*change.old.fields] != [*change.new.fields] or before.keys() != after.keys():
        raise VerificationError(f"{change.new.label} has not the fields of {change.old.label}")
    if unsaid := before.keys() - there.keys():
        raise VerificationError(f"dpkg's entry of {change.old.label} lacks {sorted(unsaid)}")
    lines = []
    for name, value in there.items():
        if name in _DPKGS:
            lines.append(f"{name}:{_after_colon(value)}")
        elif before.get(name) == value:
            lines.append(f"{name}:{_after_colon(after[name])}")
        else:
            raise VerificationError(
                f"dpkg's entry of {change.old.label} has a {name} that the package has not"
            )
    ending = "\n" if stanza.endswith("\n") else ""
    return "\n".join(lines) + ending


def written_fields(package: Inside) -> Mapping[str, str]:
    """Return the values that dpkg writes for a package.

    Raises VerificationError where nobody can tell.
    """
    return {
        name: _value(package, name, value)
        for name, value in package.fields.items()
        if (name, value) not in _UNSAID
    }


def _value(package: Inside, name: str, value: str) -> str:
    if name in _RELATIONS:
        relations = parse_relations(value)
        if all(each.is_plain for alternatives in relations for each in alternatives):
            return write_relations(relations)
        raise VerificationError(f"Nobody can tell how dpkg writes the {name} of {package.label}")
    if not value or (name in _PLAIN and not _PLAIN[name].fullmatch(value)):
        raise VerificationError(f"Nobody can tell how dpkg writes the {name} of {package.label}")
    return value


def _after_colon(value: str) -> str:
    return value if value.startswith("\n") else f" {value}"
