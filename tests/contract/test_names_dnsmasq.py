"""What only dnsmasq promises: how it answers, whom it disturbs, and its coming back."""

import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path

import pytest
from names_benches import DnsmasqBench, serve_elsewhere
from names_client import ask
from switch_networks import at, plans

from herdbook.core.errors import ConflictError
from herdbook.drivers.process_identity import identify, is_alive
from herdbook.fleet.networks import NetworkPlan

pytestmark = [pytest.mark.root, pytest.mark.alone]

Networks = tuple[NetworkPlan, NetworkPlan, NetworkPlan]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[DnsmasqBench]:
    made = DnsmasqBench(tmp_path)
    yield made
    made.clear()


@pytest.fixture
def networks(tmp_path: Path) -> Networks:
    return plans(tmp_path)


@pytest.fixture
def upstream(bench: DnsmasqBench) -> Iterator[list[bytes]]:
    """A name server of this machine that knows one address for all; yields what it was asked."""
    asked: list[bytes] = []
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((bench.elsewhere, 53))

    def answer() -> None:
        while True:
            message, client = server.recvfrom(4096)
            if not message:
                return
            asked.append(message)
            number = message[:2]
            end = message.index(b"\0", 12) + 5
            flags = struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0)
            record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([192, 0, 2, 99])
            server.sendto(number + flags + message[12:end] + record, client)

    thread = threading.Thread(target=answer)
    thread.start()
    yield asked
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"", (bench.elsewhere, 53))
    thread.join()
    server.close()


def test_it_outlives_the_process_that_started_it_in_a_session_of_its_own_without_rights(
    bench: DnsmasqBench, networks: Networks, tmp_path: Path
) -> None:
    front, _, _ = networks
    serve_elsewhere(bench, tmp_path)
    assert bench.ask(front, "db") == {front.subnet[5]}
    assert os.getsid(bench.process_id()) not in (os.getsid(0), 0)
    status = dict(line.split(":", 1) for line in bench.status().splitlines())
    assert "0" not in status["Uid"].split()
    assert int(status["CapEff"], 16) & ~(1 << 10 | 1 << 12 | 1 << 13) == 0  # the network's only


def test_answers_are_good_for_a_second_and_only_a_name_that_is_known_exists(
    bench: DnsmasqBench, networks: Networks, upstream: list[bytes]
) -> None:
    front, _, _ = networks
    bench.names().publish("shop", {"db": [front.subnet[3]], "my_db": [front.subnet[4]]})
    bench.names().serve("shop", [front], [])
    assert bench.answer(front, "db") == ["NOERROR", f"1 {front.subnet[3]}"]
    assert bench.answer(front, "my_db.shop.internal") == ["NOERROR", f"1 {front.subnet[4]}"]
    assert bench.answer(front, "db.shop.internal", "AAAA") == ["NOERROR"]
    assert bench.answer(front, "web") == ["NXDOMAIN"]
    assert bench.answer(front, "web.shop.internal") == ["NXDOMAIN"]
    assert bench.answer(front, "localhost") == ["NXDOMAIN"]
    assert upstream == []


def test_other_names_are_asked_for_at_the_name_server_of_this_machine(
    bench: DnsmasqBench, networks: Networks, upstream: list[bytes]
) -> None:
    front, _, _ = networks
    bench.names().serve("shop", [front], [])
    assert bench.ask(front, "www.example.org") == {IPv4Address("192.0.2.99")}
    assert len(upstream) == 1
    assert ask(bench.elsewhere, "www.example.org").startswith("NOERROR")


def test_nobody_asks_elsewhere_for_those_who_are_to_reach_nobody(
    bench: DnsmasqBench, networks: Networks, upstream: list[bytes]
) -> None:
    """A question can carry anything to whoever answers it."""
    front, _, inner = networks
    bench.names().publish("shop", {"db": [inner.subnet[3]]})
    bench.names().serve("shop", [inner], [])
    assert bench.answer(inner, "db") == ["NOERROR", f"1 {inner.subnet[3]}"]
    assert bench.answer(inner, "secret.example.org") == ["REFUSED"]
    assert upstream == []
    bench.names().serve("shop", [inner, front], [])
    assert bench.ask(inner, "www.example.org") == {IPv4Address("192.0.2.99")}


