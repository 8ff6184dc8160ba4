"""The example shop as an application: a database that keeps its data, and a page of two kinds."""

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fetching import fetch
from product import REPOSITORY, Herdbook

from herdbook.drivers.network import HostNetwork

pytestmark = [pytest.mark.root, pytest.mark.archive, pytest.mark.podman, pytest.mark.qemu]

LIMIT_SECONDS = 60
SERVICES = {"db": 1, "broker": 1, "web": 2, "web-vm": 1}


@dataclass(frozen=True)
class Application:
    """The shop, with a state directory and a door of its own."""

    herdbook: Herdbook
    folder: Path
    address: str

    def up(self) -> None:
        """Bring it to what its file says."""
        self.herdbook.must("up", self.folder / "compose.yaml")

    def instances(self, service: str) -> list[dict[str, Any]]:
        """Return the instances of a service that serve."""
        return [
            each
            for each in self.herdbook.json("ps")
            if each["service"] == service and each["role"] == "serving"
        ]

    def page(self) -> dict[str, Any]:
        """Visit it."""
        found: dict[str, Any] = json.loads(fetch(self.address))
        return found

    def visited_by_both(self) -> dict[str, int]:
        """Visit it until a container and a machine have answered; return the visits it counts."""
        kinds: set[str] = set()
        deadline = time.monotonic() + LIMIT_SECONDS
        while True:
            page = self.page()
            kinds.add(page["kind"])
            if kinds == {"container", "vm"} and page["visits"] is not None:
                return {"seen": page["visits"], **page["visits_by_kind"]}
            assert time.monotonic() < deadline, f"only {kinds} answered, at last with {page}"
            time.sleep(0.1)


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """Build the four images and bring the shop up once for all tests here."""
    folder = Path(
        shutil.copytree(
            REPOSITORY / "examples/shop",
            tmp_path_factory.mktemp("application") / "shop",
            ignore=shutil.ignore_patterns("*.lock", "__pycache__"),
        )
    )
    port = HostNetwork().free_port()
    file = folder / "compose.yaml"
    file.write_text(file.read_text().replace("127.0.0.1:8088", f"127.0.0.1:{port}"))
    herdbook = Herdbook(
        tmp_path_factory.mktemp("state"), settings={"SHOP_DB_PASSWORD": "of these tests"}
    )
    herdbook.must("build", folder / "catalogue.yaml")
    application = Application(herdbook, folder, f"http://127.0.0.1:{port}/")
    try:
        application.up()
        yield application
    finally:
        herdbook.run("down", "shop", "--destroy-data", "shop")
        herdbook.run("serve", "--stop")


def test_all_of_it_serves(application: Application) -> None:
    found = {service: len(application.instances(service)) for service in SERVICES}
    assert found == SERVICES
    assert fetch(f"{application.address}healthz") == b"ok\n"


def test_visits_are_counted_and_told_through_both_kinds_of_instances(
    application: Application,
) -> None:
    before = application.visited_by_both()
    after = application.visited_by_both()
    assert after["container"] > before["container"]
    assert after["vm"] > before["vm"]
    assert application.page()["event_published"] is True


def test_services_find_each_other_by_name(application: Application) -> None:
    name = application.instances("web")[0]["name"]
    for service in ("db", "broker"):
        found = application.herdbook.must("exec", name, "getent", "ahostsv4", service)
        assert {line.split()[0] for line in found.splitlines()} == set(
            application.instances(service)[0]["addresses"]
        )


def test_the_data_of_a_pet_outlives_its_instance(application: Application) -> None:
    """A new release of the database is started once the old instance has let go of the data."""
    before = application.visited_by_both()["seen"]
    (old,) = application.instances("db")
    file = application.folder / "compose.yaml"
    file.write_text(file.read_text().replace("memory: 512M", "memory: 640M"))
    application.up()
    (new,) = application.instances("db")
    assert new["name"] != old["name"]
    assert application.visited_by_both()["seen"] > before
    assert old["name"] not in str(application.herdbook.json("ps"))


def test_data_outlives_the_application(application: Application) -> None:
    before = application.visited_by_both()["seen"]
    application.herdbook.must("down", "shop")
    assert application.herdbook.json("ps") == []
    application.up()
    assert application.visited_by_both()["seen"] > before


def test_data_is_destroyed_when_its_name_is_said_again(application: Application) -> None:
    volumes = application.herdbook.state / "volumes/disks/current"
    assert [path.name for path in volumes.iterdir()] != []
    destroyed = application.herdbook.json("down", "shop", "--destroy-data", "shop")
    assert destroyed["destroyed"] == ["shop_data"]
    assert list(volumes.iterdir()) == []
