"""Applications of several state directories come up on one machine, at the same moment, too."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from applications import TinyApplication, tiny_application

pytestmark = [pytest.mark.podman, pytest.mark.root]


def addresses(application: TinyApplication) -> list[IPv4Address]:
    """Where its instances are."""
    every = application.herdbook.json("ps")
    return [IPv4Address(address) for each in every for address in each["addresses"]]


def test_two_that_come_up_at_once_lie_in_different_networks(tmp_path: Path) -> None:
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        applications = []
        for name in ("one", "other"):
            (tmp_path / name).mkdir()
            made = stack.enter_context(tiny_application(tmp_path / name, 1))
            made.write("v1")
            applications.append(made)
        list(pool.map(lambda each: each.said("up", each.file), applications))
        for each in applications:
            each.until("complete")
            assert each.answered_version() == "v1"
        (one,), (other,) = map(addresses, applications)
        assert one.packed[:3] != other.packed[:3]
