"""Decides what is sent next, and when it is tried again."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from herdbook.audit.chain import Record
from herdbook.notifications.model import Course, Kind, Subscription

TOO_OLD = timedelta(days=1)
"""Who could not be told for so long is not told of it any more: it is in the audit."""

_FIRST_WAIT = timedelta(seconds=10)
_LONGEST_WAIT = timedelta(hours=1)
_AT_ONCE = 100


@dataclass(frozen=True)
class Next:
    """What is sent now: nothing, or so many records at once; `course` holds once that is done."""

    records: tuple[Record, ...]
    course: Course


def is_due(course: Course, now: datetime) -> bool:
    """Tell whether something may be sent."""
    return course.again_at is None or now >= course.again_at


def next_of(
    subscription: Subscription, course: Course, records: Iterable[Record], now: datetime
) -> Next:
    """Return what is sent next of the records after a course's number.

    A webhook gets one at a time, a mail holds all that there are, up to a hundred.
    """
    most = 1 if subscription.kind is Kind.WEBHOOK else _AT_ONCE
    found: list[Record] = []
    number, given_up = course.number, course.given_up
    for record in records:
        number = record.number
        if not subscription.wants(record):
            continue
        if now - record.at > TOO_OLD:
            given_up += 1
            continue
        found.append(record)
        if len(found) == most:
            break
    return Next(tuple(found), replace(course, number=number, given_up=given_up))


def told(course: Course, now: datetime) -> Course:
    """Return a course after something was sent."""
    return replace(course, failures=0, again_at=None, trouble="", told_at=now)


def failed(course: Course, now: datetime, trouble: str) -> Course:
    """Return a course after something could not be sent: each time it waits twice as long."""
    wait = min(_FIRST_WAIT * 2 ** min(course.failures, 20), _LONGEST_WAIT)
    failures = course.failures + 1
    return replace(course, failures=failures, again_at=now + wait, trouble=trouble)
