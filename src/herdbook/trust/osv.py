"""Reads advisories in the OSV format (https://ossf.github.io/osv-schema/)."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from packaging.utils import canonicalize_name

from herdbook.catalogue.components import Ecosystem
from herdbook.packages.suites import SUITES
from herdbook.trust.advisories import Advisory, AffectedRange, RangeStatus, Source
from herdbook.trust.foreign_json import ForeignModel, Name, Several, checked, one_line
from herdbook.trust.matching import Scope
from herdbook.trust.osv_ranges import Event, ranges_between, versions_beside
from herdbook.trust.severities import severity_of_vector, severity_word, worst

_ECOSYSTEMS = {"PyPI": Ecosystem.PYTHON, "npm": Ecosystem.NODE}
_SUITES = {f"Debian:{suite.release}": suite.name for suite in SUITES.values()}
_GIT = "GIT"
_STATUSES = {"unimportant": RangeStatus.UNIMPORTANT, "end-of-life": RangeStatus.IGNORED}
"""Debian's urgencies that say more than how urgent it is."""


class _Package(ForeignModel):
    ecosystem: Name
    name: Name


class _Severity(ForeignModel):
    type: Name
    score: Name


class _Range(ForeignModel):
    type: Name
    events: Several[Event] = ()


class _Affected(ForeignModel):
    package: _Package | None = None
    severity: Several[_Severity] = ()
    ranges: Several[_Range] = ()
    versions: Several[Name] = ()
    ecosystem_specific: Any = None
    database_specific: Any = None


class _Document(ForeignModel):
    id: Name
    modified: Name | None = None
    published: Name | None = None
    withdrawn: Name | None = None
    aliases: Several[Name] = ()
    upstream: Several[Name] = ()
    summary: str | None = None
    details: str | None = None
    severity: Several[_Severity] = ()
    affected: Several[_Affected] = ()
    database_specific: Any = None


def looks_like_osv(document: object) -> bool:
    """Whether a document bears the marks of an OSV advisory."""
    return (
        isinstance(document, dict)
        and "id" in document
        and bool({"modified", "affected"} & set(document))
    )


def read_osv(documents: Iterable[tuple[object, str]], skipped: Counter[str]) -> Iterator[Advisory]:
    """Yield the advisories of documents, each of which comes with where it is from.

    One that is of no use has no ranges: it takes back what it said before. `skipped` gets the
    reasons: withdrawn, or what is affected is of an ecosystem that is not ours. Raises
    InvalidInputError for a document that is no OSV advisory.
    """
    for document, where in documents:
        yield _advisory(checked(_Document, document, "OSV advisory", where), skipped)


def _advisory(document: _Document, skipped: Counter[str]) -> Advisory:
    if document.withdrawn:
        skipped["withdrawn"] += 1
        return Advisory(document.id, Source.OSV)
    scopes = [_scope(affected.package, skipped) for affected in document.affected]
    ranges = [
        each
        for affected, scope in zip(document.affected, scopes, strict=True)
        for each in _ranges(affected, scope)
    ]
    if not ranges:
        return Advisory(document.id, Source.OSV)
    return Advisory(
        id=document.id,
        source=Source.OSV,
        aliases=tuple(document.aliases),
        summary=one_line(document.summary or document.details or ""),
        severity=_severity(document),
        published=document.published or "",
        modified=document.modified or "",
        ranges=tuple(dict.fromkeys(ranges)),
        upstream=tuple(document.upstream),
        elsewhere=None in scopes,
    )


def _scope(package: _Package | None, skipped: Counter[str]) -> Scope | None:
    """Return what a package is of, None where Herdbook keeps nothing of it."""
    if package is None:  # the source code of something, by commits
        skipped["no package"] += 1
        return None
    if package.ecosystem in _ECOSYSTEMS:
        return _ECOSYSTEMS[package.ecosystem], ""
    if package.ecosystem in _SUITES:
        return Ecosystem.DEBIAN, _SUITES[package.ecosystem]
    skipped[f"ecosystem {package.ecosystem}"] += 1
    return None


def _ranges(affected: _Affected, scope: Scope | None) -> Iterator[AffectedRange]:
    package = affected.package
    if package is None or scope is None:
        return
    ecosystem, suite = scope
    python = ecosystem is Ecosystem.PYTHON
    name = canonicalize_name(package.name) if python else package.name
    yield from _ranges_of(affected, AffectedRange(ecosystem, name, suite))


def _ranges_of(affected: _Affected, package: AffectedRange) -> Iterator[AffectedRange]:
    status = _STATUSES.get(_word(affected.ecosystem_specific, "urgency"))
    ordered = [each for each in affected.ranges if each.type != _GIT]
    between = [found for each in ordered for found in ranges_between(each.events, package, status)]
    listed = versions_beside(affected.versions, between, package, status)
    if not between and not listed:  # something is affected, but only a Git tree would tell what
        yield AffectedRange(
            package.ecosystem, package.package, package.suite, status=RangeStatus.UNDETERMINED
        )
    yield from between
    yield from listed


def _severity(document: _Document) -> str:
    """Return the publisher's word (GitHub gives one), else the worst of its vectors."""
    holders: list[_Document | _Affected] = [document, *document.affected]
    said = worst(severity_word(_word(each.database_specific, "severity")) for each in holders)
    vectors = (each.score for holder in holders for each in holder.severity)
    urgencies = (_word(each.ecosystem_specific, "urgency") for each in document.affected)
    return (
        said
        or worst(severity_of_vector(each) for each in vectors)
        or worst(severity_word(each) for each in urgencies)
    )


def _word(specific: object, key: str) -> str:
    """Return a text from where publishers put what they like, empty where it is none."""
    value = specific.get(key) if isinstance(specific, dict) else None
    return value if isinstance(value, str) else ""
