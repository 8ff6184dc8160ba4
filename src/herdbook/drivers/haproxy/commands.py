"""Says what HAProxy must be told so that it does what a layout says."""

from collections.abc import Iterator

from herdbook.drivers.haproxy.config import server_name
from herdbook.drivers.haproxy.layout import Layout, Place, Slot
from herdbook.fleet.balancing import MemberState

_STATES = {
    MemberState.READY: "ready",
    MemberState.DRAINING: "drain",
    MemberState.GONE: "maint",
}


def between(before: Layout, after: Layout) -> list[str]:
    """Return the commands that lead from one layout to another one with the same slots.

    Whoever gets requests comes first, then whoever gets none any more: at no moment is there
    nobody.
    """
    known = dict(before.places())
    changes = [
        (place, slot, known[place]) for place, slot in after.places() if known[place] != slot
    ]
    changes.sort(key=lambda change: not _is_ready(change[1]))
    return [command for change in changes for command in _of(*change)]


def maintenance(places: set[Place]) -> list[str]:
    """Return the commands that take slots out of use."""
    return [f"set server {server_name(place)} state maint" for place in sorted(places)]


def _is_ready(slot: Slot) -> bool:
    return bool(slot.member and not slot.leaving and slot.member.state is MemberState.READY)


def _of(place: Place, slot: Slot, before: Slot) -> Iterator[str]:
    name = f"set server {server_name(place)}"
    member = slot.member
    if member is None:
        yield f"{name} state maint"
    elif slot.leaving:
        yield f"{name} state drain"
    else:
        if slot.membership != before.membership:
            yield f"{name} addr {member.address} port {member.port}"
        yield f"{name} weight {member.weight}"
        yield f"{name} state {_STATES[member.state]}"
        if member.state is MemberState.GONE:
            yield f"shutdown sessions server {server_name(place)}"
