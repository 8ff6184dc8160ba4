"""What only the switch of Linux bridges promises: packets, rules, and mending after a crash."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from switch_benches import Listener, clear, connects, pings, run_inside
from switch_networks import at, place, plans

from herdbook.core.digests import of_bytes, short
from herdbook.core.errors import ConflictError
from herdbook.drivers import process
from herdbook.drivers.bridge import BridgeSwitch
from herdbook.drivers.bridge.identities import Identities
from herdbook.fleet.instances import Plugs
from herdbook.fleet.networks import NetworkPlan, free_subnet

_ADVERTISE = Path(__file__).with_name("router_advertisement.py")

pytestmark = [pytest.mark.root, pytest.mark.alone]

_PLUG = """
import sys
from ipaddress import IPv4Address
from pathlib import Path
from switch_networks import at, plans
from herdbook.drivers.bridge import BridgeSwitch
front, back, _ = plans(Path(sys.argv[2]))
switch = BridgeSwitch(Path(sys.argv[1]))
while True:
    for machine in (False, True):
        switch.plug("web", [at(front, 2), at(back, 2)], machine=machine)
        switch.unplug("web")
"""


_AS_ANY_USER = """
import os, socket
os.setgroups([]), os.setgid(4711), os.setuid(4711)
socket.create_server(("", 80)).close()
socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()
print("both")
"""


@pytest.fixture
def switch(tmp_path: Path) -> Iterator[BridgeSwitch]:
    made = BridgeSwitch(tmp_path / "state")
    yield made
    clear(made, tmp_path)


def _rules(bridge: str) -> list[str]:
    """The rules of one network: others come and go meanwhile."""
    saved = process.run(["iptables-save"]).output.splitlines()
    return sorted(line for line in saved if bridge.removeprefix("hb") in line)


def _bridge(gateway: IPv4Address) -> str:
    shown = process.run(["ip", "-o", "-4", "address", "show", "to", str(gateway)]).output
    return shown.split()[1]


def _cards(tmp_path: Path, instance: str) -> list[str]:
    """The devices of this machine that stand for an instance's cards."""
    marked = f"herdbook {_scope(tmp_path)} card {instance} "
    found = Path("/sys/class/net").glob("hb*/ifalias")
    return [path.parent.name for path in found if path.read_text().startswith(marked)]


def _ipv6(device: str) -> Path:
    return Path("/proc/sys/net/ipv6/conf") / device / "disable_ipv6"


def _gets_an_address(plugs: Plugs, device: str) -> bool:
    """Whether this machine does as an instance that plays a router says."""
    said = run_inside(plugs, sys.executable, str(_ADVERTISE), "eth0")
    assert said.returncode == 0, said.stderr
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        if "2001:db8:bad:" in process.run(["ip", "-6", "address", "show", "dev", device]).output:
            return True
        time.sleep(0.02)
    return False


def _of_kernel() -> set[str]:
    namespaces = Path("/run/netns")
    names = [path.name for path in namespaces.iterdir()] if namespaces.is_dir() else []
    return {*names, *(path.name for path in Path("/sys/class/net").iterdir())}


def _scope(tmp_path: Path) -> str:
    return short(of_bytes(str((tmp_path / "state").resolve()).encode()))


def _elsewhere() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}


def test_services_of_any_user_connect_on_low_ports_and_may_ping(
    switch: BridgeSwitch, tmp_path: Path
) -> None:
    front, _, _ = plans(tmp_path)
    switch.lay(front)
    web = switch.plug("web", [at(front, 2)], machine=False)
    db = switch.plug("db", [at(front, 3)], machine=False)
    address = str(at(front, 3).address)
    with Listener(address, 4711, db):
        assert connects(web, address, 4711)
    done = run_inside(web, sys.executable, "-c", _AS_ANY_USER)
    assert done.stdout == "both\n", done.stderr


def test_cards_have_fixed_addresses_and_the_way_out_of_the_first_network_that_has_one(
    switch: BridgeSwitch, tmp_path: Path
) -> None:
    front, back, inner = plans(tmp_path)
    for network in (front, back, inner):
        switch.lay(network)
    attachments = [at(inner, 2), at(back, 2), at(front, 2)]
    plugs = switch.plug("web", attachments, machine=False)
    for number, attachment in enumerate(attachments):
        shown = run_inside(plugs, "ip", "address", "show", "dev", f"eth{number}").stdout
        assert f"{attachment.address}/28" in shown
        assert attachment.hardware_address in shown
        assert "inet6" not in shown  # it would be a way around the rules
    routes = run_inside(plugs, "ip", "route", "show", "default").stdout
    assert routes.split() == ["default", "via", str(back.gateway), "dev", "eth1"]


