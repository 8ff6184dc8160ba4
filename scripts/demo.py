"""Shows the example shop at work: brought up, released under load, taken back, and healed."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from herdbook.cli.main import failures_shown
from herdbook.cli.output import Output
from herdbook.core.clock import SystemClock
from herdbook.core.errors import EngineError
from herdbook.drivers import process
from herdbook.server.settings import load_settings

SHOP = Path(__file__).parents[1] / "examples" / "shop"
VISITORS = Path(__file__).with_name("visitors.py")
ADDRESS = "http://127.0.0.1:8088/"
PASSWORD = {"SHOP_DB_PASSWORD": "only-for-the-demo"}
VISITS_A_SECOND = 10
LIMIT_SECONDS = 180.0
SERVICES = {"db": 1, "broker": 1, "web": 2, "web-vm": 1}
_CLOCK = SystemClock()
_QUIET_SECONDS = 3.0
_UNDONE_STATUS = 14
_LOOK_SECONDS = 0.5


class Demo:
    """The story, told with the time since the images were there."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._began = time.monotonic()

    def show(self) -> None:
        """Tell all of it, and leave the shop running."""
        self._build()
        self._bring_up()
        self._release_under_load()
        self._release_what_is_bad()
        self._kill_a_container()
        self._kill_a_machine()
        self._say(f"The shop goes on at {ADDRESS} until: make demo-down")

    def _build(self) -> None:
        self._say("Building four images: the first time, that takes two minutes.")
        with process.spawn(
            [*program("build"), SHOP / "catalogue.yaml"],
            stdout=sys.stdout.fileno(),
            stderr=sys.stderr.fileno(),
        ) as build:
            if build.wait():
                sys.exit(build.returncode)
        self._began = time.monotonic()

    def _bring_up(self) -> None:
        self._say(
            "Bringing it up: a database on a VM, a broker, the page in two containers and a VM."
        )
        self._say_seconds("All of it serves", bring_up({}))
        settled(self._wait)
        self._wait(lambda: {"container", "vm"} <= visit().keys())
        self._say(f"Visits in the database, by who answered: {told(visit())}.")

    def _release_under_load(self) -> None:
        self._say(f"Releasing version 2 of the page, at {VISITS_A_SECOND} visits a second.")
        with self._visited():
            self._say_seconds("The new version serves everywhere", bring_up({"PAGE_VERSION": "2"}))
            settled(self._wait)

    def _release_what_is_bad(self) -> None:
        self._say("Releasing version 3, which says it is well and fails every visitor.")
        bad = {"PAGE_VERSION": "3", "GREETING": "Welcome to {shop"}
        with self._visited():
            taken = bring_up(bad, expected=_UNDONE_STATUS)
            self._say_seconds(f"Taken back: {rollout()['reason']}", taken)
            settled(self._wait)

    def _kill_a_container(self) -> None:
        name = min(instances("web"))
        self._say(f"Killing the container {name}.")
        listed = process.run(["podman", "ps", "--format", "{{.Names}}"]).output.split()
        found = next(each for each in listed if each.endswith(f"-{name}"))
        with self._visited():
            began = _CLOCK.now()
            process.run(["podman", "kill", found])
            self._replaced("web", name, began)

    def _kill_a_machine(self) -> None:
        name = min(instances("web-vm"))
        self._say(f"Killing the machine {name} (kill -9 of its QEMU).")
        with self._visited():
            began = _CLOCK.now()
            os.kill(machine_process(name), signal.SIGKILL)
            self._replaced("web-vm", name, began)

    def _replaced(self, service: str, name: str, began: datetime) -> None:
        count = SERVICES[service]
        self._wait(lambda: name not in (now := instances(service)) and len(now) == count)
        serving = instances(service)
        newest = max(serving, key=lambda each: serving[each])
        seconds = (serving[newest] - began).total_seconds()
        self._say_seconds(f"{newest} serves in its place", seconds)

    @contextmanager
    def _visited(self) -> Iterator[None]:
        """Have the shop visited all the time, and say at the end what became of the visits."""
        arguments = [sys.executable, str(VISITORS), str(VISITS_A_SECOND), ADDRESS]
        with process.spawn(arguments) as visitors:
            time.sleep(_QUIET_SECONDS)
            yield
            time.sleep(_QUIET_SECONDS)
            # It is a child of the program that ends it with us, and of its session.
            visitors.send_signal(signal.SIGINT)
            output, _ = visitors.communicate(timeout=60)
        seen = json.loads(output)[ADDRESS]
        self._say(
            f"{seen['visits']} visits; answers: {told(seen['statuses'])};"
            f" pages of version: {told(seen['versions'])};"
            f" median {seen['median_milliseconds']:.0f} ms."
        )

    def _wait(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        while not done():
            if time.monotonic() > deadline:
                raise EngineError(
                    "The shop does not get there", hint="See why: herdbook rollout show shop"
                )
            time.sleep(_LOOK_SECONDS)

    def _say_seconds(self, words: str, seconds: float) -> None:
        self._say(f"{words} ({seconds:.0f} s).")

    def _say(self, words: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        self._output.text(f"{minutes}:{seconds:02}  {words}")


def program(*arguments: str) -> list[str]:
    """Return the command line of Herdbook."""
    return [sys.executable, "-m", "herdbook", *arguments]


def herdbook(*arguments: str, settings: Mapping[str, str] = PASSWORD, expected: int = 0) -> Any:  # noqa: ANN401 - JSON
    """Run Herdbook for its JSON; raises EngineError with what it says where it fails."""
    result = process.run(
        program(*arguments, "--json"),
        environment=process.inherited(settings),
        limit_seconds=LIMIT_SECONDS,
    )
    if result.status != expected:
        said = json.loads(result.output or result.errors)
        error = said.get("error") or {"message": said["rollout"]["reason"]}
        hint = error.get("hint") or "See what happened: herdbook rollout show shop"
        raise EngineError(error["message"], hint=hint)
    return json.loads(result.output)


def bring_up(settings: Mapping[str, str], *, expected: int = 0) -> float:
    """Bring the shop to what its file says with some settings; return how many seconds it took."""
    began = time.monotonic()
    file = str(SHOP / "compose.yaml")
    herdbook("up", file, settings={**PASSWORD, **settings}, expected=expected)
    return time.monotonic() - began


def visit() -> dict[str, int]:
    """Visit the shop; return how many visits it has counted, by kind of instance."""
    with urlopen(ADDRESS, timeout=30) as page:
        return dict(json.load(page)["visits_by_kind"])


def rollout() -> Any:  # noqa: ANN401 - JSON
    """Return the newest rollout."""
    return herdbook("rollout", "show", "shop")


def settled(wait: Callable[[Callable[[], bool]], None]) -> None:
    """Wait until nothing old is kept any more."""
    wait(lambda: rollout()["state"] in ("complete", "rolled back"))


def instances(service: str) -> dict[str, datetime]:
    """Return the instances of a service that serve, and since when."""
    return {
        each["instance"]: datetime.fromisoformat(each["since"])
        for each in rollout()["instances"]
        if each["service"] == service and each["role"] == "serving"
    }


def machine_process(name: str) -> int:
    """Return the number of the process that is a machine."""
    said = load_settings().state_directory / "instances" / name / "process"
    return int(said.read_text().split()[0])


def told(counts: Mapping[str, int]) -> str:
    """Return counts in words."""
    return ", ".join(f"{name}: {count}" for name, count in sorted(counts.items())) or "none"


def down(output: Output) -> None:
    """Take the shop down; the server ends with it, if it tends nothing else."""
    if process.run(program("rollout", "show", "shop")).succeeded:
        herdbook("down", "shop")
    if not herdbook("ps"):
        process.run(program("serve", "--stop"))
    output.text("The shop is down. Its data is kept until: herdbook down shop --destroy-data shop")


if __name__ == "__main__":
    with failures_shown(Output(as_json=False)) as shown:
        if sys.argv[1:] == ["down"]:
            down(shown)
        else:
            Demo(shown).show()
