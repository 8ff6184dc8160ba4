"""Passwords are kept as Argon2id has hashed them, each time otherwise, and found to be right."""

import pytest

from herdbook.core.errors import InvalidInputError
from herdbook.people.passwords import hashed, is_same
from herdbook.people.tokens import new_token

PASSWORD = "correct horse battery"  # noqa: S105 - of nobody


def test_the_right_one_is_right_and_no_other() -> None:
    kept = hashed(PASSWORD)
    assert is_same(kept, PASSWORD)
    assert not is_same(kept, PASSWORD + " ")
    assert not is_same(kept, "")


def test_it_is_hashed_by_argon2id_with_a_salt_of_its_own() -> None:
    one, other = hashed(PASSWORD), hashed(PASSWORD)
    assert one != other
    assert one.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert PASSWORD not in one


@pytest.mark.parametrize("kept", ["", "none", "$argon2id$"])
def test_where_none_was_kept_none_is_right(kept: str) -> None:
    assert not is_same(kept, PASSWORD)
    assert not is_same(kept, "nobody's")


@pytest.mark.parametrize(
    "password", ["", "short", "x" * 1001, pytest.param(new_token().text, id="token")]
)
def test_poor_ones_are_refused(password: str) -> None:
    with pytest.raises(InvalidInputError):
        hashed(password)
