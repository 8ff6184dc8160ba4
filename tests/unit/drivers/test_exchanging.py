"""What a kill leaves of an exchange or a removal is put right."""

from pathlib import Path

import pytest

from herdbook.drivers.exchanging import exchange, recover, remove_at_once


@pytest.fixture(params=["file", "directory"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """One at its place, and another one that is to take it."""
    place, incoming = tmp_path / "place", tmp_path / "incoming"
    for path, content in ((place, "old"), (incoming, "new")):
        if request.param == "directory":
            path.mkdir()
        (path / "file" if path.is_dir() else path).write_text(content)
    return place, incoming


def _content(path: Path) -> str:
    return (path / "file" if path.is_dir() else path).read_text()


def test_one_takes_the_place_of_another_and_nothing_is_left_of_it(made: tuple[Path, Path]) -> None:
    place, incoming = made
    exchange(incoming, place)
    assert _content(place) == "new"
    assert list(place.parent.iterdir()) == [place]


def test_one_takes_a_place_that_is_empty(made: tuple[Path, Path]) -> None:
    place, incoming = made
    exchange(incoming, place.with_name("another"))
    assert _content(place.with_name("another")) == "new"


def test_killed_between_the_two_the_first_one_comes_back(made: tuple[Path, Path]) -> None:
    place, _ = made
    place.rename(place.with_name(".place.before"))
    for _ in range(2):
        recover(place)
    assert _content(place) == "old"


def test_killed_after_both_the_second_one_stays(made: tuple[Path, Path]) -> None:
    place, incoming = made
    place.rename(place.with_name(".place.before"))
    incoming.rename(place)
    recover(place)
    assert _content(place) == "new"
    assert list(place.parent.iterdir()) == [place]


def test_what_was_being_removed_does_not_come_back(made: tuple[Path, Path]) -> None:
    place, _ = made
    place.rename(place.with_name(".place.removed"))
    recover(place)
    assert [path.name for path in place.parent.iterdir()] == ["incoming"]


def test_what_is_removed_is_gone_whether_it_was_there_or_not(made: tuple[Path, Path]) -> None:
    place, incoming = made
    for _ in range(2):
        remove_at_once(place)
    assert list(place.parent.iterdir()) == [incoming]