def test_no_answer_is_half_of_an_update(bench: DnsmasqBench, networks: Networks) -> None:
    front, _, _ = networks
    names = bench.names()
    old = {front.subnet[number] for number in range(2, 6)}
    new = {front.subnet[number] for number in range(6, 10)}
    names.publish("shop", {"db": old})
    names.serve("shop", [front], [])
    heard: list[frozenset[str]] = []
    is_over = threading.Event()

    def listen() -> None:
        while not is_over.is_set():
            lines = ask(str(front.gateway), "db").splitlines()[1:]
            heard.append(frozenset(line.split()[1] for line in lines))

    thread = threading.Thread(target=listen)
    thread.start()
    for number in range(100):
        names.publish("shop", {"db": (new, old)[number % 2]})
        time.sleep(0.002)
    is_over.set()
    thread.join()
    assert set(heard) == {frozenset(map(str, old)), frozenset(map(str, new))}


def test_killed_it_comes_back_with_the_names_and_machines(
    bench: DnsmasqBench, networks: Networks
) -> None:
    front, _, _ = networks
    names = bench.names()
    names.serve("shop", [front], [at(front, 5)])
    names.publish("shop", {"db": [front.subnet[3]]})
    for _ in range(3):
        killed = bench.process_id()
        os.kill(killed, signal.SIGKILL)
        while (process := identify(killed)) and is_alive(process):
            time.sleep(0.001)
        bench.names().serve("shop", [front], [at(front, 5)])
        assert bench.process_id() != killed
        assert bench.ask(front, "db") == {front.subnet[3]}
    assert bench.lease(at(front, 5)) == front.subnet[5]


def test_only_a_change_of_networks_or_the_first_machine_starts_it_anew(
    bench: DnsmasqBench, networks: Networks
) -> None:
    front, back, _ = networks
    names = bench.names()
    seen = []
    for served, machines in (
        ([front], []),
        ([front], []),
        ([front], [at(front, 5)]),
        ([front], [at(front, 6)]),
        ([front], []),
        ([front, back], []),
    ):
        names.serve("shop", served, machines)
        seen.append(bench.process_id())
    assert [before == after for before, after in pairwise(seen)] == [
        True,
        False,
        True,
        True,
        False,
    ]


def test_machine_learns_its_way_out_resolver_and_domain(
    bench: DnsmasqBench, networks: Networks
) -> None:
    front, _, inner = networks
    bench.names().serve("shop", [front, inner], [at(front, 5), at(inner, 5)])
    domain = "domain=shop.internal search=shop.internal"
    assert bench.lease_words(at(front, 5)) == (
        f"{front.subnet[5]}/28 router={front.gateway} dns={front.gateway} {domain}"
    )
    assert bench.lease_words(at(inner, 5)) == (
        f"{inner.subnet[5]}/28 router= dns={inner.gateway} {domain}"
    )


def test_two_applications_give_addresses_side_by_side(
    bench: DnsmasqBench, networks: Networks
) -> None:
    front, back, _ = networks
    names = bench.names()
    try:
        names.serve("shop", [front], [at(front, 5)])
        names.serve("other", [back], [at(back, 5)])
        names.publish("other", {"db": [back.subnet[3]]})
        assert bench.lease(at(front, 5)) == front.subnet[5]
        assert bench.lease(at(back, 5)) == back.subnet[5]
        assert (bench.ask(front, "db"), bench.ask(back, "db")) == (None, {back.subnet[3]})
    finally:
        names.end("other")


def test_network_laid_anew_is_answered_again(
    bench: DnsmasqBench, networks: Networks, tmp_path: Path
) -> None:
    front, _, _ = networks
    names = bench.names()
    names.publish("shop", {"db": [front.subnet[3]]})
    names.serve("shop", [front], [])
    bench.switch.take_up(front.name)
    bench.switch.lay(front)
    places = [at(network, 14) for network in plans(tmp_path)]
    bench.switch.plug("asker", places, machine=False)
    deadline = time.monotonic() + 5
    while bench.ask(front, "db") is None:
        assert time.monotonic() < deadline
    names.serve("shop", [front], [])


def test_taken_address_is_a_conflict(bench: DnsmasqBench, networks: Networks) -> None:
    front, _, _ = networks
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((str(front.gateway), 53))
        with pytest.raises(ConflictError, match=str(front.gateway)):
            bench.names().serve("shop", [front], [])
    bench.names().serve("shop", [front], [])


def test_nothing_is_left_after_the_end(bench: DnsmasqBench, networks: Networks) -> None:
    front, _, _ = networks
    names = bench.names()
    names.serve("shop", [front], [])
    number = bench.process_id()
    names.end("shop")
    status = Path(f"/proc/{number}/status")
    assert not status.exists() or "zombie" in status.read_text(encoding="utf-8")
    assert [path for path in bench.state_directory.rglob("*") if path.is_file()] == []
    assert bench.answer(front, "db") == ["SILENCE"]
