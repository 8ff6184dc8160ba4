"""A server that is killed while it rolls out is taken over from, on real containers."""

import os
import random
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from applications import TinyApplication, kill, tiny_application, wait_for

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
                with suppress(IndexError):  # it may just be starting
                    kill(application.server_process())
            command.kill()
            command.communicate()
        application.said("up", application.file)
        shown = application.until("complete", seconds=120)
        assert shown["to_release"] == number, application.words()
        wait_for(application.is_whole, 60, application.words())
        wait_for(lambda: len(application.namespaces()) == 3, 30, application.words())
        wait_for(lambda: len(application.left()) - 3 == cards, 30, str(application.left()))
        assert {application.answered_version() for _ in range(6)} == {version}
