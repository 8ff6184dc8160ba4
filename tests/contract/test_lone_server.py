"""Whoever tends a state directory alone is alone, and several of one database stand by."""

from pathlib import Path

import pytest

from herdbook.core.errors import ConflictError
from herdbook.drivers.lone_server import LoneServer


def test_who_is_alone_keeps_out_those_that_would_be_several(tmp_path: Path) -> None:
    with LoneServer(tmp_path).alone():
        with pytest.raises(ConflictError), LoneServer(tmp_path).alone():
            pass
        with pytest.raises(ConflictError), LoneServer(tmp_path).among("one-1"):
            pass
    with LoneServer(tmp_path).among("one-1"):
        pass


def test_several_keep_out_who_would_be_alone(tmp_path: Path) -> None:
    with LoneServer(tmp_path).among("one-1"):
        with pytest.raises(ConflictError), LoneServer(tmp_path).alone():
            pass
        with LoneServer(tmp_path).among("one-2"):
            assert LoneServer(tmp_path).lives("one-1")
    with LoneServer(tmp_path).alone():
        assert not LoneServer(tmp_path).lives("one-1")


def test_several_are_of_one_database(tmp_path: Path) -> None:
    """Two databases want two things of the same containers and networks."""
    with (
        LoneServer(tmp_path).among("one-1"),
        pytest.raises(ConflictError, match="another database"),
        LoneServer(tmp_path).among("other-1"),
    ):
        pass
