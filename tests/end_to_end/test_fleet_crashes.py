"""A server that is killed while it rolls out is taken over from, on real containers."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest
from applications import TinyApplication, tiny_application, wait_for

pytestmark = [pytest.mark.podman, pytest.mark.root, pytest.mark.timeout(900)]

TIMES = 30 if os.environ.get("HERDBOOK_CRASHES") == "long" else 3
LONGEST_SECONDS = 6.0
"""About as long as the rollout takes that is disturbed."""


@pytest.fixture
def application(tmp_path: Path) -> Iterator[TinyApplication]:
    """Three containers of v1 that serve; a second kill may come before all is well again."""
    with tiny_application(tmp_path) as made:
        made.up("v1")
        made.until("complete")
        yield made


def kill_server(application: TinyApplication) -> None:
    with suppress(IndexError, ProcessLookupError):  # it may just be starting
        os.kill(application.server_process(), signal.SIGKILL)


def namespaces(application: TinyApplication) -> list[str]:
    listed = subprocess.run(
        ["ip", "netns", "list"], capture_output=True, text=True, check=True, timeout=60
    )
    words = (line.split()[0] for line in listed.stdout.splitlines())
    return [each for each in words if application.name in each]


def version_behind_the_door(application: TinyApplication) -> str:
    with urlopen(f"http://127.0.0.1:{application.port}/version", timeout=10) as response:
        return str(response.read().decode().split()[0])


def test_a_server_killed_at_any_moment_of_a_rollout_is_taken_over_from(
    application: TinyApplication,
) -> None:
    """No duplicate, and no container, namespace or card that nobody knows; the door answers."""
    chance = random.Random(11)  # noqa: S311 - no secret
    cards = len(application.left()) - len(application.containers())
    for number in range(2, TIMES + 2):
        version = f"v{number}"
        application.write(version)
        with application.herdbook.running("up", application.file, "--json") as command:
            for _ in range(chance.choice([1, 1, 2])):
                time.sleep(chance.uniform(0.0, LONGEST_SECONDS))
                kill_server(application)
            command.kill()
            command.communicate()
        application.said("up", application.file)
        shown = application.until("complete", seconds=120)
        assert shown["to_release"] == number, application.words()
        wait_for(lambda: len(application.containers()) == 3, 60, application.words())
        instances = application.shown()["instances"]
        assert sorted(each["slot"] for each in instances) == [0, 1, 2]
        assert set(application.containers()) == {each["instance"] for each in instances}
        assert len(namespaces(application)) == 3
        assert len(application.left()) - 3 == cards, application.left()
        assert {version_behind_the_door(application) for _ in range(6)} == {version}