def test_no_instance_gives_this_machine_an_address_by_ipv6(
    switch: BridgeSwitch, tmp_path: Path
) -> None:
    """Whatever listens here would be open there: no rule of the network is about IPv6."""
    front, _, _ = plans(tmp_path)
    switch.lay(front)
    web = switch.plug("web", [at(front, 2)], machine=False)
    bridge, (card,) = _bridge(front.gateway), _cards(tmp_path, "web")
    assert not _gets_an_address(web, bridge)
    for device in (bridge, card):  # as earlier releases left them
        _ipv6(device).write_text("0", encoding="ascii")
    assert _gets_an_address(web, bridge)
    switch.lay(front)
    assert not _gets_an_address(web, bridge)
    switch.plug("web", [at(front, 2)], machine=False)
    switch.take_up(front.name)  # the card goes on without a bridge
    assert not _gets_an_address(web, card)
    _ipv6(card).write_text("0", encoding="ascii")
    assert _gets_an_address(web, card)


def test_nothing_is_left(switch: BridgeSwitch, tmp_path: Path) -> None:
    networks = plans(tmp_path)
    front, back, inner = networks
    for network in networks:
        switch.lay(network)
    switch.plug("web", [at(front, 2), at(inner, 2)], machine=False)
    switch.plug("vm", [at(back, 2)], machine=True)
    bridges = [_bridge(network.gateway) for network in networks]
    marked = f"herdbook {_scope(tmp_path)} "
    assert process.run(["ip", "link"]).output.count(marked) == 6
    assert all(_rules(bridge) for bridge in bridges)
    clear(switch, tmp_path)
    assert marked not in process.run(["ip", "link"]).output
    assert not [name for name in _of_kernel() if _scope(tmp_path) in name or name in bridges]
    assert not any(_rules(bridge) for bridge in bridges)


def test_of_a_network_that_is_refused_no_rules_are_left(
    switch: BridgeSwitch, tmp_path: Path
) -> None:
    """They would keep a later network with the same gateway from being reached."""
    front, _, _ = plans(tmp_path)
    switch.lay(front)
    elsewhere = tmp_path / "elsewhere"
    with pytest.raises(ConflictError):
        BridgeSwitch(elsewhere).lay(replace(front, name="another"))
    assert _rules(_bridge(front.gateway))
    assert not _rules(Identities(elsewhere).bridge("another"))


def test_laying_again_mends_what_others_have_broken(switch: BridgeSwitch, tmp_path: Path) -> None:
    front, _, _ = plans(tmp_path)
    switch.lay(front)
    web = switch.plug("web", [at(front, 2)], machine=False)
    bridge = _bridge(front.gateway)
    before = _rules(bridge)
    for broken in (
        f"ip link set {bridge} down",
        f"ip address flush dev {bridge}",
        f"ip link set {bridge} address 02:00:00:00:00:01",
        f"iptables -F HERDBOOK-{bridge.removeprefix('hb')}",
        f"iptables -t nat -D POSTROUTING -j HERDBOOK-{bridge.removeprefix('hb')}",
    ):
        subprocess.run(broken.split(), check=True)
        switch.lay(front)
        assert _rules(bridge) == before
        assert pings(web, front.gateway)


