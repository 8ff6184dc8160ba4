"""What is measured of the fleet: releases under load, beside Podman's own ways, and healing.

Ten containers of one small web service are replaced under the same load, at a fixed rate that does
not wait for answers: by Herdbook, by `podman stop`, `rm` and `run` one after the other, and by
`podman kube play --replace`. The last two stand behind an HAProxy that asks each every 0.5 s.
"""

import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests/end_to_end"))

from applications import TinyApplication, kill, tiny_application, wait_for
from fleet_long import LONG_RATE, MIXED_RATE, long_run, mixed_run
from fleet_podman import plain_podman
from fleet_ways import STEADY_SECONDS, Way, way_of, way_text
from measure import spread
from open_loop import Load

REPLICAS = 10
RATE = 300
RUNS = 3


@dataclass(frozen=True)
class Times:
    """How long something took, run by run, and how long it should take at most."""

    what: str
    seconds: tuple[float, ...]
    goal_seconds: float | None = None


@dataclass(frozen=True)
class FleetResults:
    """All that is measured of the fleet; `machine_load` is the least and the most there was."""

    ways: tuple[Way, ...]
    times: tuple[Times, ...]
    machine_load: tuple[float, float]


def measure_fleet(folder: Path) -> FleetResults:
    """Measure all of it, in one run."""
    loads = [os.getloadavg()[0]]
    ways = []
    for name, measure in (
        ("Herdbook, five at a time", _by_herdbook),
        ("podman stop, rm, run, one by one", _one_by_one),
        ("podman kube play --replace", _by_kube_play),
    ):
        place = folder / name.split(",")[0].replace(" ", "-")
        place.mkdir()
        ways.append(measure(name, place))
        loads.append(os.getloadavg()[0])
        print(f"  {ways[-1]}", flush=True)
    times = tuple(_times(folder))
    for measure_long in (long_run, mixed_run):
        ways.append(measure_long(folder))
        loads.append(os.getloadavg()[0])
    return FleetResults(tuple(ways), times, (min(loads), max(loads)))


def _by_herdbook(name: str, folder: Path) -> Way:
    with tiny_application(folder, REPLICAS, update={"parallelism": 5}) as application:
        application.policy = {"settle": "200ms", "bake": "1s"}
        application.up("v1")
        application.until("complete")
        with application.load(RATE, slow=60, elsewhere=True) as load:
            time.sleep(STEADY_SECONDS)
            began = time.monotonic()
            application.up("v2")
            seconds = time.monotonic() - began
            application.until("complete")
        return way_of(name, load.observed, began, seconds)


def _one_by_one(name: str, folder: Path) -> Way:
    with plain_podman(folder, REPLICAS) as podman:
        podman.run_all("v1")
        with podman.balanced():
            load = _steady(podman.door)
            began = time.monotonic()
            for number in range(REPLICAS):
                podman.must("stop", "--time=3", podman.name(number))
                podman.must("rm", podman.name(number))
                podman.run(number, "v2")
            seconds = time.monotonic() - began
            time.sleep(2)
            return way_of(name, load.stop(), began, seconds)


def _by_kube_play(name: str, folder: Path) -> Way:
    with plain_podman(folder, REPLICAS) as podman:
        podman.play("v1")
        with podman.balanced():
            load = _steady(podman.door)
            began = time.monotonic()
            podman.play("v2")
            seconds = time.monotonic() - began
            time.sleep(2)
            return way_of(name, load.stop(), began, seconds)


def _steady(door: int) -> Load:
    load = Load(door, RATE, slow=60, elsewhere=True)
    load.start()
    time.sleep(STEADY_SECONDS)
    return load


