"""A whole fleet in one thread and simulated time: our own code on a machine that is made up.

A `World` is all that outlives the program: the machine with what runs on it, and the register (a
real one, in SQLite). `serve` is the program: the real loop over the real actions; it keeps nothing
that it does not find again. A copy of a world, taken in the middle of an act, is therefore what a
program that is killed just there leaves behind.
"""

import copy
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from fleet_machine import add_machine
from fleet_workshop import empty_register
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from herdbook.actions.workshop import Workshop
from herdbook.core import digests
from herdbook.core.errors import HerdbookError
from herdbook.core.progress import NoProgress
from herdbook.drivers.fake import (
    Act,
    Behaviour,
    FakeBooks,
    FakeCabling,
    FakeClock,
    FakeComputer,
    FakeDeaths,
    FakeEngine,
    FakeNames,
    FakeProber,
    FakeSwitch,
)
from herdbook.drivers.fake.balancer import FakeBalancer, FakeDoors
from herdbook.drivers.fake.computer import FakeInstance
from herdbook.drivers.fake.volumes import FakeShelf, FakeVolumes
from herdbook.fleet.applications import Component, Release, Settings
from herdbook.fleet.instances import (
    ContainerArtefact,
    MachineArtefact,
    Origin,
    State,
    Wanted,
)
from herdbook.fleet.networks import NetworkPlan
from herdbook.fleet.records import Instance, Role
from herdbook.images.bases import LockedBase
from herdbook.loops.reconcile import Reconciler
from herdbook.recipes.model import Variant
from herdbook.rollouts.model import WAITING, Rollout
from herdbook.rollouts.ports import Application
from herdbook.server.program import open_workshop
from herdbook.server.settings import Settings as ServerSettings
from herdbook.store.audit import SqlAudit
from herdbook.store.channels import SqlChannels
from herdbook.store.fleet import SqlFleet
from herdbook.store.vault import SqlVault

NAME = "shop"
NETWORK = NetworkPlan(f"{NAME}_default", IPv4Network("10.83.0.0/24"), f"{NAME}.internal")

VERSION = "VERSION"
"""The variable of an instance's environment that says of which version it is."""

FARES = "FARES"
"""The variable of an instance's environment that says how it fares: see `_fares`."""

_CONFIGURATION = digests.canonical_json({"architecture": "amd64", "os": "linux"})

IMAGE = LockedBase(
    reference="docker://example.org/service",
    manifest=digests.of_bytes(b"manifest"),
    config=digests.of_bytes(_CONFIGURATION),
    layers=(),
)
"""The image of all containers: somebody else's, which needs no version in the register."""

_REST_SECONDS = 12.0
"""Nothing that comes by itself comes later: pauses between attempts, deadlines, analyses."""

_LIMIT_SECONDS = 180.0

OFF_SECONDS = 1000.0
"""How long a machine takes to be started anew: longer than anything may take that is waited for."""

_ACTS = {
    "engine": ("start", "stop", "observe"),
    "switch": ("lay", "take_up", "plug", "unplug", "plugged"),
    "names": ("serve", "publish", "end"),
    "balancer": ("open", "place", "close"),
    "volumes": ("make", "snapshot", "verify", "restore", "forget_snapshot", "destroy"),
    "register": ("record", "save", "begin", "keep", "add"),
}

_P = ParamSpec("_P")
_T = TypeVar("_T")

Watch = Callable[[Act], None]


class Killed(BaseException):
    """The program ends here; nothing of ours catches it."""


class _Broken(BaseException):
    """Whoever watches has failed: the program, which goes on after faults, must not go on."""

    def __init__(self, failed: Exception) -> None:
        super().__init__(failed)
        self.failed = failed


