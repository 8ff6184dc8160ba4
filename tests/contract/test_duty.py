"""The promises of the port Duty where several servers share a PostgreSQL."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from threading import Thread
from uuid import uuid4

import pytest
from postgresql import new_database
from sqlalchemy import Engine, text

from herdbook.core import digests
from herdbook.core.errors import ConflictError
from herdbook.fleet.records import Instance, Role
from herdbook.rollouts.duty import LEASE_SECONDS, TRUST_SECONDS, Post, Verdict
from herdbook.rollouts.ports import Application, Changes, Happening
from herdbook.store.database import open_database, writing
from herdbook.store.duty import SqlDuty
from herdbook.store.fencing import Fence
from herdbook.store.fleet import SqlFleet

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SHOP = Application("shop", "/srv/shop", 1)


class HandClock:
    """A clock that goes on when it is told to; each server has one of its own."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def monotonic_seconds(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Server:
    """A server with its duty and its register, both on the same database as others'."""

    def __init__(self, url: str, post: Post, clock: HandClock, ended: set[str]) -> None:
        fence = Fence()
        self.clock, self.post = clock, post
        self.engine: Engine = open_database(url, fence)
        self.fleet = SqlFleet(self.engine)
        self.duty = SqlDuty(url, fence, post, clock, ended.__contains__)
        self.duty.begin()

    def take(self, silent_seconds: float = 0.0) -> Verdict:
        return self.duty.take(self.duty.present(), silent_seconds)

    def writes(self) -> bool:
        try:
            self.fleet.record("shop", Changes(happenings=[Happening(NOW, self.post.mark)]))
        except ConflictError:
            return False
        return True


Maker = Callable[..., Server]


@pytest.fixture
def url(postgresql: str) -> str:
    made = new_database(postgresql, f"test-{uuid4()}")
    SqlFleet(open_database(made)).keep(replace(SHOP, standing=0))
    return made


@pytest.fixture
def ended() -> set[str]:
    """The marks of servers that are known to have ended."""
    return set()


@pytest.fixture
def server(url: str, ended: set[str]) -> Maker:
    made: list[Server] = []

    def make(machine: str = "here", state: str = "/state", start_seconds: float = 0.0) -> Server:
        number = len(made) + 1
        post = Post("host", number, machine, state, f"mark-{number}")
        made.append(Server(url, post, HandClock(start_seconds), ended))
        return made[-1]

    return make


def test_of_two_servers_one_works(server: Maker) -> None:
    first, second = server(), server()
    assert first.take() is Verdict.TAKE
    assert second.take() is Verdict.WAIT
    assert (first.duty.holds(), second.duty.holds()) == (True, False)
    assert (first.writes(), second.writes()) == (True, False)


def test_who_works_is_told_to_everybody(server: Maker) -> None:
    first, second = server(), server()
    assert second.duty.present() is None
    first.take()
    found = second.duty.present()
    assert found is not None
    assert (found.post, found.held, found.since) == (first.post, True, NOW)
    assert str(found.post) == "host/1"


