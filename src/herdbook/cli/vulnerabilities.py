"""Shows the vulnerabilities of a version: as a table for people, as a shape for scripts."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from herdbook.catalogue.model import Variant, Version
from herdbook.cli.output import Output
from herdbook.images.documents import timestamp
from herdbook.trust.advisories import RangeStatus, Statement
from herdbook.trust.matching import package_of, scope_of, version_of
from herdbook.trust.severities import RANKED
from herdbook.trust.vulnerabilities import Report, Vulnerability

_UNKNOWN = "unknown"
_MARK = "!"


def print_report(version: Version, report: Report, output: Output, *, every: bool) -> None:
    """Print a table of what has to be looked at and of what was cleared, and a summary."""
    shown = [each for each in report.vulnerabilities if every or each.open or each.verdict.cleared]
    if shown:
        output.text("")
        output.table(
            ["vulnerability", "severity", "component", "installed", "fixed in", "state"],
            _rows(shown, [each.kind for each in version.variants]),
        )
        output.text("")
    for note in dict.fromkeys(_note(each) for each in shown):
        if note:
            output.text(note)
    for line in _summary(report, every=every):
        output.text(line)


def _rows(shown: Iterable[Vulnerability], kinds: list[Variant]) -> list[list[str]]:
    """Return a row for each vulnerability and source: what was built from it, in one cell."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for each in shown:
        component = each.component
        within = "" if list(each.variants) == kinds else f" ({', '.join(each.variants)})"
        key = (
            each.name,
            f"{each.severity or '-'}{f' {_MARK}' if each.exploited else ''}",
            package_of(component),
            within,
            version_of(component),
            _fix(each),
            _state(each),
        )
        rows.setdefault(key, []).append(component.name)
    return [
        [name, severity, f"{', '.join(dict.fromkeys(names))}{within}", installed, fix, state]
        for (name, severity, _, within, installed, fix, state), names in rows.items()
    ]


def _fix(each: Vulnerability) -> str:
    if not each.fixed and each.verdict.finding.status is RangeStatus.IGNORED:
        return "never"
    return each.fixed or "-"


def _state(each: Vulnerability) -> str:
    if each.verdict.cleared:
        return "cleared"
    if not each.open:
        return "unimportant"
    return each.verdict.finding.state


def _note(each: Vulnerability) -> str:
    """Return who said what of a vulnerability here."""
    said = each.verdict.statement
    if said is None:
        return ""
    reasons = ", ".join(filter(None, (said.justification, said.explanation)))
    why = f": {reasons}" if reasons else ""
    day = said.timestamp[:10]
    return f"{each.name}: {said.status} says {said.author} ({day}){why}"


def _summary(report: Report, *, every: bool) -> Iterable[str]:
    counts = _counts(report)
    known = report.components - len(report.no_data)
    among = f"{known} components" if report.complete else f"the {known} components with data"
    if counts["open"]:
        holders = len({each.component.purl for each in report.open})
        said = [f"{counts[word]} {word}" for word in (*RANKED[::-1], _UNKNOWN) if counts[word]]
        exploited = f"; {counts['exploited']} exploited ({_MARK})" if counts["exploited"] else ""
        yield f"{counts['open']} open in {holders} of {among}: {', '.join(said)}{exploited}"
    elif known or report.complete:
        yield f"no open vulnerability in {among}"
    else:
        yield "nothing is known of its vulnerabilities"
    beside = [f"{counts[word]} {word}" for word in ("cleared", "unimportant") if counts[word]]
    if beside:
        hint = "" if every or not counts["unimportant"] else " (--all lists them)"
        yield f"besides: {', '.join(beside)}{hint}"
    if report.no_data:
        scopes = Counter(" ".join(filter(None, scope_of(each))) for each, _ in report.no_data)
        said = [f"{scope} ({count})" for scope, count in sorted(scopes.items())]
        yield f"no data: {', '.join(said)}"
    if report.not_scanned:
        titles = ", ".join(dict.fromkeys(each.title for each, _ in report.not_scanned))
        yield f"not scanned: {titles}"


def _counts(report: Report) -> dict[str, int]:
    """Return how many vulnerabilities there are, each once in however many components."""
    by_name: dict[str, Vulnerability] = {}
    for each in report.vulnerabilities:  # sorted by how much they matter
        by_name.setdefault(each.name, each)
    opened = [each for each in by_name.values() if each.open]
    severities = Counter(each.severity or _UNKNOWN for each in opened)
    cleared = sum(each.verdict.cleared for each in by_name.values())
    return {
        "open": len(opened),
        "exploited": sum(each.exploited is not None for each in opened),
        **{word: severities[word] for word in (*RANKED[::-1], _UNKNOWN)},
        "cleared": cleared,
        "unimportant": len(by_name) - len(opened) - cleared,
    }


def report_shape(version: Version, report: Report) -> dict[str, Any]:
    """Return a report, with what is unimportant and what was cleared."""
    return {
        "image": version.image,
        "number": version.number,
        "digest": version.digest,
        "created_at": timestamp(version.created_at),
        "variants": [each.kind.value for each in version.variants],
        "complete": report.complete,
        "counts": _counts(report)
        | {
            "components": report.components,
            "no_data": len(report.no_data),
            "not_scanned": len(report.not_scanned),
        },
        "vulnerabilities": [_shape(each) for each in report.vulnerabilities],
        "no_data": [{"purl": each.purl, "variants": list(kinds)} for each, kinds in report.no_data],
        "not_scanned": [
            {"layer": each.layer, "title": each.title, "variants": list(kinds)}
            for each, kinds in report.not_scanned
        ],
    }


def _shape(each: Vulnerability) -> dict[str, Any]:
    finding, marked = each.verdict.finding, each.exploited
    return {
        "name": each.name,
        "advisories": list(each.advisories),
        "severity": each.severity or None,
        "summary": each.summary,
        "open": each.open,
        "state": finding.state.value,
        "status": finding.status.value,
        "purl": each.component.purl,
        "package": package_of(each.component),
        "installed": version_of(each.component),
        "fixed": each.fixed or None,
        "exploited": {"added": marked.added, "due": marked.due or None} if marked else None,
        "statement": _statement_shape(each.verdict.statement),
        "variants": list(each.variants),
    }


def _statement_shape(said: Statement | None) -> dict[str, Any] | None:
    if said is None:
        return None
    return {
        "status": said.status.value,
        "author": said.author,
        "timestamp": said.timestamp,
        "justification": said.justification or None,
        "explanation": said.explanation or None,
    }
