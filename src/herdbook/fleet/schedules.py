"""Says when something was due last: by a cron line in UTC, or by a duration since the last time."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from herdbook.compose.units import seconds_of

_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_FIELDS = len(_BOUNDS)
_SUNDAY = 7
_DAY = timedelta(days=1)
_APART = timedelta(minutes=10)
"""Clocks that differ by no more are taken for right."""


def is_duration(schedule: str) -> bool:
    """Tell whether a checked schedule (compose/schedules.py) is a duration, not a cron line."""
    return len(schedule.split()) != _FIELDS


def is_ahead(moment: datetime, now: datetime) -> bool:
    """Tell whether a moment is in the future, so that the clock it was read from was wrong."""
    return moment > now + _APART


def is_due(schedule: str, last: datetime | None, since: datetime, now: datetime) -> bool:
    """Tell whether something is to be done now; however often it was missed, it is due once.

    `last` is when it was done last. Where it never was, a duration is over at once, and a cron
    line waits for its first moment after `since`. From a moment in the future nothing can be
    told: it is due.
    """
    if is_ahead(last or since, now):
        return True
    if is_duration(schedule):
        return last is None or (now - last).total_seconds() >= seconds_of(schedule)
    return last_moment(schedule, last or since, now) is not None


def last_moment(cron: str, after: datetime, until: datetime) -> datetime | None:
    """Return the last moment of a cron line that is later than `after` and not after `until`.

    As with cron(8), a day is right if either its number or its weekday is, where neither field
    begins with a star; else both have to be.
    """
    minutes, hours, days, months, weekdays = (
        frozenset(_values(written, *bounds))
        for written, bounds in zip(cron.split(), _BOUNDS, strict=True)
    )
    _, _, day_field, _, weekday_field = cron.split()
    either = not (day_field.startswith("*") or weekday_field.startswith("*"))
    after, until = after.astimezone(UTC), until.astimezone(UTC)
    day = until.date()
    while day >= after.date():
        wanted = (day.day in days, day.isoweekday() % _SUNDAY in weekdays)
        if day.month in months and (any(wanted) if either else all(wanted)):
            for moment in _backwards(datetime.combine(day, time(), UTC), hours, minutes):
                if after < moment <= until:
                    return moment
        day -= _DAY
    return None


def _backwards(day: datetime, hours: frozenset[int], minutes: frozenset[int]) -> Iterator[datetime]:
    for hour in sorted(hours, reverse=True):
        for minute in sorted(minutes, reverse=True):
            yield day.replace(hour=hour, minute=minute)


def _values(written: str, low: int, high: int) -> Iterator[int]:
    """Yield what a field stands for; `5/10` is from 5 to the end, and Sunday is 0 and 7."""
    for part in written.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if first == "*":
            begin, end = low, high
        else:
            begin = int(first)
            end = int(last) if last else high if step else begin
        for value in range(begin, end + 1, int(step or 1)):
            yield value % _SUNDAY if high == _SUNDAY else value