def test_of_many_that_want_to_work_at_once_one_does(server: Maker) -> None:
    servers = [server() for _ in range(6)]
    got: list[Verdict] = []
    threads = [Thread(target=lambda each=each: got.append(each.take())) for each in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got.count(Verdict.TAKE) == 1
    assert sum(each.duty.holds() for each in servers) == 1


def test_duty_is_trusted_for_less_time_than_others_wait(server: Maker) -> None:
    first, second = server(), server()
    first.take()
    first.clock.sleep(TRUST_SECONDS)
    assert not first.duty.holds()
    assert second.take(TRUST_SECONDS) is Verdict.WAIT
    assert second.take(LEASE_SECONDS) is Verdict.TAKE


def test_a_sign_of_life_keeps_the_duty_however_long_others_have_waited(server: Maker) -> None:
    first, second = server(), server()
    first.take()
    seen = second.duty.present()
    first.clock.sleep(TRUST_SECONDS)
    assert first.duty.beat() is not None
    assert first.duty.holds()
    assert second.duty.take(seen, LEASE_SECONDS) is Verdict.WAIT


def test_clocks_need_not_agree(server: Maker) -> None:
    first, second = server(start_seconds=1e6), server(start_seconds=-1e6)
    first.take()
    assert first.duty.beat() is not None
    assert second.take() is Verdict.WAIT
    assert second.take(LEASE_SECONDS) is Verdict.TAKE
    assert second.duty.holds()


def test_what_a_server_writes_too_late_is_refused(server: Maker) -> None:
    first, second = server(), server()
    first.take()
    assert first.writes()
    assert second.take(LEASE_SECONDS) is Verdict.TAKE
    assert first.duty.holds()  # it has just been stopped, and does not know yet
    assert not first.writes()
    assert second.writes()
    told = [each.words for each in second.fleet.happenings("shop")]
    assert told == ["mark-1", "mark-2"]


def test_whoever_was_overtaken_learns_it_with_its_next_sign_of_life(server: Maker) -> None:
    first, second = server(), server()
    first.take()
    second.take(LEASE_SECONDS)
    assert first.duty.beat() is None
    assert not first.duty.holds()
    with pytest.raises(ConflictError, match="not on duty"):
        first.duty.require()
    found = second.duty.present()
    assert found is not None
    assert found.post == second.post
    assert found.disturbances == 1  # what the first did last has to be looked after
    assert second.duty.beat() == 1


def test_silence_that_nobody_has_used_is_no_loss(server: Maker) -> None:
    first = server()
    first.take()
    first.clock.sleep(1000)
    assert not first.duty.holds()
    assert first.writes()  # for nobody else can have written
    assert first.duty.beat() is not None
    assert first.duty.holds()


def test_who_is_unsure_waits_and_goes_on_when_it_is_sure(server: Maker) -> None:
    first = server()
    first.take()
    first.clock.sleep(TRUST_SECONDS)
    waiting = Thread(target=first.duty.require)
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    first.duty.beat()
    waiting.join(5)
    assert not waiting.is_alive()


def test_who_is_unsure_and_is_to_end_does_not_wait(server: Maker) -> None:
    first = server()
    first.take()
    first.duty.require()
    first.clock.sleep(TRUST_SECONDS)
    first.duty.wind_up()
    with pytest.raises(ConflictError):
        first.duty.require()


def test_duty_that_is_given_back_is_free_at_once(server: Maker) -> None:
    first, second = server(), server()
    first.take()
    first.duty.give_back()
    assert not first.duty.holds()
    assert not first.writes()
    assert second.take() is Verdict.TAKE


def test_nothing_is_given_back_that_another_has(server: Maker) -> None:
    first, second = server(), server()
    first.take()
    second.take(LEASE_SECONDS)
    first.duty.give_back()
    assert second.duty.beat() is not None


def test_duty_of_a_process_that_has_ended_is_free_at_once(server: Maker, ended: set[str]) -> None:
    first, second = server(), server()
    first.take()
    ended.add(first.post.mark)
    assert second.take() is Verdict.TAKE


def test_the_epoch_only_grows(server: Maker) -> None:
    servers, epochs = [server(), server()], []
    for number in range(6):
        each = servers[number % 2]
        assert each.take(LEASE_SECONDS) is Verdict.TAKE
        found = each.duty.present()
        assert found is not None
        epochs.append(found.epoch)
        if number % 3 == 0:
            each.duty.give_back()
    assert epochs == [1, 2, 3, 4, 5, 6]


def an_instance() -> Instance:
    return Instance(
        application="shop", component="web", slot=0, attempt=1,
        revision=digests.of_bytes(b"web"), release=1, role=Role.SERVING, made_at=NOW, since=NOW,
        addresses={"default": IPv4Address("10.83.4.2")},
    )  # fmt: skip


@pytest.mark.parametrize("home", [("elsewhere", "/state"), ("here", "/another")])
def test_nobody_takes_over_at_another_home_while_there_is_anything(
    server: Maker, ended: set[str], home: tuple[str, str]
) -> None:
    first, second = server(), server(*home)
    first.take()
    first.fleet.record("shop", Changes(instances=[an_instance()]))
    first.duty.give_back()
    ended.add(first.post.mark)
    assert second.take(LEASE_SECONDS) is Verdict.REFUSE
    assert first.take() is Verdict.TAKE


@pytest.mark.parametrize("home", [("elsewhere", "/state"), ("here", "/another")])
def test_where_nothing_is_wanted_or_left_the_home_may_be_another_one(
    server: Maker, ended: set[str], home: tuple[str, str]
) -> None:
    first, second = server(), server(*home)
    first.take()
    ended.add(first.post.mark)  # which tells nothing there: only the silence does
    assert second.take() is Verdict.WAIT
    assert second.take(LEASE_SECONDS) is Verdict.TAKE


def test_a_person_may_say_that_the_old_home_is_gone(server: Maker) -> None:
    first, second = server(), server("elsewhere")
    first.take()
    first.fleet.record("shop", Changes(instances=[an_instance()]))
    second.duty.begin(move=True)
    assert second.take() is Verdict.WAIT  # it is not: it gives signs of life
    assert second.take(LEASE_SECONDS) is Verdict.TAKE


def test_what_is_said_to_be_gone_and_gives_signs_of_life_is_not_moved(server: Maker) -> None:
    first, second = server(), server("elsewhere")
    first.take()
    first.fleet.record("shop", Changes(instances=[an_instance()]))
    second.duty.begin(move=True)
    assert second.take() is Verdict.WAIT
    first.duty.beat()
    assert second.take() is Verdict.REFUSE


def test_a_move_is_of_that_time_alone(server: Maker) -> None:
    """Who has moved takes nothing over from a third machine later, however long that is silent."""
    first, second, third = server(), server("elsewhere"), server("elsewhere yet")
    first.take()
    first.fleet.record("shop", Changes(instances=[an_instance()]))
    second.duty.begin(move=True)
    assert second.take(LEASE_SECONDS) is Verdict.TAKE
    third.duty.begin(move=True)
    assert third.take(LEASE_SECONDS) is Verdict.TAKE
    assert second.take(LEASE_SECONDS) is Verdict.REFUSE


def test_commands_of_people_are_not_kept_out(server: Maker, url: str) -> None:
    server().take()
    command = SqlFleet(open_database(url, Fence()))
    command.record("shop", Changes(happenings=[Happening(NOW, "somebody said so")]))
    assert [each.words for each in command.happenings("shop")] == ["somebody said so"]


def test_a_server_stopped_while_it_writes_keeps_others_out_for_moments_only(
    server: Maker,
) -> None:
    first, second = server(), server()
    first.take()

    def write_slowly() -> None:
        with writing(first.engine) as connection:
            connection.execute(text("UPDATE applications SET standing = 7"))
            assert wait_until_taken(second) is Verdict.TAKE
            connection.execute(text("UPDATE applications SET standing = 8"))

    with pytest.raises(ConflictError, match="cannot be written"):
        write_slowly()
    assert [each.standing for each in second.fleet.every()] == [0]


def wait_until_taken(server: Server) -> Verdict:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(ConflictError):  # another one writes
            return server.take(LEASE_SECONDS)
    return Verdict.WAIT
