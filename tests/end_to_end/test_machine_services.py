"""A service that runs as a machine has what Compose says of it, as one that runs as a container."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from product import Shop

pytestmark = [pytest.mark.root, pytest.mark.archive, pytest.mark.qemu]

COMPOSE = """\
name: told
x-herdbook: {subnet: 10.91.0.0/16}
configs:
  motd: {content: "from the file\\n"}
services:
  web:
    entrypoint: [sh, -c, 'cat /motd "$$1"; id -u; id -g; pwd; touch /tmp/well; exec sleep 999', sh]
    command: [/etc/more.conf]
    user: "4711:4712"
    working_dir: /srv/elsewhere
    configs: [motd, {source: motd, target: /etc/more.conf, mode: 0444}]
    healthcheck: {test: [CMD, test, -e, /tmp/well], interval: 1s, timeout: 10s, retries: 2}
    deploy: {replicas: 1}
    x-herdbook: {kind: vm, image: shop/web, settle: 0s, bake: 1s, deadline: 120s}
"""


@pytest.fixture(scope="module")
def instance(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of the machine that serves: its health check has been asked."""
    file = tmp_path_factory.mktemp("told") / "compose.yaml"
    file.write_text(COMPOSE)
    try:
        said = shop.herdbook.run("up", file)
        assert said.returncode == 0, said.stderr + _log(shop.herdbook.state)
        assert "not done" not in said.stdout + said.stderr
        yield serving(shop)["name"]
    finally:
        shop.herdbook.run("down", "told")
        shop.herdbook.run("serve", "--stop")


def serving(shop: Shop) -> dict[str, Any]:
    """The one instance that serves."""
    (found,) = [each for each in shop.herdbook.json("ps") if each.get("role") == "serving"]
    return dict(found)


def _log(state: Path) -> str:
    return "".join(each.read_text() for each in state.glob("server.log"))


def test_the_service_runs_as_the_file_says(shop: Shop, instance: str) -> None:
    said = shop.herdbook.must("logs", instance).splitlines()
    told = ["from the file", "from the file", "4711", "4712", "/srv/elsewhere"]
    assert said[: len(told)] == told


def test_whoever_has_a_shell_open_makes_nothing_unwell_and_a_check_is_heeded(
    shop: Shop, instance: str
) -> None:
    """What is unwell for longer than the file says is replaced."""
    with shop.herdbook.running("exec", instance, "sleep", "999"):
        time.sleep(8)  # several checks
        assert serving(shop)["name"] == instance
    shop.herdbook.must("exec", instance, "rm", "/tmp/well")
    deadline = time.monotonic() + 120
    while True:
        found = [each for each in shop.herdbook.json("ps") if each.get("role") == "serving"]
        if [each["name"] for each in found] not in ([], [instance]):
            return
        assert time.monotonic() < deadline, found
        time.sleep(1)
