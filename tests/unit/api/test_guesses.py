"""What is remembered of logins is bounded, and says nothing to whoever reads it."""

from herdbook.api.guesses import _MOST_KNOWN, Guesses
from herdbook.api.remembered import _MOST, RightPasswords
from herdbook.drivers.fake import FakeClock
from herdbook.people.model import User

ANNA = User("anna", FakeClock().now(), "root", "$argon2id$1")


def test_no_more_guessers_are_remembered_than_fit() -> None:
    guesses = Guesses(FakeClock().monotonic_seconds)
    for number in range(_MOST_KNOWN + 10):
        guesses.was_wrong((f"{number}", "anna"))
    assert len(guesses._known) == _MOST_KNOWN


def test_the_longest_wait_is_a_minute() -> None:
    guesses = Guesses(FakeClock().monotonic_seconds)
    for _ in range(1000):
        guesses.was_wrong(("1", "anna"))
    assert guesses.wait_seconds(("1", "anna")) == 60


def test_a_right_password_is_remembered_for_its_user_alone_and_not_in_clear() -> None:
    clock = FakeClock()
    right = RightPasswords(clock.monotonic_seconds)
    right.add(ANNA, "secret")
    assert right.has(ANNA, "secret")
    assert not right.has(ANNA, "secre")
    assert not right.has(User("bob", ANNA.at, "root", ANNA.password), "secret")
    assert not right.has(User("anna", ANNA.at, "root", "$argon2id$2"), "secret")
    assert b"secret" not in b"".join(right._until)
    clock.sleep(301)
    assert not right.has(ANNA, "secret")


def test_no_more_of_them_are_remembered_than_fit() -> None:
    right = RightPasswords(FakeClock().monotonic_seconds)
    for number in range(_MOST + 10):
        right.add(ANNA, f"{number}")
    assert len(right._until) == _MOST