@dataclass
class Machine:
    """What there is of a machine that no program of ours remembers."""

    clock: FakeClock = field(default_factory=FakeClock)
    computer: FakeComputer = field(default_factory=FakeComputer)
    cabling: FakeCabling = field(default_factory=FakeCabling)
    books: FakeBooks = field(default_factory=FakeBooks)
    doors: FakeDoors = field(default_factory=FakeDoors)
    shelf: FakeShelf = field(default_factory=FakeShelf)
    booted_at: datetime | None = None


@dataclass(frozen=True)
class Step:
    """Something that a person does, or that befalls the machine, once `when` holds."""

    when: "Callable[[World], bool]"
    do: "Callable[[World], None]"


class Here(Executor):
    """Does work at once, in the thread that asks for it."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        future: Future[_T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whoever asks for the result gets it
            future.set_exception(error)
        return future


class _Watched:
    """A driver or register, and a call of `watch` before and after each of its acts."""

    def __init__(self, part: str, driver: object, watch: Watch) -> None:
        self._part = part
        self._driver = driver
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._driver, name)
        if name not in _ACTS[self._part]:
            return found

        def act(*arguments: Any, **named: Any) -> Any:
            subject = arguments[0] if arguments else ""
            what, whom = f"{self._part}.{name}", str(getattr(subject, "name", subject))
            self._watch(Act(what, whom, "before"))
            result = found(*arguments, **named)
            self._watch(Act(what, whom, "after"))
            return result

        return act


class Ground:
    """What all worlds of a test stand on, and none of them changes: an image, and a new register.

    `settled` are worlds that others begin as copies of, by what stands there.
    """

    def __init__(self, state: Path) -> None:
        self.state = state
        self.settled: dict[str, World] = {}
        settings = ServerSettings(state, f"sqlite:///{state}/herdbook.db")
        self.workshop = open_workshop(settings, NoProgress())
        kept = self.workshop.bases.kept(IMAGE.config)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(_CONFIGURATION)
        add_machine(self.workshop)
        self.register = empty_register()


class World:
    """All that outlives the program; `steps` of its script are done."""

    def __init__(
        self, ground: Ground, machine: Machine, register: bytes, script: Sequence[Step] = ()
    ) -> None:
        self.ground = ground
        self.machine = machine
        self.script = script
        self.steps = 0
        self.watch: Watch = lambda _: None
        self.said: list[str] = []
        self._releases: dict[int, Release] = {}
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._connection.deserialize(register)
        self._connection.execute("PRAGMA foreign_keys=ON")
        self._database = _engine_on(self._connection)
        self.commits = 0
        self._breaks_at = 0
        event.listen(self._database, "commit", self._commit)
        self.fleet = SqlFleet(self._database)

    def copy(self) -> "World":
        """Return another world that is just as this one is now."""
        made = World(
            self.ground, copy.deepcopy(self.machine), self._connection.serialize(), self.script
        )
        made.steps = self.steps
        return made

    def break_commit(self, nth: int) -> None:
        """Have the program end within a transaction, at the `nth` commit from now on."""
        self._breaks_at = self.commits + nth

    def _commit(self, _connection: object) -> None:
        self.commits += 1
        if self.commits == self._breaks_at:
            raise Killed

    def close(self) -> None:
        """Forget the register."""
        self._database.dispose()
        self._connection.close()

    # What a person does.

    def keep(self) -> None:
        """Make the application known, with its network."""
        self.fleet.keep(Application(NAME, "/shop", 0, {"default": NETWORK}))

    def release(self, settings: Settings) -> Release:
        """Add a release."""
        return self.fleet.add(settings, self.machine.clock.now())

    def by_hand(self) -> Workshop:
        """What a command works with: nobody watches it."""
        return self._workshop(lambda _: None)

    # What is known of it.

    @property
    def records(self) -> list[Instance]:
        return self.fleet.instances(NAME)

    def component(self, record: Instance) -> Component:
        """Return what an instance is one of."""
        if record.release not in self._releases:
            found = self.fleet.release(NAME, record.release)
            assert found is not None
            self._releases[record.release] = found
        return self._releases[record.release].settings.by_name[record.component]

    @property
    def rollout(self) -> Rollout | None:
        return self.fleet.newest(NAME)

    @property
    def settings(self) -> Settings | None:
        """What stands."""
        found = self.fleet.find(NAME)
        release = self.fleet.release(NAME, found.standing) if found else None
        return release.settings if release else None

    @property
    def running(self) -> dict[str, State]:
        """What is on the machine, by name."""
        every = self.machine.computer.of(self.ground.state)
        return {each.wanted.name: each.state for each in every}

    def facts(self) -> tuple[object, ...]:
        """All that matters of it, to tell whether anything has changed; only time is left out."""
        machine = self.machine
        return (
            self._connection.total_changes,
            self.steps,
            self.running,
            set(machine.cabling.cards),
            dict(machine.cabling.networks),
            {key: (book.networks, book.names) for key, book in machine.books.books.items()},
            {
                name: (each.doors, each.members, each.alive)
                for name, each in machine.doors.opened.items()
            },
            {path: dict(each.files) for path, each in machine.shelf.volumes.items()},
            {path: set(each) for path, each in machine.shelf.snapshots.items()},
        )

    def describe(self) -> str:
        """All that happened, for a person."""
        rollout = self.rollout
        lines = [f"{each.at:%M:%S.%f} {each.words}" for each in self.fleet.happenings(NAME)]
        lines += [f"{each.name} {each.role} r{each.release}" for each in self.records]
        where = f"{rollout.state}: {rollout.reason}, {rollout.progress}" if rollout else "none"
        return "\n".join([*lines, f"runs: {self.running}", f"rollout: {where}", *self.said[-20:]])

    # What befalls it.

    def end(self, name: str) -> None:
        """Have an instance die."""
        self.machine.computer.end(self.ground.state, name, "It was killed")

    def hang(self, name: str) -> None:
        """Have an instance live on, and not answer."""
        self.machine.computer.hang(self.ground.state, name)

    def half_start(self, name: str) -> None:
        """Leave of an instance what an engine that is killed as it starts it leaves."""
        record = next(each for each in self.records if each.name == name)
        here = self.ground.state
        machine = self.component(record).instance.variant is Variant.VM
        artefact = (
            MachineArtefact(here, here, here)
            if machine
            else ContainerArtefact(here, IMAGE.manifest)
        )
        origin = Origin("service", 0, IMAGE.manifest)
        wanted = Wanted(name, origin, artefact, owner=NAME)
        made = FakeInstance(wanted, self.machine.clock.now())
        self.machine.computer.add(self.ground.state, made)
        self.end(name)

    def reboot(self, *, emptied: bool) -> None:
        """Begin anew: nothing runs, and nothing that lies in memory is left.

        Engines that keep their instances on a disk still know them; `emptied` ones do not.
        """
        for name, state in self.running.items():
            if emptied:
                self.machine.computer.remove(self.ground.state, name)
            elif state is State.RUNNING:
                self.machine.computer.end(self.ground.state, name, "The machine was started anew")
        self.machine.cabling.cards.clear()
        self.machine.cabling.networks.clear()
        self.machine.books.books.clear()
        self.machine.doors.opened.clear()
        self.machine.clock.sleep(OFF_SECONDS)
        self.machine.booted_at = self.machine.clock.now()

    def kill_balancers(self) -> None:
        """End what spreads requests."""
        for application in self.machine.doors.opened:
            self.machine.doors.kill(application)

    # The program.

    def serve(self) -> None:
        """Run the program from its start until nothing changes any more; the script goes on."""
        clock, state = self.machine.clock, self.ground.state
        prober = FakeProber(self.machine.computer, state, clock)
        deaths = FakeDeaths(self.machine.computer, clock, pause_seconds=1.0)
        reconciler = Reconciler(
            self._workshop(self._look), prober, deaths, Here(), self.said.append
        )
        began = quiet_since = clock.monotonic_seconds()
        before = self.facts()
        while clock.monotonic_seconds() < quiet_since + _REST_SECONDS:
            try:
                reconciler.turn()
            except _Broken as broken:
                raise broken.failed from None
            self._go_on()
            reconciler.wait()
            now = clock.monotonic_seconds()
            facts = self.facts()
            if facts != before or self.steps < len(self.script) or self._moves():
                before, quiet_since = facts, now
            assert now < began + _LIMIT_SECONDS, f"no rest in {now - began} s\n{self.describe()}"
        faults = [each for each in self.said if "a fault in Herdbook" in each]
        assert not faults, f"{faults}\n{self.describe()}"

    def _moves(self) -> bool:
        rollout = self.rollout
        return rollout is not None and not rollout.over and rollout.state not in WAITING

    def _go_on(self) -> None:
        if self.steps < len(self.script) and self.script[self.steps].when(self):
            self.script[self.steps].do(self)
            self.steps += 1

    def _look(self, act: Act) -> None:
        try:
            self.watch(act)
        except HerdbookError:
            raise  # a driver fails: that is what the program is to stand
        except Exception as error:  # noqa: BLE001 - also an error of the watcher's own
            raise _Broken(error) from None

    def _workshop(self, watch: Watch) -> Workshop:
        machine, state = self.machine, self.ground.state
        clock, computer, shelf = machine.clock, machine.computer, machine.shelf
        engines = {kind: FakeEngine(state, clock, computer, variant=kind.value) for kind in Variant}
        volumes = {
            Variant.CONTAINER: FakeVolumes(state, clock, shelf),
            Variant.VM: FakeVolumes(state / "disks", clock, shelf),
        }
        drivers = {
            "switch": FakeSwitch(state, machine.cabling),
            "names": FakeNames(state, machine.books),
            "balancer": FakeBalancer(machine.doors),
            "fleet": self.fleet,
        }
        watched: dict[str, Any] = {
            name: _Watched("register" if name == "fleet" else name, each, watch)
            for name, each in drivers.items()
        }
        audit = SqlAudit(self._database, state / "audit.key")
        return replace(
            self.ground.workshop,
            engines={
                kind: cast("Any", _Watched("engine", each, watch)) for kind, each in engines.items()
            },
            insides=engines,
            volumes={
                kind: cast("Any", _Watched("volumes", each, watch))
                for kind, each in volumes.items()
            },
            vault=SqlVault(self._database, state / "vault.key"),
            channels=SqlChannels(self._database, audit),
            audit=audit,
            clock=clock,
            booted_at=lambda: machine.booted_at,
            **watched,
        )


def new_world(ground: Ground) -> World:
    """Return a machine on which nothing was ever done."""
    machine = Machine()
    machine.computer.behave(_fares)
    made = World(ground, machine, ground.register)
    made.keep()
    return made


def serving(world: World, component: str, version: str) -> list[Instance]:
    """Return the records of a component's instances that serve, of a release's version."""
    return [
        each
        for each in world.records
        if each.component == component
        and each.role is Role.SERVING
        and world.component(each).instance.environment[VERSION] == version
    ]


def _fares(wanted: Wanted) -> Behaviour:
    """Say how an instance fares by what its release says of it."""
    how = wanted.environment.get(FARES, "")
    attempt = int(wanted.name.rpartition("-")[2])
    known = {
        "job": Behaviour(dies_after_seconds=0.5, death_reason=""),
        "refused": Behaviour(refusal="There is no room"),
        "dies": Behaviour(dies_after_seconds=1.2),
        "never well": Behaviour(well_after_seconds=float("inf")),
        "hangs": Behaviour(hangs_after_seconds=1.2),
        "refused twice": Behaviour(refusal="There is no room" if attempt in {2, 3} else ""),
    }
    return known.get(how, Behaviour(well_after_seconds=0.2))


def _engine_on(connection: sqlite3.Connection) -> Engine:
    return create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
