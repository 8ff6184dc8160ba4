"""What is measured: how the server's own work grows with the instances it tends, all of it fake.

Engine, balancer, names and switch are in memory, the register is SQLite. The loop, the actions and
the planner are the real ones; time is simulated, so that only their own work takes any.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

from fake_fleet import IMAGE, NAME, Ground, Here, World, new_world

from herdbook.actions.roll_out import roll_out
from herdbook.actions.tend_application import Tending
from herdbook.drivers.fake import FakeClock, FakeProber
from herdbook.fleet.applications import (
    ApplicationNetwork,
    Component,
    InstanceSpec,
    NetworkUse,
    Settings,
    UpdatePolicy,
)
from herdbook.fleet.instances import RunningProcess
from herdbook.fleet.networks import NetworkPlan
from herdbook.fleet.probes import Probe, ProbeKind
from herdbook.loops.reconcile import Reconciler
from herdbook.recipes.model import Variant
from herdbook.rollouts.plan import plan
from herdbook.rollouts.ports import Application

SIZES = (10, 100, 1_000, 10_000)
_SUBNET = IPv4Network("10.64.0.0/16")
_IDLE_SECONDS = 30.0
_PLANS = 20


@dataclass(frozen=True)
class Row:
    """What one size took; `idle_percent` is of one core, without and with probes answered."""

    instances: int
    up_seconds: float
    adopted_seconds: float
    plan_milliseconds: float
    quiet_percent: float
    probed_percent: float


def measure(instances: int, folder: Path) -> Row:
    """Bring so many instances up, take them over anew, and leave them alone for a while."""
    world = _world(folder, instances)
    before = time.process_time()
    served = _Served(world)
    served.until(lambda: _count(world) == instances)
    up = time.process_time() - before
    served.until(lambda: not served.tending.restless)

    before = time.process_time()
    anew = _Served(world)
    anew.until(lambda: not anew.tending.restless)
    adopted = time.process_time() - before

    situation, now = anew.tending.situation(), world.machine.clock.now()
    before = time.process_time()
    for _ in range(_PLANS):
        plan(situation, now)
    planned = (time.process_time() - before) / _PLANS
    probed = anew.idle(_IDLE_SECONDS)
    anew.prober.close()
    quiet = anew.idle(_IDLE_SECONDS)
    world.close()
    return Row(instances, up, adopted, planned * 1000, quiet, probed)


class _Undying:
    """Watches over processes that never end, at no cost: each wait takes its whole time."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    def follow(self, processes: Mapping[str, RunningProcess]) -> None:
        """Do nothing."""

    def wait(self, limit_seconds: float) -> set[str]:
        """Let the time go by."""
        self._clock.sleep(limit_seconds)
        return set()

    def wake(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class _Served:
    """The server's loop on a world, from its start."""

    def __init__(self, world: World) -> None:
        self.world = world
        clock, state = world.machine.clock, world.ground.state
        self.prober = FakeProber(world.machine.computer, state, clock)
        workshop = world.by_hand()
        self.loop = Reconciler(workshop, self.prober, _Undying(clock), Here(), _hear)
        self.loop.turn()

    @property
    def tending(self) -> Tending:
        """The application in the loop's hands."""
        return self.loop.tended[NAME]

    def until(self, there: Callable[[], bool]) -> None:
        """Go on until something is so."""
        for _ in range(1_000):
            if there():
                return
            self.loop.turn()
            self.loop.wait()
        raise SystemExit("It never came to rest")

    def idle(self, seconds: float) -> float:
        """Return the percentage of a core that so many simulated seconds take, fakes and all."""
        clock = self.world.machine.clock
        began, before = clock.monotonic_seconds(), time.process_time()
        while clock.monotonic_seconds() < began + seconds:
            self.loop.turn()
            self.loop.wait()
        return 100 * (time.process_time() - before) / seconds


def _hear(words: str) -> None:
    """End where the loop, which would go on, tells of a fault: what it costs then says nothing."""
    if "a fault in Herdbook" in words:
        raise SystemExit(words)


def _world(folder: Path, instances: int) -> World:
    world = new_world(Ground(folder))
    plan_ = NetworkPlan(f"{NAME}_default", _SUBNET, f"{NAME}.internal")
    world.fleet.keep(Application(NAME, "/shop", 0, {"default": plan_}))
    release = world.release(_settings(instances))
    roll_out(world.by_hand(), release)
    return world


def _settings(instances: int) -> Settings:
    spec = InstanceSpec(
        variant=Variant.CONTAINER,
        image="example.org/service",
        number=0,
        digest=IMAGE.manifest,
        base=IMAGE,
        networks=(NetworkUse(network="default"),),
        probe=Probe(ProbeKind.TCP, port=80),
    )
    policy = UpdatePolicy(parallelism=0, bake_seconds=0, monitor_seconds=0)
    return Settings(
        application=NAME,
        domain=f"{NAME}.internal",
        components=(Component(name="web", replicas=instances, instance=spec, update=policy),),
        networks=(ApplicationNetwork(name="default"),),
    )


def _count(world: World) -> int:
    return sum(each.role.value == "serving" for each in world.records)


def measure_scale() -> list[Row]:
    """Measure all sizes."""
    rows = []
    for size in SIZES:
        with TemporaryDirectory() as folder:
            rows.append(measure(size, Path(folder)))
        print(f"  {rows[-1]}", flush=True)
    return rows


def scale_table(rows: Sequence[Row]) -> list[str]:
    """Render the table for people."""
    lines = [
        "",
        "What the server itself costs, with engine, doors, names and network that are made up:",
        "processor seconds, and percent of a core while nothing happens.",
        "",
        "| instances | brought up | taken over anew | one plan | idle | asked twice a second |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.instances:,} | {row.up_seconds:.2f} | {row.adopted_seconds:.2f} "
        f"| {row.plan_milliseconds:.2f} ms | {row.quiet_percent:.2f} "
        f"| {row.probed_percent:.2f} |"
        for row in rows
    ]
    return [*lines, "| goal at 1,000 / 10,000 | | 2 s | 10 / 50 ms | 1 / 5 | |"]


def main() -> None:
    """Print the table."""
    print("\n".join(scale_table(measure_scale())))


if __name__ == "__main__":
    main()
