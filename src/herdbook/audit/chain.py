"""Chains records of what was done, and finds where a chain is not as it was written."""

import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256

from pydantic import BaseModel, ConfigDict, JsonValue

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import VerificationError

BEGINNING = digests.EMPTY
"""What the first record follows on."""

_NEXT = "Find what differs in an export that is kept elsewhere: herdbook audit verify --file FILE"


class Entry(BaseModel):
    """What somebody does: `verb` to `subject`, such as promote to `shop/web@production`.

    `details` are what else makes a difference, never a secret.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    who: str
    verb: str
    subject: str
    details: Mapping[str, JsonValue] = {}


class Record(Entry):
    """An entry in its place: the `number`-th from 1; its digest covers it and all before it."""

    number: int
    at: datetime
    digest: Digest


class Head(BaseModel):
    """The newest record of a chain; 0 and BEGINNING for an empty one."""

    model_config = ConfigDict(frozen=True)

    number: int = 0
    digest: Digest = BEGINNING

    def __str__(self) -> str:
        """How people note it: `17:sha256:...`."""
        return f"{self.number}:{self.digest}"


def following(head: Head, entry: Entry, at: datetime) -> Record:
    """Return an entry as the record that comes after `head`."""
    number = head.number + 1
    digest = _digest(head.digest, number, at, entry)
    return Record(**entry.model_dump(), number=number, at=at, digest=digest)


def verify(records: Iterable[Record], head: Head | None, start: Head | None = None) -> Head:
    """Read a chain from `start`, by default its beginning, to its end, and return its head.

    Raises VerificationError that names the first record at which something was changed, cut out,
    added or moved, or that says what the end lacks where it is not `head`.
    """
    last = start or Head()
    for record in records:
        if record.number != last.number + 1:
            raise VerificationError(
                f"Record {last.number + 1} of the audit is missing: {record.number} follows on "
                f"{last.number}",
                hint=_NEXT,
            )
        if record.digest != _digest(last.digest, record.number, record.at, record):
            raise VerificationError(
                f"Record {record.number} of the audit is not the one that was written, or those "
                "before it are not",
                hint=_NEXT,
            )
        last = Head(number=record.number, digest=record.digest)
    if head is not None and last != head:
        raise VerificationError(_wrong_end(last, head), hint=_NEXT)
    return last


def sealed(key: bytes, head: Head) -> str:
    """Return the seal of a head: HMAC-SHA-256, which nobody can make without the key."""
    return hmac.new(key, str(head).encode(), sha256).hexdigest()


def _wrong_end(last: Head, head: Head) -> str:
    if last.number < head.number:
        lacking = head.number - last.number
        return f"The audit is cut off after record {last.number}: {lacking} are missing"
    if last.number > head.number:
        return f"The audit goes on after record {head.number}, which was the last one"
    return f"Record {head.number} of the audit is not the one that was written last"


def _digest(before: Digest, number: int, at: datetime, entry: Entry) -> Digest:
    written = [entry.who, entry.verb, entry.subject, dict(entry.details)]
    return digests.of_json([before, number, at.astimezone(UTC).isoformat(), *written])
