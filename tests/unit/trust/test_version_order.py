"""Versions are ordered by the rules of where they come from, and what is none is not guessed at."""

import itertools

import pytest

from herdbook.catalogue.components import Ecosystem
from herdbook.trust.version_order import compare_versions, is_version

DEBIAN, PYTHON, NODE = Ecosystem.DEBIAN, Ecosystem.PYTHON, Ecosystem.NODE

ASCENDING = {
    DEBIAN: [
        "1.0~~",
        "1.0~rc1-1",
        "1.0-1~bpo12+1",
        "1.0-1",
        "1.0-1+b1",  # a rebuild of the same source
        "1.0-1+deb12u1",
        "1.0-1+deb12u2",
        "1.0-1+deb12u10",
        "1.0-1.1",
        "1.0a-1",
        "1.0+dfsg-1",
        "1.10-1",
        "2.0-1",
        "1:0.1-1",  # an epoch beats everything
        "2:0.0~git20200101-1",
    ],
    PYTHON: [
        "0.9",
        "1.0.dev1",
        "1.0a2",
        "1.0b1",
        "1.0rc1",
        "1.0",
        "1.0.post1",
        "1.9",
        "1.10",
        "1!0",
    ],
    NODE: [
        "0.9.9",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.2.0",
        "1.10.0",
        "99999999999999999999.0.0",
    ],
}


@pytest.mark.parametrize("ecosystem", list(Ecosystem))
def test_versions_are_ordered_as_their_ecosystem_does(ecosystem: Ecosystem) -> None:
    for (first, older), (second, newer) in itertools.product(
        enumerate(ASCENDING[ecosystem]), repeat=2
    ):
        expected = (first > second) - (first < second)
        assert compare_versions(ecosystem, older, newer) == expected, (older, newer)


@pytest.mark.parametrize(
    ("ecosystem", "one", "other"),
    [
        (DEBIAN, "1.0", "1.0-0"),
        (DEBIAN, "0:1.0-1", "1.0-1"),
        (DEBIAN, "1.01-1", "1.1-1"),
        (PYTHON, "1.0", "1.0.0"),
        (PYTHON, "1.0-rc.1", "1.0rc1"),
        (NODE, "1.0.0+build.5", "1.0.0+build.7"),
        (NODE, "v1.2.3", "1.2.3"),
        (NODE, "1.2", "1.2.0"),
    ],
)
def test_versions_that_look_different_can_be_the_same(
    ecosystem: Ecosystem, one: str, other: str
) -> None:
    assert compare_versions(ecosystem, one, other) == 0


@pytest.mark.parametrize(
    ("ecosystem", "wrong"),
    [
        (DEBIAN, "experimental"),
        (DEBIAN, "1.0_2"),
        (PYTHON, "2011k-final"),
        (NODE, "1.0beta"),
        (NODE, "1.0.0-01"),
        (NODE, "latest"),
        (NODE, "1.2.3.4"),
        *itertools.product(
            Ecosystem, ["", " ", "\n", "1\x00", "9" * 5000, "1." * 5000, "²", "\uff11.0"]
        ),
    ],
)
def test_what_is_no_version_is_compared_with_nothing(ecosystem: Ecosystem, wrong: str) -> None:
    assert not is_version(ecosystem, wrong)
    assert compare_versions(ecosystem, wrong, "1.0.0") is None
    assert compare_versions(ecosystem, "1.0.0", wrong) is None
    assert compare_versions(ecosystem, wrong, wrong) is None
