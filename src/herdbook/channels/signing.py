"""States what a channel got, so that it can be signed, and compares a channel with its audit."""

from collections.abc import Sequence

from pydantic import JsonValue

from herdbook.audit.chain import Entry, Record
from herdbook.channels.model import Assignment
from herdbook.signatures.envelopes import Envelope
from herdbook.signatures.statements import statement

ASSIGNMENT = "urn:herdbook:assignment:1"
"""The type of a statement that a channel means a version; docs/signatures.md says it."""

PROMOTE, FOLLOW = "promote", "follow"
"""What the audit says is done to a channel that gets a version."""


def assignment_statement(assignment: Assignment) -> bytes:
    """Return what is signed of an assignment: all of it."""
    predicate = {
        "number": assignment.number,
        "version": assignment.version,
        "at": assignment.at.timestamp(),
        "who": assignment.who,
        "why": assignment.why,
        "way": assignment.way.value,
    }
    return statement({assignment.place: assignment.digest}, ASSIGNMENT, predicate)


def envelope_of(assignment: Assignment) -> Envelope | None:
    """Return an assignment as it was signed; None for one that was kept unsigned."""
    if not assignment.signature:
        return None
    return Envelope(assignment_statement(assignment), assignment.key, assignment.signature)


def follow_entry(promotion: Entry, assignment: Assignment) -> Entry:
    """Return what the audit says of a channel that follows one that is promoted to."""
    details: dict[str, JsonValue] = {
        "version": assignment.version,
        "digest": assignment.digest,
        "follows": promotion.subject,
    }
    return Entry(who=promotion.who, verb=FOLLOW, subject=assignment.place, details=details)


def gap(history: Sequence[Assignment]) -> str:
    """Return what is missing between what a channel got last and what it means; else empty.

    `history` begins with the newest, and ends with what it means.
    """
    numbers = [each.number for each in history]
    missing = set(range(numbers[-1], numbers[0])) - set(numbers)
    return f"its assignment {max(missing)} is gone" if missing else ""


def put_back(newest: Assignment | None, record: Record | None) -> str:
    """Return what the audit knows that a channel does not; empty where both say the same.

    `record` is the newest one of that channel, `newest` what it got last.
    """
    if record is None:  # of channels from before that was written down, or of none at all
        return ""
    said = record.details.get("version"), record.details.get("digest")
    if newest is not None and (newest.version, newest.digest) == said:
        return ""
    return f"by record {record.number} of the audit it got version {said[0]}, which is not there"
