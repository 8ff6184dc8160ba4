"""A token is whole or nothing: whatever of it is changed, it is none."""

import re

from hypothesis import given
from hypothesis import strategies as st

from herdbook.people.tokens import digest_of, id_in, is_like_a_token, is_same, new_token

made = st.builds(new_token)


@given(made)
def test_a_new_token_is_found_by_its_id_and_is_itself(token: object) -> None:
    one = new_token()
    assert id_in(one.text) == one.id
    assert is_same(one.digest, one.text)
    assert is_like_a_token(one.text)
    assert re.fullmatch(r"hbt_[0-9A-Za-z]{59}", one.text)
    assert one.text not in repr(one)
    del token


@given(st.integers(0, 62), st.characters())
def test_with_any_changed_character_it_is_no_token(place: int, character: str) -> None:
    one = new_token()
    other = one.text[:place] + character + one.text[place + 1 :]
    if other != one.text:
        assert id_in(other) == ""
        assert not is_same(one.digest, other)


@given(st.integers(0, 62), st.integers(1, 63))
def test_nor_is_a_part_of_it_or_more_than_it(begin: int, length: int) -> None:
    one = new_token()
    part = one.text[begin : begin + length]
    if part != one.text:
        assert id_in(part) == ""
    assert id_in(one.text + "0") == ""
    assert id_in(one.text + "\n") == ""


@given(st.text())
def test_what_nobody_made_is_none(text: str) -> None:
    assert id_in(text) == ""
    assert not is_same(new_token().digest, text)


def test_no_two_are_the_same() -> None:
    assert len({new_token().text for _ in range(100)}) == 100
    assert digest_of("a") != digest_of("b")
