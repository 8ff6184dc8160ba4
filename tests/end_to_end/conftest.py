"""The example shop, built once for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from product import Herdbook, Shop, copy_shop
from tiny import Tiny, make_tiny


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Build the example shop once, on the real archive."""
    herdbook = Herdbook(tmp_path_factory.mktemp("state"))
    folder = copy_shop(tmp_path_factory.mktemp("shop") / "shop")
    built = herdbook.json("build", folder / "herdbook.yaml")
    yield Shop(herdbook, folder, built)
    herdbook.run("stop", "--all")


@pytest.fixture(scope="session")
def kept_archive(shop: Shop) -> Path:
    """Return an archive directory that holds every package of the example and the index."""
    return shop.herdbook.state / "archive"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Build the smallest image once, on the real archive, without being disturbed."""
    return make_tiny(tmp_path_factory.mktemp("tiny"))
