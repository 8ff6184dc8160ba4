"""Words for the host are told from what a command says, however both are cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from herdbook.core.errors import EngineError
from herdbook.drivers.qemu.marks import MarkedStream

NAME = "0123456789abcdef"
PIECES = some.lists(some.binary(max_size=40))


def mark(word: str) -> bytes:
    return f"\0{NAME} {word}\n".encode()


@given(
    some.lists(
        some.tuples(some.binary(max_size=60), some.sampled_from(["ready", "7", "done"])), max_size=3
    )
)
def test_what_is_said_and_the_words_come_out_as_they_went_in(
    said: list[tuple[bytes, str]],
) -> None:
    whole = b"".join(plain + mark(word) for plain, word in said)
    for size in (1, 7, len(whole) or 1):
        stream = MarkedStream(NAME)
        pieces = (whole[at : at + size] for at in range(0, len(whole), size))
        assert b"".join(map(stream.take, pieces)) == b"".join(plain for plain, _ in said)
        assert stream.words == [word for _, word in said]


@given(some.binary())
def test_whatever_cannot_become_a_word_is_given_at_once(said: bytes) -> None:
    stream = MarkedStream(NAME)
    assert stream.take(said + b"$ ") == said + b"$ "


@given(some.binary(max_size=20))
def test_what_looks_like_a_word_of_somebody_else_is_plain(said: bytes) -> None:
    """Of a command that guesses, or of an earlier conversation."""
    stream = MarkedStream(NAME)
    other = said + b"\0fedcba9876543210 done\n" + mark("much-too-long-to-be-one")
    assert stream.take(other) + stream.take(b"x") == other + b"x"
    assert stream.words == []


def test_a_machine_that_says_words_without_end_is_heard_no_longer() -> None:
    """It could fill the memory of whoever listens, else."""
    stream = MarkedStream(NAME)
    stream.take(mark("ready") + mark("0") + mark("done"))
    with pytest.raises(EngineError, match="more than once"):
        stream.take(b"plain" + mark("done"))
