"""The JSON shapes and the lines of results and exceptions."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from herdbook.channels.evidence import Evidence
    from herdbook.channels.exceptions import GateException
    from herdbook.channels.results import Result


def result_shape(result: "Result") -> dict[str, Any]:
    """Return the shape of what came of trying a version."""
    return {
        "kind": result.kind.value,
        "name": result.name,
        "passed": result.passed,
        "at": result.at.isoformat(),
        "who": result.who,
        "text": result.text,
        "parts": [
            {
                "name": each.name,
                "passed": each.passed,
                "seconds": each.seconds,
                "said": each.said,
            }
            for each in result.parts
        ],
    }


def exception_shape(exception: "GateException", now: datetime, void: str = "") -> dict[str, Any]:
    """Return the shape of an exception; `void` says why it does not count, though it holds."""
    return {
        "number": exception.number,
        "name": exception.name,
        "images": exception.images,
        "component": exception.component,
        "owner": exception.owner,
        "until": exception.until.isoformat(),
        "why": exception.why,
        "who": exception.who,
        "at": exception.at.isoformat(),
        "ended_at": exception.ended_at.isoformat() if exception.ended_at else None,
        "ended_by": exception.ended_by,
        "holds": exception.holds(now) and not void,
        "void": void or None,
    }


def result_lines(results: "list[Result]") -> Iterator[str]:
    """Yield what people are told of results, a line each."""
    for each in results:
        failed = f": {', '.join(each.failed)}" if each.failed else ""
        verdict = "passed" if each.passed else f"failed{failed}"
        yield f"{each.title} {verdict}  ({each.who}, {each.at:%Y-%m-%d %H:%M})"


def evidence_lines(evidence: "Evidence") -> Iterator[str]:
    """Yield what people are told of how a version stands, of licences and of exceptions."""
    for each in evidence.tried:
        failed = f": {', '.join(each.failed)}" if each.failed else ""
        never = f": {each.never}" if each.never else ""
        yield f"{each.title}: {each.standing}{failed}{never}"
    for licence in evidence.open_licences:
        yield f"licence not to be used here: {licence.name} in {licence.component}"
    for answered in evidence.excepted:
        until = f"until {answered.until:%Y-%m-%d %H:%M}"
        what = f"{answered.name} in {answered.component}"
        yield f"excepted {until} by {answered.owner}: {what} (exception {answered.number})"
