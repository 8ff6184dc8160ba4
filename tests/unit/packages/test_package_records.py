"""What was chosen from the archive is recorded exactly, and nothing else passes for it."""

from typing import Any

import pytest
from pydantic import ValidationError

from herdbook.core.digests import EMPTY
from herdbook.core.errors import InvalidInputError
from herdbook.packages.model import LockedPackage
from herdbook.packages.suites import SUITES, suite_named

GOOD: dict[str, Any] = {
    "name": "libstdc++6",
    "version": "12.2.0-14",
    "architecture": "amd64",
    "source": "gcc-12",
    "source_version": "12.2.0-14",
    "pocket": "bookworm",
    "path": "pool/main/g/gcc-12/libstdc++6_12.2.0-14_amd64.deb",
    "size": 613_000,
    "sha256": EMPTY,
}


def test_a_package_is_named_with_its_version() -> None:
    assert LockedPackage(**GOOD).label == "libstdc++6 12.2.0-14"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "../evil"},
        {"name": "Hello"},
        {"path": "/pool/main/x.deb"},
        {"path": "../pool/x.deb"},
        {"path": "pool/main/x.deb\n"},
        {"path": "pool/main/x.tar"},
        {"size": -1},
        {"sha256": "sha256:abc"},
        {"sha256": "md5:" + "0" * 64},
        {"later": 1},
    ],
)
def test_what_no_lock_may_say_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LockedPackage(**{**GOOD, **wrong})


def test_a_path_cannot_climb_out_of_the_archive() -> None:
    with pytest.raises(ValidationError):
        LockedPackage(**{**GOOD, "path": "pool/../../etc/x.deb"})


def test_suites_are_known_by_name_and_have_pockets() -> None:
    for name, suite in SUITES.items():
        assert suite_named(name) is suite
        assert (suite.updates, suite.security) == (f"{name}-updates", f"{name}-security")
        assert suite.epoch % 86_400 == 0


def test_an_unknown_suite_is_told_with_the_nearest() -> None:
    with pytest.raises(InvalidInputError) as caught:
        suite_named("bokworm")
    assert caught.value.hint == "Did you mean 'bookworm'?"
    with pytest.raises(InvalidInputError) as caught:
        suite_named("noble")
    assert "trixie" in caught.value.hint
