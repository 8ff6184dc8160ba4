"""Writes what is sent: an event for programs (CloudEvents 1.0), or a text for people."""

import json
from collections.abc import Sequence
from typing import Any

from herdbook.audit.chain import Record
from herdbook.core import digests
from herdbook.notifications.model import Message

CLOUD_EVENT = "application/cloudevents+json"
"""The type of an event in structured mode (CloudEvents 1.0, HTTP protocol binding 3.2)."""

_TYPE = "io.herdbook"


def event(record: Record, source: str) -> Message:
    """Return a record as an event of the installation that `source` names, a URI.

    Its identity is the record's digest: who is told twice can tell.
    """
    data = {"number": record.number, "who": record.who, "details": dict(record.details)}
    content = {
        "specversion": "1.0",
        "id": record.digest,
        "source": source,
        "type": f"{_TYPE}.{record.verb}",
        "subject": record.subject,
        "time": record.at.isoformat(),
        "datacontenttype": "application/json",
        "data": data,
    }
    return Message(record.digest, digests.canonical_json(content))


def text(records: Sequence[Record], source: str) -> Message:
    """Return records as a text, one after the other."""
    first, *others = records
    subject = f"Herdbook: {_line(first)}" + (f" and {len(others)} more" if others else "")
    parts = [f"{_line(each)}\n{_details(each)}" for each in records]
    content = "\n".join([*parts, f"-- \n{source}, records {_numbers(records)} of the audit\n"])
    return Message(records[-1].digest, content.encode(), subject)


def _line(record: Record) -> str:
    return f"{record.who}: {record.verb} {record.subject}"


def _details(record: Record) -> str:
    said = {"at": f"{record.at:%Y-%m-%d %H:%M:%S} UTC", **record.details}
    return "".join(f"  {name}: {_value(value)}\n" for name, value in said.items() if value != "")


def _value(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _numbers(records: Sequence[Record]) -> str:
    first, last = records[0].number, records[-1].number
    return str(first) if first == last else f"{first} to {last}"