def _told_on(machine: str, script: str, *arguments: str) -> list[str]:
    """What a script beside this file says on a machine (a namespace); it complains of nothing."""
    path = str(Path(__file__).with_name(script))
    tried = subprocess.run(
        ["ip", "netns", "exec", machine, sys.executable, path, *arguments],
        env=_elsewhere(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert tried.stderr == ""
    return tried.stdout.splitlines()


def test_machine_that_passed_nothing_on_does_so_for_networks_only(tmp_path: Path) -> None:
    """It would be a router between whatever it is connected to, else."""
    machine = f"hb-closed-{short(of_bytes(str(tmp_path).encode()))}"
    subprocess.run(["ip", "netns", "add", machine], check=True)
    try:
        assert _told_on(machine, "switch_closed_machine.py", str(tmp_path)) == [
            "an internal network: forwarding 0, -P FORWARD ACCEPT",
            "one that leads out: forwarding 1, -P FORWARD DROP",
            "a machine that was a router already: forwarding 1, -P FORWARD ACCEPT",
        ]
    finally:
        subprocess.run(["ip", "netns", "delete", machine], check=False)


@pytest.mark.parametrize("delay_seconds", [0.0, 0.01, 0.02, 0.03, 0.05, 0.08])
def test_killed_at_any_point_it_is_mended_by_the_next_call(
    switch: BridgeSwitch, tmp_path: Path, delay_seconds: float
) -> None:
    front, back, _ = plans(tmp_path)
    switch.lay(front)
    switch.lay(back)
    arguments = [sys.executable, "-c", _PLUG, str(tmp_path / "state"), str(tmp_path)]
    with subprocess.Popen(arguments, env=_elsewhere(), start_new_session=True) as killed:
        deadline = time.monotonic() + 10
        while not switch.plugged() and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(delay_seconds)
        with suppress(ProcessLookupError):
            os.killpg(killed.pid, signal.SIGKILL)
    web = switch.plug("web", [at(front, 2), at(back, 2)], machine=False)
    assert pings(web, back.gateway)
    switch.unplug("web")
    assert switch.plugged() == set()


def test_of_many_that_choose_a_subnet_at_once_no_two_choose_the_same(tmp_path: Path) -> None:
    pool = place(tmp_path)[0].supernet(2)

    def choose(number: int) -> IPv4Network:
        switch = BridgeSwitch(tmp_path / f"state {number}")
        with switch.choosing() as taken:
            chosen = free_subnet(pool, 30, taken)
            time.sleep(0.01)  # whoever were let in now would choose the same
            switch.take([NetworkPlan("shop.front", chosen, "shop.internal")])
        return chosen

    with ThreadPoolExecutor(16) as threads:
        assert len(set(threads.map(choose, range(16)))) == 16


def test_name_left_by_a_killed_program_is_no_namespace(
    switch: BridgeSwitch, tmp_path: Path
) -> None:
    front, _, _ = plans(tmp_path)
    switch.lay(front)
    web = switch.plug("web", [at(front, 2)], machine=False)
    assert web.namespace
    process.run(["umount", web.namespace])
    assert switch.plugged() == {"web"}
    switch.plug("web", [at(front, 2)], machine=False)
    assert pings(web, front.gateway)


def test_on_a_strict_machine_networks_lead_out_and_nowhere_else(tmp_path: Path) -> None:
    outside = place(tmp_path)[3]
    digits = short(of_bytes(str(tmp_path).encode()))
    machine, world = f"hb-machine-{digits}", f"hb-world-{digits}"
    try:
        for name in (machine, world):
            subprocess.run(["ip", "netns", "add", name], check=True)
        pair = f"ip link add outside netns {machine} type veth peer name outside netns {world}"
        subprocess.run(pair.split(), check=True)
        subprocess.run(
            ["ip", "-n", world, "address", "add", f"{outside[2]}/28", "dev", "outside"], check=True
        )
        subprocess.run(["ip", "-n", world, "link", "set", "outside", "up"], check=True)
        arguments = [str(tmp_path / "state"), str(tmp_path), str(outside), world]
        assert _told_on(machine, "switch_machine.py", *arguments) == [
            "web reaches db: True",
            "web reaches the world: True",
            "both reaches the world: True",
            "closed reaches both: True",
            "closed reaches the world: False",
            "web connects to this machine: True",
            "closed connects to this machine: False",
            "web connects to another gateway: False",
            "web asks for names: True",
            "web reaches what else listens: True",
            "closed asks for names: True",
            "closed reaches what else listens: False",
            "the world connects to db: False",
            "web in front of a closed firewall asks for names: True",
            "web in front of a closed firewall reaches what else listens: False",
            "this machine connects to closed: True",
            "the rules of others are as before: True",
        ]
    finally:
        for name in (machine, world):
            subprocess.run(["ip", "netns", "delete", name], check=False)
        # Mounted in the machine only, their files are everywhere.
        for path in Path("/run/netns").glob(f"herdbook-{_scope(tmp_path)}-*"):
            path.unlink()
