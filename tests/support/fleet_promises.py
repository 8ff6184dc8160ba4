"""What must hold of a fleet: at every act, once all is at rest, and of what is remembered."""

from collections import defaultdict
from ipaddress import IPv4Address
from pathlib import Path

from fake_fleet import NAME, NETWORK, VERSION, World
from fleet_scenarios import Scenario, Serves

from herdbook.compose.wishes import Herding
from herdbook.drivers.fake import Act
from herdbook.fleet.applications import Release
from herdbook.fleet.instances import State, Wanted
from herdbook.fleet.records import Role
from herdbook.rollouts.model import WAITING

_IDLE = frozenset(
    {
        *("balancer.open", "balancer.place", "balancer.close"),
        *("names.serve", "names.publish", "names.end"),
        *("switch.lay", "switch.take_up", "switch.plugged", "engine.observe"),
    }
)
"""What is asked for again and again, and changes nothing where all is as it should be."""


class Guard:
    """Looks at a world at every act of the program, and notes what an instance writes.

    An instance that starts writes its version into its volumes, so that their data tells who had
    them.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.acts: list[Act] = []

    def __call__(self, act: Act) -> None:
        self.acts.append(act)
        living = self._holders()
        for path, names in living.items():
            assert len(names) <= 1, f"{act}: {names} hold {path}\n{self.world.describe()}"
        if act.what == "engine.start" and act.moment == "before":
            self._before_start(act.name)
        elif act.what == "engine.start":
            self._write(act.name)

    def _holders(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for each in self.world.machine.computer.of(self.world.ground.state):
            if each.state is State.RUNNING:
                for path in _volumes(each.wanted):
                    found[str(path)].append(each.wanted.name)
        return found

    def _before_start(self, name: str) -> None:
        record = next(each for each in self.world.records if each.name == name)
        component = self.world.component(record)
        if component.herding is not Herding.PET:
            return
        version = component.instance.environment[VERSION]
        shelf = self.world.machine.shelf
        for path, volume in shelf.volumes.items():
            if volume.files and version not in volume.files:
                kept = shelf.snapshots.get(path, {}).values()
                assert any(version not in each.files and each.files for each in kept), (
                    f"{name} starts on data that nobody put aside\n{self.world.describe()}"
                )

    def _write(self, name: str) -> None:
        computer = self.world.machine.computer
        found = computer.find(self.world.ground.state, name)
        for path in _volumes(found.wanted):
            files = self.world.machine.shelf.volumes[path].files
            files[_version(found.wanted)] = b"written"


def check_idle(acts: list[Act]) -> None:
    """Nothing is done by a program that finds all as it should be."""
    done = [each for each in acts if each.what not in _IDLE]
    assert not done, done


def check_rest(world: World) -> None:
    """What is there, what is recorded, and who is found are one and the same."""
    records = world.records
    passing = [each.name for each in records if each.role not in {Role.SERVING, Role.DONE}]
    assert not passing, f"{passing} are on their way"
    alive = {each.name for each in records if each.role is Role.SERVING}
    assert world.running == dict.fromkeys(alive, State.RUNNING), "instances and records"
    plugged = {name for _, name in world.machine.cabling.cards}
    assert plugged == alive, "network cards"
    slots = [(each.component, each.slot) for each in records]
    assert len(set(slots)) == len(slots), "two are in one slot"
    addresses = [address for each in records for address in each.addresses.values()]
    assert len(set(addresses)) == len(addresses), "two have one address"
    release = _in_force(world)
    if release is None:
        _check_nothing_left(world)
    else:
        _check_found(world, release)
    rollout = world.rollout
    assert rollout is None or rollout.over or rollout.state in WAITING, rollout
    assert rollout is None or rollout.reason, rollout


def check_end(world: World, scenario: Scenario) -> None:
    """It has come to just what was wanted."""
    rollout = world.rollout
    assert rollout is not None
    assert rollout.state is scenario.ends, f"{rollout.state}: {rollout.reason}"
    settings = world.settings
    found = {each.name: each for each in settings.components} if settings else {}
    assert bool(found) == scenario.stands
    assert there(world) == scenario.serves
    for each in world.records:
        assert each.weight == 100, each


def check_standing(world: World) -> None:
    """Whatever a rollout has come to: where it is over, all that stands is there."""
    rollout, settings = world.rollout, world.settings
    if rollout is None or rollout.over:
        wanted = {
            each.name: (each.instance.environment[VERSION], each.replicas)
            for each in (settings.components if settings else ())
        }
        assert there(world) == wanted, f"{there(world)} instead of {wanted}"


def there(world: World) -> Serves:
    """Return how many instances of which version are there; mixed versions are named together."""
    found: dict[str, list[str]] = defaultdict(list)
    for each in world.records:
        found[each.component].append(world.component(each).instance.environment[VERSION])
    return {name: (" and ".join(sorted(set(each))), len(each)) for name, each in found.items()}


class Memory:
    """What is remembered of a world, and must be remembered ever after."""

    def __init__(self, world: World) -> None:
        self._happenings = world.fleet.happenings(NAME)
        self._releases = world.fleet.releases(NAME)
        self._rollouts = [each.number for each in world.fleet.rollouts(NAME)]
        self._snapshots = {path: set(each) for path, each in world.machine.shelf.snapshots.items()}

    def check(self, world: World) -> None:
        """Nothing of it is forgotten."""
        assert world.fleet.happenings(NAME)[: len(self._happenings)] == self._happenings
        releases = world.fleet.releases(NAME)
        assert releases[len(releases) - len(self._releases) :] == self._releases
        rollouts = [each.number for each in world.fleet.rollouts(NAME)]
        assert rollouts[len(rollouts) - len(self._rollouts) :] == self._rollouts
        for path, names in self._snapshots.items():
            assert names <= set(world.machine.shelf.snapshots[path])


def _in_force(world: World) -> Release | None:
    """Return the release whose doors are open."""
    found, rollout = world.fleet.find(NAME), world.rollout
    number = found.standing if found else 0
    if rollout is not None and not rollout.over:
        number = rollout.goal
    return world.fleet.release(NAME, number)


def _check_nothing_left(world: World) -> None:
    machine = world.machine
    assert not world.records
    assert not machine.doors.opened, "doors are still open"
    assert not machine.books.books, "names are still answered"
    assert not machine.cabling.networks, "networks are still laid"


def _check_found(world: World, release: Release) -> None:
    serving = [each for each in world.records if each.role is Role.SERVING]
    names: dict[str, set[IPv4Address]] = defaultdict(set)
    members: dict[str, dict[str, tuple[str, int, int]]] = {}
    for component in release.settings.components:
        mine = [each for each in serving if each.component == component.name]
        for each in mine:
            address = each.addresses["default"]
            names[component.name].add(address)
            names[f"{component.name}-{each.slot}"].add(address)
        for door in component.doors:
            members[door.name] = {
                each.name: (str(each.addresses["default"]), door.target, each.weight)
                for each in mine
            }
    opened = world.machine.doors.opened[NAME]
    assert opened.alive
    found = {
        door: {name: (each.address, each.port, each.weight) for name, each in behind.items()}
        for door, behind in opened.members.items()
    }
    assert found == members, "behind the doors"
    book = world.machine.books.books[world.ground.state, NAME]
    assert {name: set(each) for name, each in book.names.items()} == names, "names"
    assert book.networks == (NETWORK,)
    assert set(world.machine.cabling.networks.values()) == {NETWORK}


def _volumes(wanted: Wanted) -> list[Path]:
    """Return where the volumes of a container or a machine are."""
    return [*(each.source for each in wanted.mounts), *(each.path for each in wanted.volumes)]


def _version(wanted: Wanted) -> str:
    return wanted.environment[VERSION]
