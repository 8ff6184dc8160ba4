"""Knows which instance has which slot of each door, and keeps that as one line of text."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from herdbook.fleet.balancing import Door, DoorMode, Member, MemberState


@dataclass(frozen=True)
class Slot:
    """A `server` line of HAProxy: free without a member.

    `membership` is the number of the last membership there, which no other one ever has; 0 says
    that there was none. A `leaving` member gets nothing new and has sessions that go on.
    """

    member: Member | None = None
    membership: int = 0
    leaving: bool = False


Place = tuple[str, int]
"""A slot's door and its number, which counts from 1."""


@dataclass(frozen=True)
class Layout:
    """The doors of an application and their slots; `memberships` have been numbered so far.

    `certificates` is a digest of their contents: a renewed one is a change, too.
    """

    doors: tuple[Door, ...] = ()
    slots: Mapping[str, tuple[Slot, ...]] = field(default_factory=dict)
    memberships: int = 0
    certificates: str = ""

    def places(self) -> Iterator[tuple[Place, Slot]]:
        """Yield all slots with where they are."""
        for door, slots in self.slots.items():
            for number, slot in enumerate(slots, 1):
                yield (door, number), slot

    def leaving(self) -> set[Place]:
        """Return the slots whose members only end what they have begun."""
        return {place for place, slot in self.places() if slot.leaving}

    def freed(self, places: set[Place]) -> "Layout":
        """Return the layout with some slots free."""
        rows = {
            door: tuple(
                Slot(membership=slot.membership) if (door, number) in places else slot
                for number, slot in enumerate(row, 1)
            )
            for door, row in self.slots.items()
        }
        return replace(self, slots=rows)

    def emptied(self) -> "Layout":
        """Return the layout with no member at all."""
        return self.freed({place for place, slot in self.places() if slot.member})

    def with_doors(self, doors: Sequence[Door], certificates: str) -> "Layout":
        """Return the layout with other doors; those that stay keep their members and slots."""
        rows = {}
        for door in doors:
            row = self.slots.get(door.name, ())
            rows[door.name] = row + (Slot(),) * (door.slots - len(row))
        return replace(self, doors=tuple(doors), slots=rows, certificates=certificates)


def to_line(layout: Layout) -> str:
    """Return a layout as one line."""
    document = {
        "doors": [{**asdict(door), "mode": door.mode.value} for door in layout.doors],
        "slots": {door: [_written(slot) for slot in row] for door, row in layout.slots.items()},
        "memberships": layout.memberships,
        "certificates": layout.certificates,
    }
    return json.dumps(document, separators=(",", ":"))


def from_line(line: str) -> Layout:
    """Return what `to_line` wrote; raises ValueError, KeyError or TypeError for anything else."""
    document = json.loads(line)
    return Layout(
        doors=tuple(_door(each) for each in document["doors"]),
        slots={door: tuple(map(_slot, row)) for door, row in document["slots"].items()},
        memberships=document["memberships"],
        certificates=document["certificates"],
    )


def _door(document: dict[str, object]) -> Door:
    hosts = document["hosts"]
    assert isinstance(hosts, list)  # noqa: S101 - for the type checker
    return Door(**{**document, "mode": DoorMode(document["mode"]), "hosts": tuple(hosts)})  # type: ignore[arg-type]


def _written(slot: Slot) -> list[object]:
    """A slot as a list: there may be thousands, and most of them are free."""
    member = slot.member
    if member is None:
        return [slot.membership]
    place = [member.instance, member.address, member.port, member.weight, member.state.value]
    return [slot.membership, slot.leaving, *place]


def _slot(row: list[object]) -> Slot:
    membership, *rest = row
    assert isinstance(membership, int)  # noqa: S101 - for the type checker
    if not rest:
        return Slot(membership=membership)
    leaving, instance, address, port, weight, state = rest
    member = Member(instance, address, port, weight, MemberState(state))  # type: ignore[arg-type]
    return Slot(member, membership, leaving=bool(leaving))