def _times(folder: Path) -> Iterator[Times]:
    place = folder / "healing"
    place.mkdir()
    with tiny_application(place, 3) as application:
        application.up("v1")
        application.until("complete")
        dead = [_healed(application, slot, signal.SIGKILL) for slot in range(RUNS)]
        hung = [_healed(application, slot, signal.SIGSTOP) for slot in range(RUNS)]
        balancer = tuple(_balancer_back(application) for _ in range(RUNS))
    yield Times("killed: noticed", tuple(each[0] for each in dead), 0.3)
    yield Times("killed: its replacement serves", tuple(each[1] for each in dead), 1.5)
    yield Times("hung: out of the doors", tuple(each[0] for each in hung), 3.0)
    yield Times("HAProxy killed: it answers again", balancer, 3.0)
    place = folder / "going-back"
    place.mkdir()
    with tiny_application(place, REPLICAS, update={"parallelism": 5}) as application:
        application.policy = {"bake": "120s"}
        application.up("v1")
        application.until("complete")
        yield Times(
            "answers 500: from the first to the last of them", (_decided(application),), 10.0
        )
        yield Times(
            "back while it bakes: from the first old answer to the last new",
            (_flip(application),),
            0.2,
        )


def _healed(application: TinyApplication, slot: int, number: int) -> tuple[float, float]:
    """Hurt one container; each in a slot of its own: one that fails again is made to wait."""
    wait_for(application.is_whole, 60, "just what is wanted is there")
    time.sleep(1)
    return application.healed(slot, number)


def _balancer_back(application: TinyApplication) -> float:
    with application.load(RATE) as load:
        time.sleep(1)
        began = time.monotonic()
        for number in application.balancer_processes():
            kill(number)
        time.sleep(5)
    failed_last = max((each.at for each in load.observed.failures), default=began)
    return failed_last - began


def _decided(application: TinyApplication) -> float:
    with application.load(RATE) as load:
        application.up("v2", BROKEN="yes")
        application.until("rolled back")
    failed = [each.at for each in load.observed.failures]
    return max(failed) - min(failed) if failed else 0.0


def _flip(application: TinyApplication) -> float:
    wait_for(application.is_whole, 60, "just what is wanted is there")
    application.up("v2")
    with application.load(RATE) as load:
        time.sleep(1)
        application.said("rollback", application.name, "--no-wait")
        application.until("rolled back")
    last, first = max(load.observed.answered_at("v2")), min(load.observed.answered_at("v1"))
    return last - first


def fleet_table(results: FleetResults) -> list[str]:
    """Render both tables for people."""
    least, most = results.machine_load
    return [
        "",
        "## Fleet",
        "",
        f"{REPLICAS} containers of a small web service replaced under {RATE} requests a second",
        "that wait for no answer, half on kept connections, half each on one of its own. Who asks",
        "never waits for a processor, as if on another machine. The last two rows are of 4",
        f"containers and {LONG_RATE} requests a second, and of 2 containers and 2 machines behind",
        f"one door and {MIXED_RATE}. Unavailable are the tenths of a second in which one failed.",
        f"The machine's load was {least:.1f} to {most:.1f}.",
        "",
        "| way | until all serve | requests | failed | unavailable | p99.9 before | p99.9 during |",
        "|---|---|---|---|---|---|---|",
        *(way_text(each) for each in results.ways),
        "| goal | 5 s | | 0 | 0 s | | 3 times |",
        "",
        "| what | seconds | goal | met |",
        "|---|---|---|---|",
        *(_times_text(each) for each in results.times),
    ]


def _times_text(times: Times) -> str:
    goal, met = "", ""
    if times.goal_seconds is not None:
        well = statistics.median(times.seconds) <= times.goal_seconds
        goal, met = f"≤ {times.goal_seconds}", "yes" if well else "no"
    return f"| {times.what} | {spread(times.seconds)} | {goal} | {met} |"


def main() -> None:
    """Measure the fleet alone, and print the tables."""
    with tempfile.TemporaryDirectory(prefix="herdbook-bench-", dir="/var/tmp") as name:
        print("\n".join(fleet_table(measure_fleet(Path(name)))))


if __name__ == "__main__":
    main()
