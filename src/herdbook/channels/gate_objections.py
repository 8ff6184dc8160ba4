"""Decides which gates speak against a version, and names the next step for each."""

from collections.abc import Iterator

from herdbook.channels.evidence import Evidence, Finding, LicenceFinding, graver_than
from herdbook.channels.gate_rules import Gates
from herdbook.channels.gates import Standing, Tried
from herdbook.channels.objections import Objection, some
from herdbook.channels.results import ResultKind


def gate_objections(gates: Gates, evidence: Evidence, label: str) -> Iterator[Objection]:
    """Yield all that speaks against a version of that label."""
    look = f"See them: herdbook vulnerabilities {label}"
    findings = evidence.open_findings
    grave = graver_than(findings, gates.worst) if gates.worst else []
    if grave:
        words = f"{_some(grave)}: nothing graver than {gates.worst} may be open"
        yield Objection("vulnerabilities", words, look)
    exploited = [each for each in findings if each.exploited]
    if exploited and not gates.exploited:
        yield Objection("exploited", f"{_some(exploited)}: known to be exploited", look)
    if gates.complete and not evidence.complete:
        words = "not all layers were scanned, or no advisories were imported for what is in them"
        yield Objection("complete", words, f"See what: herdbook vulnerabilities {label}")
    yield from _licences(evidence, label.rpartition(":")[0])
    for each in evidence.tried:
        if _is_wanted(gates, each) and each.standing is not Standing.PASSED:
            yield _untried(gates, each, label)


def _is_wanted(gates: Gates, tried: Tried) -> bool:
    match tried.kind:
        case ResultKind.BOOTS:
            return tried.name in gates.boots
        case ResultKind.TESTS:
            return gates.tests
        case ResultKind.REPRODUCED:
            return gates.reproduced
        case ResultKind.COMMAND:
            return any(each.name == tried.name for each in gates.commands)


def _untried(gates: Gates, tried: Tried, label: str) -> Objection:
    again = f"herdbook test {label}" + " --reproduce" * (tried.kind is ResultKind.REPRODUCED)
    if tried.never:
        return Objection(tried.kind, tried.never, "Build a version that has it, and test that.")
    if tried.standing is Standing.FAILED:
        words = f"{tried.title} failed: {some(tried.failed) or 'nothing was tried'}"
        return Objection(tried.kind, words, f"See why, and try again: {again}")
    if tried.standing is Standing.STALE:
        words = f"{tried.title} passed more than {gates.tested_within} ago"
        return Objection(tried.kind, words, f"Try again: {again}")
    words = f"{tried.title}: nobody has found that out, or nobody's word that counts is on it"
    return Objection(tried.kind, words, f"Find out: {again}")


def _licences(evidence: Evidence, image: str) -> Iterator[Objection]:
    if found := evidence.open_licences:
        first = found[0]
        remedy = (
            f"Take them out, or answer for them: herdbook exception add {first.name!r} "
            f"--component {first.component.partition(' ')[0]} --images {image} "
            "--owner WHO --until DATE --why TEXT"
        )
        yield Objection("licences", f"{_some(found)}: not to be used here", remedy)


def _some(findings: list[Finding] | tuple[LicenceFinding, ...]) -> str:
    return some([f"{each.name} in {each.component}" for each in findings])
