"""Decides which packets a network may send where, in the words of iptables-save."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from herdbook.drivers.bridge.identities import ALL_BRIDGES
from herdbook.fleet.networks import NetworkPlan

Chains = Mapping[tuple[str, str], Sequence[str]]
"""The rules of chains, by table and chain; each rule as iptables-save prints it after the name."""


@dataclass(frozen=True)
class _Jump:
    """Where the packets of a table come from into a chain of ours."""

    table: str
    built_in: str
    suffix: str = ""


# At the front: a firewall's own refusals come later, and what we refuse stays refused.
_JUMPS = (_Jump("filter", "FORWARD"), _Jump("filter", "INPUT", "-IN"), _Jump("nat", "POSTROUTING"))


def wanted_chains(network: NetworkPlan, bridge: str, chain: str) -> Chains:
    """Return the chains of a network; they are right whatever chains others have."""
    chains = {
        ("filter", chain): _forwarding(network, bridge),
        ("filter", f"{chain}-IN"): _incoming(network, bridge),
    }
    if not network.internal:
        chains["nat", chain] = [f"-s {network.subnet} ! -o {bridge} -j MASQUERADE"]
    return chains


def _forwarding(network: NetworkPlan, bridge: str) -> list[str]:
    # Where bridged packets are filtered too, those within the network come by here.
    within = [f"-i {bridge} -o {bridge} -j ACCEPT"]
    out = [
        f"-i {bridge} -o {ALL_BRIDGES} -j DROP",
        f"-s {network.subnet} -i {bridge} -j ACCEPT",
        f"-o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    ]
    rest = [f"-i {bridge} -j DROP", f"-o {bridge} -j DROP"]
    return [*within, *([] if network.internal else out), *rest]


def _incoming(network: NetworkPlan, bridge: str) -> list[str]:
    gateway = f"-d {network.gateway}/32"
    # Names and addresses are ours to give. What else this machine offers, its own rules decide.
    own = [
        "-i lo -j RETURN",
        f"-i {bridge} -p udp -m udp --dport 67 -j ACCEPT",
        f"{gateway} -i {bridge} -p udp -m udp --dport 53 -j ACCEPT",
        f"{gateway} -i {bridge} -p tcp -m tcp --dport 53 -j ACCEPT",
        # To what this machine has asked; rules that others have left are not to stop it.
        f"-i {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        f"{gateway} ! -i {bridge} -j DROP",  # the gateway of a network is for those in it
    ]
    return [*own, f"-i {bridge} -j DROP"] if network.internal else own


def changes(saved: str, chain: str, wanted: Chains) -> str:
    """Return what iptables-restore must be given to have just these chains; empty if nothing.

    `saved` is what iptables-save printed. A table is changed at once or not at all.
    """
    present = _present(saved)
    tables = {jump.table for jump in _JUMPS}
    return "".join(_table_changes(table, chain, present, wanted) for table in sorted(tables))


def _table_changes(table: str, chain: str, present: Chains, wanted: Chains) -> str:
    jumps = [jump for jump in _JUMPS if jump.table == table]
    if all(_is_right(jump, chain + jump.suffix, present, wanted) for jump in jumps):
        return ""
    lines = [f"*{table}"]
    for jump in jumps:
        lines += _chain_changes(jump, chain + jump.suffix, present, wanted)
    return "\n".join([*lines, "COMMIT", ""])


def _is_right(jump: _Jump, name: str, present: Chains, wanted: Chains) -> bool:
    key = (jump.table, name)
    if (key in present) != (key in wanted):
        return False
    if _jumps(jump, name, present) != (1 if key in wanted else 0):
        return False
    return list(present.get(key, ())) == list(wanted.get(key, ()))


def _chain_changes(jump: _Jump, name: str, present: Chains, wanted: Chains) -> list[str]:
    key = (jump.table, name)
    lines = [f"-D {jump.built_in} -j {name}"] * _jumps(jump, name, present)
    if key in wanted:
        lines.append(f":{name} - [0:0]")  # makes it, or empties it
        lines += [f"-A {name} {rule}" for rule in wanted[key]]
        lines.append(f"-I {jump.built_in} -j {name}")
    elif key in present:
        lines += [f"-F {name}", f"-X {name}"]
    return lines


def _jumps(jump: _Jump, name: str, present: Chains) -> int:
    return list(present.get((jump.table, jump.built_in), ())).count(f"-j {name}")


def _present(saved: str) -> Chains:
    chains: dict[tuple[str, str], list[str]] = {}
    table = ""
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":"):
            chains[table, line[1:].partition(" ")[0]] = []
        elif line.startswith("-A "):
            name, _, rule = line[3:].partition(" ")
            chains.setdefault((table, name), []).append(rule)
    return chains
