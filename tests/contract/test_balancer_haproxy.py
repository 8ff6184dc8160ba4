"""What becomes of requests that go through a real HAProxy."""

import http.client
import json
import os
import pwd
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from balancer_benches import HaproxyBench, doors, need_haproxy
from balancer_load import ask, load
from balancer_members import free_ports, members, members_elsewhere, until

from herdbook.core.clock import SystemClock
from herdbook.core.errors import ConflictError, EngineError, InvalidInputError
from herdbook.drivers.haproxy import HaproxyBalancer
from herdbook.drivers.haproxy.application import Application
from herdbook.drivers.haproxy.layout import Layout
from herdbook.fleet.balancing import Door, DoorMode, Member, MemberState, Traffic

pytestmark = pytest.mark.alone  # ports, and what it measures

_LATER = """
import sys
from pathlib import Path
from herdbook.core.clock import SystemClock
from herdbook.drivers.haproxy import HaproxyBalancer
from herdbook.fleet.balancing import Member
balancer = HaproxyBalancer(Path(sys.argv[1]), SystemClock())
balancer.place("shop", {"web": [Member(sys.argv[2], "127.0.0.1", int(sys.argv[3]))]})
"""

_SWAPPING = """
import sys
from itertools import cycle
from pathlib import Path
from herdbook.core.clock import SystemClock
from herdbook.drivers.haproxy import HaproxyBalancer
from herdbook.fleet.balancing import Member
balancer = HaproxyBalancer(Path(sys.argv[1]), SystemClock())
sets = [[Member(f"m{port}", "127.0.0.1", int(port))] for port in sys.argv[2:]]
print(flush=True)
for one in cycle(sets):
    balancer.place("shop", {"web": one})
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[HaproxyBench]:
    need_haproxy()
    made = HaproxyBench(tmp_path)
    yield made
    made.close_all()


@pytest.fixture
def balancer(bench: HaproxyBench) -> HaproxyBalancer:
    return bench.balancer()


@pytest.fixture
def door(balancer: HaproxyBalancer) -> Door:
    """The open door of the application `shop`."""
    (made,) = doors("web")
    balancer.open("shop", [made])
    return made


def test_requests_reach_just_ready_members_by_weight(balancer: HaproxyBalancer, door: Door) -> None:
    with members("one", "two", "three", "four") as (one, two, three, four):
        wish = [
            one,
            replace(two, weight=50),
            replace(three, weight=0),
            replace(four, state=MemberState.DRAINING),
        ]
        balancer.place("shop", {"web": wish})
        assert _asked(door, 60) == {"one": 40, "two": 20}
        balancer.place("shop", {"web": [replace(one, state=MemberState.DRAINING), four]})
        assert _asked(door, 10) == {"four": 10}
        balancer.place("shop", {"web": [one, replace(four, weight=25)]})
        assert _asked(door, 50) == {"one": 40, "four": 10}


def test_members_know_who_asked(balancer: HaproxyBalancer, door: Door) -> None:
    with members("one") as (one,):
        balancer.place("shop", {"web": [one]})
        with socket.create_connection((door.address, door.port)) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b'"forwarded": "127.0.0.1"' in _all(client)


def test_no_client_says_itself_that_it_came_by_tls(balancer: HaproxyBalancer, door: Door) -> None:
    with members("one") as (one,):
        balancer.place("shop", {"web": [one]})
        for said in ("X-Forwarded-Proto: https", "X-Other: 1"):
            with socket.create_connection((door.address, door.port)) as client:
                client.sendall(f"GET / HTTP/1.0\r\n{said}\r\n\r\n".encode())
                assert b'"scheme": "http"' in _all(client)


def test_connections_to_members_are_kept(balancer: HaproxyBalancer, door: Door) -> None:
    with members("one") as (one,):
        balancer.place("shop", {"web": [one]})
        with socket.create_connection((door.address, door.port)) as client:
            seen = []
            for _ in range(3):
                client.sendall(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")
                answer = client.recv(65536)
                seen.append(answer.partition(b'"connection": ')[2])
        assert len(set(seen)) == 1


def test_a_kept_connection_never_leads_to_who_had_the_slot_before(
    balancer: HaproxyBalancer,
) -> None:
    (door,) = doors("web", slots=1)
    balancer.open("shop", [door])
    with members("one", "two") as both:
        connection = http.client.HTTPConnection(door.address, door.port)
        for member in both * 8:
            balancer.place("shop", {})
            balancer.place("shop", {"web": [member]})
            for _ in range(3):
                connection.request("GET", "/")
                assert json.loads(connection.getresponse().read())["instance"] == member.instance
        connection.close()


def test_a_drained_member_ends_what_it_has_begun(balancer: HaproxyBalancer, door: Door) -> None:
    with members("old", "new") as (old, new), ThreadPoolExecutor() as pool:
        balancer.place("shop", {"web": [old]})
        long = pool.submit(ask, door, "/?seconds=1")
        until(lambda: balancer.traffic("shop")["web"]["old"].sessions == 1)
        balancer.place("shop", {"web": [replace(old, state=MemberState.DRAINING), new]})
        assert _asked(door, 10) == {"new": 10}
        assert balancer.traffic("shop")["web"]["old"].sessions == 1
        assert long.result() == (200, "old")
        until(lambda: balancer.traffic("shop")["web"]["old"].sessions == 0)


def test_a_member_that_is_taken_away_ends_what_it_has_begun(
    bench: HaproxyBench, balancer: HaproxyBalancer, door: Door
) -> None:
    """Its slot is free only then."""
    with members("old", "new") as (old, new), ThreadPoolExecutor() as pool:
        balancer.place("shop", {"web": [old]})
        long = pool.submit(ask, door, "/?seconds=1")
        until(lambda: balancer.traffic("shop")["web"]["old"].sessions == 1)
        balancer.place("shop", {"web": [new]})
        assert _asked(door, 10) == {"new": 10}
        assert len(_layout(bench).leaving()) == 1
        assert long.result() == (200, "old")
        balancer.place("shop", {"web": [new]})
        assert not _layout(bench).leaving()


def test_a_member_with_another_address_never_has_the_sessions_of_the_last_one(
    balancer: HaproxyBalancer,
) -> None:
    """Not even where there is no other slot: they are doubled."""
    (door,) = doors("web", slots=1)
    balancer.open("shop", [door])
    with members("before", "after") as (before, after), ThreadPoolExecutor() as pool:
        balancer.place("shop", {"web": [replace(before, instance="same")]})
        long = pool.submit(ask, door, "/?seconds=1")
        until(lambda: balancer.traffic("shop")["web"]["same"].sessions == 1)
        balancer.place("shop", {"web": [replace(after, instance="same")]})
        assert _asked(door, 10) == {"after": 10}
        assert balancer.traffic("shop")["web"]["same"].sessions == 0
        assert long.result() == (200, "before")


def test_sessions_of_a_worker_that_was_replaced_are_counted(
    bench: HaproxyBench, balancer: HaproxyBalancer, door: Door
) -> None:
    """Else an instance would be stopped in the middle of its last answer."""
    with members("old", "new") as (old, new), ThreadPoolExecutor() as pool:
        balancer.place("shop", {"web": [old]})
        long = pool.submit(ask, door, "/?seconds=1.5")
        until(lambda: balancer.traffic("shop")["web"]["old"].sessions == 1)
        balancer.open("shop", [door, *doors("api")])
        assert balancer.traffic("shop")["web"]["old"].sessions == 1
        balancer.place("shop", {"web": [new]})
        assert len(_layout(bench).leaving()) == 1
        assert long.result() == (200, "old")
        balancer.place("shop", {"web": [new]})
        assert not _layout(bench).leaving()


def test_a_client_of_a_worker_that_was_replaced_counts_as_a_session(
    bench: HaproxyBench, balancer: HaproxyBalancer, door: Door
) -> None:
    """It kept its connection over a change of doors, and has one more request there."""
    with members("old", "new") as (old, new):
        balancer.place("shop", {"web": [old]})
        with socket.create_connection((door.address, door.port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")
            assert b"old" in client.recv(65536)
            assert balancer.traffic("shop")["web"]["old"].sessions == 0
            balancer.open("shop", [door, *doors("api")])
            drained = replace(old, state=MemberState.DRAINING)
            balancer.place("shop", {"web": [drained, new]})
            assert balancer.traffic("shop")["web"]["old"].sessions == 1
            balancer.place("shop", {"web": [new]})
            assert len(_layout(bench).leaving()) == 1
            client.sendall(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")
            assert b"old" in client.recv(65536)
            assert client.recv(65536) == b""
        until(lambda: not _of(bench).control.old_workers())
        balancer.place("shop", {"web": [new]})
        assert not _layout(bench).leaving()


def test_a_swap_of_all_members_under_load_drops_nothing(
    balancer: HaproxyBalancer, door: Door
) -> None:
    old_names, new_names = ("a1", "a2", "a3", "a4"), ("b1", "b2", "b3", "b4")
    with members_elsewhere(*old_names) as old, members_elsewhere(*new_names) as new:
        balancer.place("shop", {"web": old})
        sets = [old, new]
        with load(door) as tally:
            while tally.total < 3000:
                seen = tally.total
                until(lambda seen=seen: tally.total > seen + 200)  # type: ignore[misc]
                sets.reverse()
                now, before = sets
                drained = [replace(each, state=MemberState.DRAINING) for each in before]
                balancer.place("shop", {"web": [*before, *now]})
                balancer.place("shop", {"web": [*drained, *now]})
                until(lambda before=before: not _sessions(balancer, before))  # type: ignore[misc]
                balancer.place("shop", {"web": now})
        assert tally.failures == []
        assert set(tally.answers) == {*old_names, *new_names}


def test_even_a_swap_at_once_under_load_drops_nothing(
    balancer: HaproxyBalancer,
) -> None:
    """Slots are doubled under load, too; then they are used again and again."""
    (door,) = doors("web", slots=2)
    balancer.open("shop", [door])
    with members_elsewhere("a1", "a2") as old, members_elsewhere("b1", "b2") as new:
        balancer.place("shop", {"web": old})
        with load(door) as tally:
            for wish in [new, old] * 6:
                balancer.place("shop", {"web": wish})
                seen = tally.total
                until(lambda seen=seen: tally.total > seen + 100)  # type: ignore[misc]
        assert tally.failures == []


def test_doors_change_under_load_without_a_dropped_request(
    balancer: HaproxyBalancer, door: Door
) -> None:
    with members_elsewhere("one", "two") as wish:
        balancer.place("shop", {"web": wish})
        with load(door) as tally:
            for extra in ([*doors("api")], [], [*doors("api", "more")], []):
                balancer.open("shop", [door, *extra])
                seen = tally.total
                until(lambda seen=seen: tally.total > seen + 200)  # type: ignore[misc]
        assert tally.failures == []


def test_no_request_is_lost_where_a_member_does_not_listen(
    balancer: HaproxyBalancer, door: Door
) -> None:
    """Nothing was sent, so another one may have it; it is counted as failed there."""
    dead = Member("dead", "127.0.0.1", free_ports(1)[0])
    with members("one") as (one,):
        balancer.place("shop", {"web": [one, dead]})
        assert _asked(door, 10) == {"one": 10}
        until(lambda: balancer.traffic("shop")["web"]["dead"].failed >= 4)
        assert balancer.traffic("shop")["web"]["one"].failed == 0


def test_a_request_that_was_begun_is_not_repeated(balancer: HaproxyBalancer, door: Door) -> None:
    with members("one", "two") as both:
        balancer.place("shop", {"web": both})
        assert ask(door, "/break")[0] == 502
        until(lambda: _failed(balancer) == 1)


def test_the_mean_time_is_that_of_the_member_alone(balancer: HaproxyBalancer) -> None:
    """What another one had in that slot before is taken out."""
    (door,) = doors("web", slots=1)
    balancer.open("shop", [door])
    with members("slow", "fast") as (slow, fast):
        balancer.place("shop", {"web": [slow]})
        for _ in range(5):
            ask(door, "/?seconds=0.1")
        until(lambda: balancer.traffic("shop")["web"]["slow"].requests == 5)
        assert 95 < balancer.traffic("shop")["web"]["slow"].response_milliseconds < 300
        balancer.place("shop", {})
        balancer.place("shop", {"web": [fast]})
        assert balancer.traffic("shop")["web"]["fast"] == Traffic()
        for _ in range(5):
            ask(door, "/?seconds=0.01")
        until(lambda: balancer.traffic("shop")["web"]["fast"].requests == 5)
        assert 5 < balancer.traffic("shop")["web"]["fast"].response_milliseconds < 60


def test_without_members_it_says_so_at_once(balancer: HaproxyBalancer, door: Door) -> None:
    started = time.monotonic()
    status, text = ask(door)
    assert (status, "Herdbook" in text, "web" in text) == (503, True, True)
    with members("one") as (one,):
        balancer.place("shop", {"web": [replace(one, state=MemberState.DRAINING)]})
        assert ask(door)[0] == 503
    assert time.monotonic() - started < 1


def test_doors_at_one_address_are_told_apart_by_host(balancer: HaproxyBalancer) -> None:
    (web,) = doors("web")
    api = replace(web, name="api", hosts=("api.example", "API2.example"))
    balancer.open("shop", [api, web])
    with members("w", "a") as (w, a):
        balancer.place("shop", {"web": [w], "api": [a]})
        assert ask(web, host="api.example:8080") == (200, "a")
        assert ask(web, host="Api2.Example") == (200, "a")
        assert ask(web, host="elsewhere.example") == (200, "w")


def test_a_tcp_door_hands_bytes_on(balancer: HaproxyBalancer) -> None:
    (door,) = doors("db", mode=DoorMode.TCP)
    balancer.open("shop", [door])
    with members("one") as (one,):
        balancer.place("shop", {"db": [one]})
        with socket.create_connection((door.address, door.port)) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b'"forwarded": ""' in _all(client)
        until(lambda: balancer.traffic("shop")["db"]["one"].requests == 1)


def test_a_door_with_a_certificate_speaks_tls(balancer: HaproxyBalancer, tmp_path: Path) -> None:
    """A certificate that was renewed is used after `open`."""
    path = tmp_path / "it's a certificate $HOME.pem"
    (door,) = doors("web", certificate=str(path))
    with pytest.raises(InvalidInputError, match="certificate"):
        balancer.open("shop", [door])
    path.write_text("nonsense")
    with pytest.raises(InvalidInputError, match="HAProxy"):
        balancer.open("shop", [door])
    for name in ("first", "second"):
        _write_certificate(path, name)
        balancer.open("shop", [door])
        shown = ssl.get_server_certificate((door.address, door.port))
        assert shown.strip() in path.read_text()


def test_whoever_has_the_port_is_named(balancer: HaproxyBalancer) -> None:
    (door,) = doors("web")
    program = "import socket, sys; s = socket.socket(); s.bind(('127.0.0.1', int(sys.argv[1])));"
    program += "s.listen(); print(flush=True); input()"
    command = [sys.executable, "-c", program, str(door.port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout
            other.stdout.readline()
            with pytest.raises(ConflictError, match=f"{door.port} .*process {other.pid}"):
                balancer.open("shop", [door])
        finally:
            other.kill()


def test_a_foreign_address_is_refused_and_nothing_changes(
    bench: HaproxyBench, balancer: HaproxyBalancer, door: Door
) -> None:
    before = _of(bench).control.identity()
    with pytest.raises(InvalidInputError, match=r"192\.0\.2\.1"):
        balancer.open("shop", [door, Door("far", "192.0.2.1", 8080)])
    assert _of(bench).control.identity() == before
    assert ask(door)[0] == 503


def test_doors_that_a_worker_cannot_open_leave_the_last_ones_open(
    bench: HaproxyBench, balancer: HaproxyBalancer, door: Door
) -> None:
    """Somebody else takes the address of a door just before it is opened."""
    with members("one", "two") as (one, two):
        balancer.place("shop", {"web": [one]})
        shop = _of(bench)
        layout = _layout(bench)
        shop.keep(layout.with_doors([door, Door("far", "192.0.2.1", 8080)], ""))
        with pytest.raises(EngineError, match="did not take"):
            shop.daemon.reload(shop.control)
        shop.keep(layout)
        assert ask(door) == (200, "one")
        balancer.place("shop", {"web": [two]})
        balancer.open("shop", [door, *doors("api")])
        assert ask(door) == (200, "two")


def test_a_later_process_controls_it(bench: HaproxyBench, door: Door) -> None:
    """The one that opened the doors has ended, too."""
    with members("one") as (one,):
        command = [sys.executable, "-c", _LATER, str(bench.state_directory), "one", str(one.port)]
        subprocess.run(command, check=True)
        assert ask(door) == (200, "one")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_whoever_talks_to_clients_is_not_root(bench: HaproxyBench, door: Door) -> None:
    del door
    master = bench.master("shop")
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    owners = {Path(f"/proc/{child}").stat().st_uid for child in children}
    assert owners == {pwd.getpwnam("haproxy").pw_uid}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can go before others")
def test_whoever_talks_to_clients_goes_before_what_the_machine_does_for_itself(
    bench: HaproxyBench, balancer: HaproxyBalancer, door: Door
) -> None:
    """After a reload, too, and where the kernel shares its time among sessions first."""
    balancer.open("shop", [door, *doors("other")])
    master = bench.master("shop")
    (worker,) = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    assert os.getpriority(os.PRIO_PROCESS, int(worker)) < os.getpriority(os.PRIO_PROCESS, 0)
    if (group := Path(f"/proc/{worker}/autogroup")).exists():
        assert int(group.read_text().split()[-1]) < 0


def test_killed_before_haproxy_was_told_the_next_wish_is_done(
    bench: HaproxyBench, balancer: HaproxyBalancer, door: Door
) -> None:
    """The configuration was written, and nothing told: even the same wish is done then."""
    with members("one", "two") as (one, two):
        balancer.place("shop", {"web": [one]})
        before = _config(bench).read_text()
        balancer.place("shop", {"web": [two]})
        after = _config(bench).read_text()
        balancer.place("shop", {"web": [one]})
        _config(bench).write_text(after)
        assert ask(door) == (200, "one")
        _of(bench).files.unsettle()
        balancer.place("shop", {"web": [two]})
        assert _asked(door, 4) == {"two": 4}
        _config(bench).write_text(before)
        _of(bench).files.unsettle()
        balancer.open("shop", [door])
        assert _asked(door, 4) == {"one": 4}


def test_killed_at_any_moment_of_a_swap_nothing_is_dropped_and_the_next_wish_is_done(
    bench: HaproxyBench, door: Door
) -> None:
    with members_elsewhere("one", "two") as both:
        bench.balancer().place("shop", {"web": both})
        ports = [str(member.port) for member in both]
        with load(door, 2, 2) as tally:
            for number in range(12):
                _swap_and_kill([str(bench.state_directory), *ports], 0.003 * number)
                wanted = both[number % 2]
                bench.balancer().place("shop", {"web": [wanted]})
                assert _asked(door, 4) == {wanted.instance: 4}
        assert tally.failures == []


def test_reloaded_by_somebody_else_it_has_the_same_members(
    bench: HaproxyBench, balancer: HaproxyBalancer, door: Door
) -> None:
    with members("one", "two") as (one, two):
        balancer.place("shop", {"web": [one, replace(two, state=MemberState.DRAINING)]})
        before = _of(bench).control.identity()
        os.kill(bench.master("shop"), signal.SIGUSR2)
        until(lambda: _quietly(_of(bench).control.identity) not in (None, before))
        assert _asked(door, 6) == {"one": 6}
        balancer.place("shop", {"web": [two]})
        assert _asked(door, 6) == {"two": 6}


def test_after_a_restart_of_the_machine_nobody_is_behind_a_door(
    bench: HaproxyBench, balancer: HaproxyBalancer, door: Door
) -> None:
    """The addresses may be those of other instances now."""
    with members("one") as (one,):
        balancer.place("shop", {"web": [one]})
        bench.kill("shop")
        _of(bench).files.boot.write_text("another boot")
        balancer.open("shop", [door])
        assert ask(door)[0] == 503
        assert balancer.traffic("shop") == {"web": {}}
        balancer.place("shop", {"web": [one]})
        assert ask(door) == (200, "one")


def test_one_that_was_started_and_not_noted_is_found(
    bench: HaproxyBench, balancer: HaproxyBalancer, door: Door
) -> None:
    master = bench.master("shop")
    _of(bench).files.identity.unlink()
    balancer.open("shop", [door])
    assert bench.master("shop") == master
    _of(bench).files.identity.unlink()
    balancer.close("shop")
    assert _is_refused(door)


def test_two_that_change_members_at_once_take_turns(bench: HaproxyBench, door: Door) -> None:
    with members("one", "two") as both, ThreadPoolExecutor() as pool:
        wishes = [{"web": [member]} for member in both] * 5
        list(pool.map(lambda wish: bench.balancer().place("shop", wish), wishes))
        (instance,) = bench.balancer().traffic("shop")["web"]
        assert _asked(door, 4) == {instance: 4}


def _swap_and_kill(arguments: list[str], after_seconds: float) -> None:
    """Have another process swap members without end, and end it in the middle."""
    command = [sys.executable, "-c", _SWAPPING, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout
            other.stdout.readline()
            time.sleep(after_seconds)
        finally:
            other.kill()


def _asked(door: Door, times: int) -> Counter[str]:
    answers = [ask(door) for _ in range(times)]
    assert {status for status, _ in answers} == {200}, answers
    return Counter(instance for _, instance in answers)


def _is_refused(door: Door) -> bool:
    try:
        ask(door)
    except ConnectionRefusedError:
        return True
    return False


def _all(client: socket.socket) -> bytes:
    parts = []
    while part := client.recv(65536):
        parts.append(part)
    return b"".join(parts)


def _sessions(balancer: HaproxyBalancer, of: list[Member]) -> int:
    traffic = balancer.traffic("shop")["web"]
    return sum(traffic[member.instance].sessions for member in of)


def _failed(balancer: HaproxyBalancer) -> int:
    return sum(each.failed for each in balancer.traffic("shop")["web"].values())


def _of(bench: HaproxyBench) -> Application:
    return Application(bench.state_directory, "shop", SystemClock())


def _layout(bench: HaproxyBench) -> Layout:
    layout = _of(bench).layout()
    assert layout
    return layout


def _config(bench: HaproxyBench) -> Path:
    return bench.directory("shop") / "haproxy.cfg"


def _quietly(asked: Callable[[], str]) -> str | None:
    try:
        return asked()
    except EngineError:
        return None


def _write_certificate(path: Path, name: str) -> None:
    key = path.with_suffix(".key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    path.write_text(path.read_text() + key.read_text())
