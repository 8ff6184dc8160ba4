"""The balancer that spreads nothing: the port's promises in memory, with traffic as it is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from herdbook.core.errors import ConflictError, EngineError
from herdbook.drivers.door_checks import check_doors, check_members
from herdbook.fleet.balancing import Door, Member, Traffic
from herdbook.fleet.instances import check_name

Members = dict[str, dict[str, Member]]
"""Members by door and instance."""


@dataclass
class _Opened:
    doors: tuple[Door, ...]
    members: Members
    traffic: dict[tuple[str, str], Traffic] = field(default_factory=dict)
    alive: bool = True


class FakeDoors:
    """A machine's doors, which balancers share as real ones share a machine.

    `placed` counts the changes of members.
    """

    def __init__(self) -> None:
        self.opened: dict[str, _Opened] = {}
        self.placed = 0

    def count(self, application: str, door: str, instance: str, more: Traffic) -> None:
        """Have a member answered `more` requests; sessions and the mean are taken as they are.

        Raises KeyError where there is no such member.
        """
        opened = self.opened[application]
        assert instance in opened.members[door]  # noqa: S101 - a mistake in a test
        known = opened.traffic.get((door, instance), Traffic())
        opened.traffic[door, instance] = replace(
            more, requests=known.requests + more.requests, failed=known.failed + more.failed
        )

    def kill(self, application: str) -> None:
        """End what spreads an application's requests, as somebody else might."""
        self.opened[application].alive = False


class FakeBalancer:
    """Takes note of doors and members; without `doors`, it has a machine of its own."""

    def __init__(self, doors: FakeDoors | None = None) -> None:
        self.machine = doors or FakeDoors()

    def open(self, application: str, doors: Sequence[Door]) -> None:
        """Take note of doors; raises ConflictError where another application has the port."""
        check_name(application)
        check_doors(doors)
        self._refuse_taken(application, doors)
        known = self.machine.opened.get(application)
        members = known.members if known else {}
        kept = {door.name: members.get(door.name, {}) for door in doors}
        self.machine.opened[application] = _Opened(
            tuple(doors), kept, known.traffic if known else {}
        )

    def place(self, application: str, members: Mapping[str, Sequence[Member]]) -> None:
        """Take note of members; raises EngineError where the balancer was killed."""
        opened = self._found(application)
        names = [door.name for door in opened.doors]
        check_members(names, members)
        wanted = {
            door: {member.instance: member for member in members.get(door, ())} for door in names
        }
        if wanted != opened.members:
            self.machine.placed += 1
        opened.traffic = {
            (door, instance): traffic
            for (door, instance), traffic in opened.traffic.items()
            if _stays(opened.members, wanted, door, instance)
        }
        opened.members = wanted
        self._living(application)

    def traffic(self, application: str) -> Mapping[str, Mapping[str, Traffic]]:
        """Return the traffic that was told of; raises EngineError where it was killed."""
        opened = self._living(application)
        return {
            door: {each: opened.traffic.get((door, each), Traffic()) for each in members}
            for door, members in opened.members.items()
        }

    def close(self, application: str) -> None:
        """Forget all doors of an application."""
        check_name(application)
        self.machine.opened.pop(application, None)

    def members(self, application: str) -> Members:
        """Return the members as they were placed last, by door and instance."""
        return self._found(application).members

    def _found(self, application: str) -> _Opened:
        check_name(application)
        if application not in self.machine.opened:
            raise EngineError(f"{application!r} has no doors", hint="Open them first.")
        return self.machine.opened[application]

    def _living(self, application: str) -> _Opened:
        opened = self._found(application)
        if not opened.alive:
            raise EngineError(
                f"The balancer of {application!r} has ended",
                hint="Opening the application's doors again brings it back with its members.",
            )
        return opened

    def _refuse_taken(self, application: str, doors: Sequence[Door]) -> None:
        taken = {
            (door.address, door.port)
            for name, opened in self.machine.opened.items()
            if name != application
            for door in opened.doors
        }
        for door in doors:
            if (door.address, door.port) in taken:
                raise ConflictError(f"Port {door.port} of {door.address} is already in use")


def _stays(before: Members, after: Members, door: str, instance: str) -> bool:
    one, other = before.get(door, {}).get(instance), after.get(door, {}).get(instance)
    return bool(one and other and (one.address, one.port) == (other.address, other.port))
