"""Another machine for tests, which passes no packets on: what it does when networks are laid.

usage: switch_closed_machine.py TEST_DIRECTORY

To be run inside that machine's namespace. Prints, line by line, how it is after each step.
"""

import subprocess
import sys
from pathlib import Path

from switch_benches import clear
from switch_networks import plans

from herdbook.drivers.bridge import BridgeSwitch

_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


def say(what: str) -> None:
    shown = subprocess.run(["iptables", "-S", "FORWARD"], check=True, capture_output=True)
    policy = shown.stdout.decode().splitlines()[0]
    forwarding = _FORWARDING.read_text(encoding="ascii").strip()
    sys.stdout.write(f"{what}: forwarding {forwarding}, {policy}\n")


def main(directory: str) -> None:
    front, back, inner = plans(Path(directory))
    _FORWARDING.write_text("0", encoding="ascii")
    switch = BridgeSwitch(Path(directory) / "state")
    switch.lay(inner)
    say("an internal network")
    switch.lay(front)
    say("one that leads out")
    subprocess.run(["iptables", "-P", "FORWARD", "ACCEPT"], check=True)
    switch.lay(back)
    say("a machine that was a router already")
    clear(switch, Path(directory))


if __name__ == "__main__":
    main(*sys.argv[1:])
