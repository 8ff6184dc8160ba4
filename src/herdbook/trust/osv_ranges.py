"""Turns the events of OSV into ranges: where the flaw came in, and where it was fixed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cmp_to_key

from herdbook.catalogue.components import Ecosystem
from herdbook.trust.advisories import BEGINNING, AffectedRange, RangeStatus
from herdbook.trust.foreign_json import ForeignModel, Name
from herdbook.trust.ranges import State, state_in
from herdbook.trust.version_order import compare_versions, is_version

_ENDLESS = "*"


class Event(ForeignModel):
    """One event in a package's time; exactly one of these versions is given."""

    introduced: Name | None = None
    fixed: Name | None = None
    last_affected: Name | None = None
    limit: Name | None = None

    @property
    def version(self) -> str:
        """The version it happened in."""
        return self.introduced or self.fixed or self.last_affected or self.limit or ""

    @property
    def end(self) -> str:
        """The first version after it that is not affected; a limit ends a range as a fix does."""
        return self.fixed or (self.limit if self.limit != _ENDLESS else None) or ""


def ranges_between(
    events: Sequence[Event], package: AffectedRange, status: RangeStatus | None
) -> Iterator[AffectedRange]:
    """Yield a range for every time the flaw came in, until the next event that ends it.

    `package` gives ecosystem, name and suite; `status` is what is known beside the bounds.
    """
    introduced = None if any(event.introduced for event in events) else BEGINNING
    for event in _in_order(events, package.ecosystem):
        if event.introduced:
            introduced = introduced or event.introduced
        elif introduced and (event.end or event.last_affected):
            yield replace(
                package,
                introduced=introduced,
                fixed=event.end,
                last_affected=event.last_affected or "" if not event.end else "",
                status=status or (RangeStatus.FIXED if event.end else RangeStatus.OPEN),
            )
            introduced = None
    if introduced and events:
        yield replace(package, introduced=introduced, status=status or RangeStatus.OPEN)


def versions_beside(
    versions: Iterable[str],
    between: Sequence[AffectedRange],
    package: AffectedRange,
    status: RangeStatus | None,
) -> list[AffectedRange]:
    """Return a range of the versions that are listed but lie in no range; none if there are none.

    Most lists only spell the ranges out. Debian's do always, so they are not looked at.
    """
    if between and package.ecosystem is Ecosystem.DEBIAN:
        return []
    beside = tuple(
        version
        for version in dict.fromkeys(versions)
        if all(state_in(each, version) is not State.AFFECTED for each in between)
    )
    return [replace(package, versions=beside, status=status or RangeStatus.OPEN)] if beside else []


def _in_order(events: Sequence[Event], ecosystem: Ecosystem) -> list[Event]:
    """Return events from the oldest version to the newest: writers should sort, but need not.

    As they were written, where there is something among them that cannot be compared.
    """
    if not all(each.version == BEGINNING or is_version(ecosystem, each.version) for each in events):
        return list(events)

    def order(left: Event, right: Event) -> int:
        if BEGINNING in (left.version, right.version):
            return (left.version != BEGINNING) - (right.version != BEGINNING)
        return compare_versions(ecosystem, left.version, right.version) or 0

    return sorted(events, key=cmp_to_key(order))
