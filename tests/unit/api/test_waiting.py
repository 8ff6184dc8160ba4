"""Whoever waits for their password to be checked leaves room for others."""

from contextlib import ExitStack

from herdbook.api.waiting import Waiting

HERE, ELSEWHERE = "192.0.2.7", "192.0.2.8"


def test_three_names_of_one_address_wait_and_others_still_can() -> None:
    waiting = Waiting()
    with ExitStack() as places:
        for name in ("anna", "bob", "carl"):
            assert waiting.has_room((HERE, name))
            places.enter_context(waiting.place((HERE, name)))
        assert not waiting.has_room((HERE, "dora"))
        assert waiting.has_room((HERE, "anna")), "one check is done for all of hers"
        assert waiting.has_room((ELSEWHERE, "dora"))
    assert waiting.has_room((HERE, "dora"))


def test_who_waits_twice_has_a_place_until_both_are_done() -> None:
    waiting = Waiting()
    with ExitStack() as places:
        for name in ("anna", "anna", "bob", "carl"):
            places.enter_context(waiting.place((HERE, name)))
        with waiting.place((HERE, "anna")):
            pass
        assert not waiting.has_room((HERE, "dora"))


def test_there_is_an_end_to_who_waits_from_many_addresses() -> None:
    waiting = Waiting()
    with ExitStack() as places:
        for number in range(16):
            assert waiting.has_room((f"192.0.2.{number}", "anna"))
            places.enter_context(waiting.place((f"192.0.2.{number}", "anna")))
        assert not waiting.has_room(("198.51.100.1", "anna"))
