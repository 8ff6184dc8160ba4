"""The promises of the Balancer port, proven on every driver."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from balancer_benches import Bench, FakeBench, HaproxyBench, doors, need_haproxy
from balancer_members import members, until

from herdbook.core.errors import ConflictError, EngineError, InvalidInputError, NotFoundError
from herdbook.fleet.balancing import Door, DoorMode, Member, MemberState
from herdbook.fleet.ports import Balancer

pytestmark = pytest.mark.alone  # ports, and what it measures

PLACE = Member("one", "127.0.0.1", 9)


@pytest.fixture(params=["fake", "haproxy"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "fake":
        yield FakeBench()
        return
    need_haproxy()
    made = HaproxyBench(tmp_path)
    yield made
    made.close_all()


@pytest.fixture
def balancer(bench: Bench) -> Balancer:
    return bench.balancer()


def test_opening_and_closing_twice_is_no_error(balancer: Balancer) -> None:
    both = doors("web", "api")
    balancer.open("shop", both)
    balancer.open("shop", both)
    assert balancer.traffic("shop") == {"web": {}, "api": {}}
    balancer.close("shop")
    balancer.close("shop")
    with pytest.raises(EngineError, match="shop"):
        balancer.traffic("shop")


def test_just_the_wanted_members_are_behind_each_door(balancer: Balancer) -> None:
    balancer.open("shop", doors("web", "api"))
    one, two, three = (Member(name, "127.0.0.1", 9) for name in ("one", "two", "three"))
    balancer.place("shop", {"web": [one, two], "api": [three]})
    assert {door: set(each) for door, each in balancer.traffic("shop").items()} == {
        "web": {"one", "two"},
        "api": {"three"},
    }
    balancer.place("shop", {"web": [two]})
    assert {door: set(each) for door, each in balancer.traffic("shop").items()} == {
        "web": {"two"},
        "api": set(),
    }


def test_the_same_wish_twice_changes_nothing(bench: Bench, balancer: Balancer) -> None:
    balancer.open("shop", doors("web"))
    wish = {"web": [PLACE, Member("two", "127.0.0.1", 9, 50, MemberState.DRAINING)]}
    balancer.place("shop", wish)
    before = bench.changes("shop")
    balancer.place("shop", wish)
    assert bench.changes("shop") == before
    balancer.place("shop", {"web": [PLACE]})
    assert bench.changes("shop") != before


def test_members_stay_where_doors_change(balancer: Balancer) -> None:
    web, api, extra = doors("web", "api", "extra")
    balancer.open("shop", [web, api])
    balancer.place("shop", {"web": [PLACE], "api": [PLACE]})
    balancer.open("shop", [web, extra])
    assert {door: set(each) for door, each in balancer.traffic("shop").items()} == {
        "web": {"one"},
        "extra": set(),
    }


def test_a_later_process_finds_and_controls_it(bench: Bench) -> None:
    bench.balancer().open("shop", doors("web"))
    bench.balancer().place("shop", {"web": [PLACE]})
    assert set(bench.balancer().traffic("shop")["web"]) == {"one"}
    bench.balancer().place("shop", {"web": []})
    assert bench.balancer().traffic("shop") == {"web": {}}


def test_two_applications_do_not_see_each_other(bench: Bench, balancer: Balancer) -> None:
    balancer.open("shop", doors("web"))
    balancer.open("bank", doors("web"))
    balancer.place("shop", {"web": [PLACE]})
    assert balancer.traffic("bank") == {"web": {}}
    bench.kill("shop")
    balancer.place("bank", {"web": [replace(PLACE, instance="two")]})
    balancer.close("shop")
    assert set(balancer.traffic("bank")["web"]) == {"two"}


def test_an_address_another_application_has_is_refused(balancer: Balancer) -> None:
    taken = doors("web")
    balancer.open("shop", taken)
    with pytest.raises(ConflictError, match=str(taken[0].port)):
        balancer.open("bank", taken)
    with pytest.raises(EngineError):  # nothing of it is left
        balancer.traffic("bank")
    mine = doors("web")
    balancer.open("bank", mine)
    with pytest.raises(ConflictError, match=str(taken[0].port)):
        balancer.open("bank", [*mine, replace(taken[0], name="other")])
    assert set(balancer.traffic("bank")) == {"web"}


def test_more_members_than_slots(balancer: Balancer) -> None:
    balancer.open("shop", doors("web", slots=2))
    crowd = [Member(f"m{number}", "127.0.0.1", 9) for number in range(9)]
    balancer.place("shop", {"web": crowd})
    assert set(balancer.traffic("shop")["web"]) == {member.instance for member in crowd}


def test_counters_grow_and_begin_at_zero_for_each_member(bench: Bench, balancer: Balancer) -> None:
    """A slot that another member had before, and every change of doors, makes no difference."""
    (door,) = doors("web", slots=1)
    balancer.open("shop", [door])
    with members("one", "two") as (one, two):
        balancer.place("shop", {"web": [one]})
        assert _counted(balancer, "one") == (0, 0)
        bench.request(door, one, 3)
        until(lambda: _counted(balancer, "one") == (3, 0))
        bench.request(door, one, 2, status=500)
        until(lambda: _counted(balancer, "one") == (5, 2))
        balancer.open("shop", [door, *doors("api")])
        bench.request(door, one, 1)
        until(lambda: _counted(balancer, "one") == (6, 2))
        for member in (two, one, two, one):
            balancer.place("shop", {"web": []})
            balancer.place("shop", {"web": [member]})
            assert _counted(balancer, member.instance) == (0, 0)
            bench.request(door, member, 2, status=503)
            until(lambda name=member.instance: _counted(balancer, name) == (2, 2))  # type: ignore[misc]


def test_counters_survive_the_end_of_what_counts(bench: Bench, balancer: Balancer) -> None:
    (door,) = doors("web")
    balancer.open("shop", [door])
    with members("one") as (one,):
        balancer.place("shop", {"web": [one]})
        bench.request(door, one, 3)
        until(lambda: _counted(balancer, "one") == (3, 0))
        bench.kill("shop")
        _until_dead(balancer)
        balancer.open("shop", [door])
        assert _counted(balancer, "one") == (3, 0)
        bench.request(door, one, 2)
        until(lambda: _counted(balancer, "one") == (5, 0))


def test_ended_by_somebody_it_comes_back_with_open(bench: Bench, balancer: Balancer) -> None:
    web = doors("web")
    balancer.open("shop", web)
    with members("one", "two") as (one, two):
        balancer.place("shop", {"web": [one]})
        bench.kill("shop")
        _until_dead(balancer)
        balancer.open("shop", web)
        assert set(balancer.traffic("shop")["web"]) == {"one"}
        bench.request(web[0], one, 1)
        bench.kill("shop")
        _until_dead(balancer)
        with pytest.raises(EngineError, match="ended") as raised:
            balancer.place("shop", {"web": [two]})
        assert "back" in raised.value.hint
        balancer.open("shop", web)  # with the last wish
        assert set(balancer.traffic("shop")["web"]) == {"two"}
        bench.request(web[0], two, 1)
        until(lambda: _counted(balancer, "two") == (1, 0))


@pytest.mark.parametrize(
    "wrong",
    [
        [Door("a b", "127.0.0.1", 8080)],
        [Door("a", "localhost", 8080)],
        [Door("a", "127.0.0.1", 0)],
        [Door("a", "127.0.0.1", 8080, slots=0)],
        [Door("a", "127.0.0.1", 8080, certificate="/x\nbind :1")],
        [Door("a", "127.0.0.1", 8080, hosts=("x\n y",))],
        [Door("a", "127.0.0.1", 8080, DoorMode.TCP, hosts=("x",))],
        [Door("a", "127.0.0.1", 8080), Door("a", "127.0.0.1", 8081)],
        [Door("a", "127.0.0.1", 8080), Door("b", "127.0.0.1", 8080)],
        [Door("a", "127.0.0.1", 8080, hosts=("x",)), Door("b", "127.0.0.1", 8080, hosts=("X",))],
        [Door("a", "127.0.0.1", 8080, DoorMode.TCP), Door("b", "127.0.0.1", 8080, hosts=("x",))],
    ],
)
def test_doors_that_cannot_be_are_refused(balancer: Balancer, wrong: list[Door]) -> None:
    with pytest.raises(InvalidInputError):
        balancer.open("shop", wrong)


def test_members_that_cannot_be_are_refused(balancer: Balancer) -> None:
    balancer.open("shop", doors("web"))
    for wrong in (
        [replace(PLACE, address="here")],
        [replace(PLACE, port=70_000)],
        [replace(PLACE, weight=101)],
        [PLACE, PLACE],
    ):
        with pytest.raises(InvalidInputError):
            balancer.place("shop", {"web": wrong})
    with pytest.raises(NotFoundError, match="api"):
        balancer.place("shop", {"api": [PLACE]})
    assert balancer.traffic("shop") == {"web": {}}


def test_names_that_lead_elsewhere_are_refused(balancer: Balancer) -> None:
    with pytest.raises(InvalidInputError):
        balancer.open("../shop", doors("web"))
    with pytest.raises(InvalidInputError):
        balancer.close("../shop")


def _counted(balancer: Balancer, instance: str) -> tuple[int, int]:
    counted = balancer.traffic("shop")["web"][instance]
    return counted.requests, counted.failed


def _until_dead(balancer: Balancer) -> None:
    def is_dead() -> bool:
        try:
            balancer.traffic("shop")
        except EngineError:
            return True
        return False

    until(is_dead)
