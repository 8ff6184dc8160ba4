"""The doors of a release: where requests come in, and which components stand behind each."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from types import MappingProxyType

from herdbook.core.digests import Digest
from herdbook.core.errors import ConflictError
from herdbook.fleet.applications import Component, DoorUse, Release, Settings
from herdbook.fleet.balancing import Door, DoorMode, Member, MemberState
from herdbook.fleet.records import Instance, Role

_SPARE = 2
"""Old and new instances stand behind a door at the same time."""

_FEWEST_SLOTS = 16
_STATES = {Role.SERVING: MemberState.READY, Role.DRAINING: MemberState.DRAINING}


@dataclass
class _Entrance:
    """One door, and the port inside of each component behind it."""

    use: DoorUse
    targets: dict[str, int] = field(default_factory=dict)
    replicas: int = 0


@dataclass(frozen=True)
class Doors:
    """The doors of a release, by name."""

    _entrances: Mapping[str, _Entrance]
    _revisions: Mapping[str, Digest]

    @classmethod
    def of(cls, settings: Settings) -> "Doors":
        """Return a release's doors; components that share an entrance stand behind one door.

        Raises ConflictError where two want the same address and do not say that they share it.
        """
        found: dict[tuple[str, int, tuple[str, ...]], _Entrance] = {}
        for component in settings.components:
            for use in component.doors:
                _add(found, component, use)
        for one, other in combinations(found.values(), 2):
            _refuse_same_place(one, other)
        revisions = {each.name: each.revision for each in settings.components}
        return cls({each.use.name: each for each in found.values()}, revisions)

    def doors(self) -> list[Door]:
        """Return them as a balancer opens them."""
        return [
            Door(
                name,
                each.use.address,
                each.use.port,
                each.use.mode,
                _slots_for(each.replicas),
                each.use.hosts,
                each.use.certificate,
            )
            for name, each in self._entrances.items()
        ]

    def members(
        self,
        records: Iterable[Instance],
        releases: Mapping[int, Release] = MappingProxyType({}),
        dead: Collection[str] = (),
    ) -> dict[str, list[Member]]:
        """Return who stands behind each door: what serves, and what still drains.

        What was started for another one of `releases`, and differs, is reached at the port that
        that one named for the door's place. Of those that are `dead`, what they had begun is
        broken off.
        """
        found: dict[str, list[Member]] = {name: [] for name in self._entrances}
        for record in records:
            state = MemberState.GONE if record.name in dead else _STATES.get(record.role)
            address = next(iter(record.addresses.values()), None)
            if state is None or address is None:
                continue
            for name, entrance in self._entrances.items():
                target = self._target(entrance, record, releases)
                if target is not None:
                    member = Member(record.name, str(address), target, record.weight, state)
                    found[name].append(member)
        return found

    def _target(
        self, entrance: _Entrance, record: Instance, releases: Mapping[int, Release]
    ) -> int | None:
        revision = self._revisions.get(record.component)
        target = entrance.targets.get(record.component)
        if target is None or revision == record.revision or record.release not in releases:
            return target
        own = releases[record.release].settings.by_name.get(record.component)
        doors = own.doors if own else ()
        return {each.place: each.target for each in doors}.get(entrance.use.place)


def _add(
    found: dict[tuple[str, int, tuple[str, ...]], _Entrance], component: Component, use: DoorUse
) -> None:
    entrance = found.setdefault(use.place, _Entrance(use))
    if entrance.targets and not _may_share(entrance.use, use):
        other = next(iter(entrance.targets))
        raise ConflictError(
            f"{other} and {component.name} both want port {use.port} of {use.address}",
            hint="Publish another port, or let them share the door: give both the same "
            "`x-herdbook.ingress`.",
        )
    entrance.targets[component.name] = use.target
    entrance.replicas += component.replicas


def _refuse_same_place(one: _Entrance, other: _Entrance) -> None:
    """Raise ConflictError for two doors at one place that requests do not tell apart."""
    use, beside = one.use, other.use
    if (use.address, use.port) != (beside.address, beside.port):
        return
    told_apart = (use.hosts or beside.hosts) and not set(use.hosts) & set(beside.hosts)
    if use.mode is beside.mode is DoorMode.HTTP and told_apart:
        return
    who = " and ".join(dict.fromkeys([*one.targets, *other.targets]))
    raise ConflictError(
        f"{who} want port {use.port} of {use.address} for different things",
        hint="Publish another port; only HTTP doors with hosts of their own can have the same one.",
    )


def _may_share(one: DoorUse, other: DoorUse) -> bool:
    return one.shared and other.shared and one.mode is other.mode


def _slots_for(replicas: int) -> int:
    """Return for how many members a door has room: a power of two."""
    slots = _FEWEST_SLOTS
    while slots < replicas * _SPARE:
        slots *= 2
    return slots
