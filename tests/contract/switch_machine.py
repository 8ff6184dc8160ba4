"""Another machine for tests: a network namespace with a world outside, and a strict firewall.

usage: switch_machine.py STATE_DIRECTORY TEST_DIRECTORY OUTSIDE_SUBNET WORLD

To be run inside that machine's namespace. Prints, line by line, what was tried and came of it.
"""

import socket
import subprocess
import sys
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from switch_benches import Listener, clear, connects, pings
from switch_networks import at, plans

from herdbook.drivers.bridge import BridgeSwitch
from herdbook.fleet.instances import Plugs


def run(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True)


def rules() -> list[str]:
    saved = subprocess.run(["iptables-save"], check=True, capture_output=True, text=True).stdout
    return [line.partition(" [")[0] for line in saved.splitlines() if not line.startswith("#")]


def say(what: str, *, happened: bool) -> None:
    sys.stdout.write(f"{what}: {happened}\n")


def set_up(subnet: IPv4Network) -> tuple[IPv4Address, IPv4Address]:
    """Give this machine an address outside, where the world has the next one, and rules."""
    own = subnet[1]
    run(f"ip address add {own}/{subnet.prefixlen} dev outside")
    run("ip link set outside up")
    run("ip link set lo up")
    run("iptables -P FORWARD DROP")
    run("iptables -A FORWARD -i outside -o outside -j ACCEPT")
    run("iptables -t nat -A POSTROUTING -s 192.0.2.0/24 -j MASQUERADE")
    return own, subnet[2]


def ask(who: str, plugs: Plugs, gateway: IPv4Address) -> None:
    """Say what a container reaches of this machine, where it asks for names and elsewhere."""
    with Listener("0.0.0.0", 53), Listener("0.0.0.0", 4714):  # noqa: S104 - in its own namespace
        say(f"{who} asks for names", happened=connects(plugs, str(gateway), 53))
        say(f"{who} reaches what else listens", happened=connects(plugs, str(gateway), 4714))


def main(state_directory: str, directory: str, outside: str, world: str) -> None:
    front, back, inner = plans(Path(directory))
    own, other = set_up(IPv4Network(outside))
    before = rules()
    switch = BridgeSwitch(Path(state_directory))
    for network in (front, back, inner):
        switch.lay(network)
    web = switch.plug("web", [at(front, 2)], machine=False)
    db = switch.plug("db", [at(front, 3)], machine=False)
    closed = switch.plug("closed", [at(inner, 2)], machine=False)
    run(f"nsenter --net={closed.namespace} ip route add default via {inner.gateway}")
    both = switch.plug("both", [at(inner, 3), at(back, 3)], machine=False)
    say("web reaches db", happened=pings(web, at(front, 3).address))
    say("web reaches the world", happened=pings(web, other))
    say("both reaches the world", happened=pings(both, other))
    say("closed reaches both", happened=pings(closed, at(inner, 3).address))
    say("closed reaches the world", happened=pings(closed, other))
    with Listener(str(own), 4711):
        say("web connects to this machine", happened=connects(web, str(own), 4711))
        say("closed connects to this machine", happened=connects(closed, str(own), 4711))
        gateway = str(back.gateway)
        say("web connects to another gateway", happened=connects(web, gateway, 4711))
    ask("web", web, front.gateway)
    ask("closed", closed, inner.gateway)
    with Listener("0.0.0.0", 4712, db):  # noqa: S104 - inside its own namespace
        db_address = str(at(front, 3).address)
        run(f"ip -n {world} route add {front.subnet} via {own}")
        enter = f"nsenter --net=/run/netns/{world} busybox nc -w 1 {db_address} 4712"
        silent = subprocess.DEVNULL
        reached = subprocess.run(enter.split(), stdin=silent, stderr=silent, check=False)
        say("the world connects to db", happened=reached.returncode == 0)
    run("iptables -P INPUT DROP")
    ask("web in front of a closed firewall", web, front.gateway)
    closed_address = str(at(inner, 2).address)
    with Listener(closed_address, 4713, closed):
        socket.create_connection((closed_address, 4713), timeout=1).close()
    say("this machine connects to closed", happened=True)
    run("iptables -P INPUT ACCEPT")
    clear(switch, Path(directory))
    say("the rules of others are as before", happened=rules() == before)


if __name__ == "__main__":
    main(*sys.argv[1:])
