"""Decides which member gets which slot."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from herdbook.drivers.haproxy.layout import Layout, Slot
from herdbook.fleet.balancing import Member


def assign(layout: Layout, members: Mapping[str, Sequence[Member]]) -> Layout:
    """Return the layout in which just these members are behind the doors.

    A member keeps its slot as long as it keeps its address; anywhere else it is a new one, and
    its old slot is leaving: the sessions there must never meet the new address. New members get
    the slots that have been free for longest. Slots are doubled where there are not enough.
    """
    memberships = layout.memberships
    rows = {}
    for door, row in layout.slots.items():
        slots = _keep(row, {member.instance: member for member in members.get(door, ())})
        new = _new(slots, members.get(door, ()))
        for member, number in zip(new, _room(slots, len(new)), strict=True):
            memberships += 1
            slots[number] = Slot(member, memberships)
        rows[door] = tuple(slots)
    return replace(layout, slots=rows, memberships=memberships)


def _keep(row: Sequence[Slot], wanted: Mapping[str, Member]) -> list[Slot]:
    slots = []
    for slot in row:
        member = slot.member and wanted.get(slot.member.instance)
        if slot.member is None or slot.leaving:
            slots.append(slot)
        elif member and _endpoint(member) == _endpoint(slot.member):
            slots.append(replace(slot, member=member))
        else:
            slots.append(replace(slot, leaving=True))
    return slots


def _new(slots: Sequence[Slot], members: Sequence[Member]) -> list[Member]:
    kept = {slot.member.instance for slot in slots if slot.member and not slot.leaving}
    return [member for member in members if member.instance not in kept]


def _room(slots: list[Slot], count: int) -> list[int]:
    free = [index for index, slot in enumerate(slots) if slot.member is None]
    while len(free) < count:
        free.extend(range(len(slots), 2 * len(slots)))
        slots.extend([Slot()] * len(slots))
    return sorted(free, key=lambda index: slots[index].membership)[:count]


def _endpoint(member: Member) -> tuple[str, int]:
    return member.address, member.port
