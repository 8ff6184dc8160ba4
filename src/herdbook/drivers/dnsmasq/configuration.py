"""Writes what dnsmasq reads: its settings, the names it knows and the machines it knows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from herdbook.drivers.answered_names import check_answered_name
from herdbook.fleet.networks import Attachment, NetworkPlan

_ANSWER_SECONDS = 1


@dataclass(frozen=True)
class Files:
    """Where dnsmasq finds what it needs; it reads `hosts` and `machines` as another user."""

    process_id: Path
    hosts: Path
    machines: Path
    resolvers: Path
    user: str


def settings(networks: Sequence[NetworkPlan], files: Files, *, with_machines: bool) -> str:
    """Return the settings for networks, the first of which is nobody's in particular.

    Port 67 is opened only `with_machines`: another program may have it.
    """
    lines = [
        "# Written by Herdbook, and written anew whenever the networks change.",
        f"user={files.user}",
        f"pid-file={_quoted(files.process_id)}",
        # Addresses that come later (a network laid anew) are listened on as they come.
        "bind-dynamic",
        *(f"listen-address={network.gateway}" for network in networks),
        "no-hosts",
        f"addn-hosts={_quoted(files.hosts)}",
        "expand-hosts",
        f"local-ttl={_ANSWER_SECONDS}",
        # Of an instance's addresses, those in the network of whoever asks: it reaches no others.
        "localise-queries",
        "domain-needed",
        _others(networks, files),
        *_domains(networks),
        *(_machine_settings(networks, files) if with_machines else []),
    ]
    return "\n".join([*lines, ""])


def hosts(names: Mapping[str, Collection[IPv4Address]]) -> str:
    """Return the names and their addresses; raises InvalidInputError for what is no host name."""
    lines = []
    for name, addresses in sorted(names.items()):
        check_answered_name(name)
        lines += [f"{address} {name}" for address in sorted(set(addresses))]
    return "\n".join([*lines, ""])


def known_machines(machines: Iterable[Attachment]) -> str:
    """Return which network card is given which address."""
    # For good: who never asks again cannot ask a process that knows nothing of the network.
    lines = {f"{each.hardware_address},{each.address},infinite" for each in machines}
    return "\n".join([*sorted(lines), ""])


def _others(networks: Sequence[NetworkPlan], files: Files) -> str:
    """Return who is asked for names that are not the application's own.

    Nobody for those who are to reach nobody: questions can carry anything out of a network.
    """
    if all(network.internal for network in networks):
        return "no-resolv"
    return f"resolv-file={_quoted(files.resolvers)}"


def _domains(networks: Sequence[NetworkPlan]) -> list[str]:
    domains = dict.fromkeys(network.domain for network in networks)
    return [
        *(f"local=/{domain}/" for domain in domains),
        *(f"domain={domain}" for domain in list(domains)[:1]),
        *(f"domain={network.domain},{network.subnet}" for network in networks),
        *(f"rev-server={network.subnet}" for network in networks),  # nobody else knows them
    ]


def _machine_settings(networks: Sequence[NetworkPlan], files: Files) -> list[str]:
    lines = [
        "dhcp-authoritative",
        "leasefile-ro",  # the addresses are fixed: there is nothing to remember
        "dhcp-ignore-names",  # a name is what is published, not what a machine says
        f"dhcp-hostsfile={_quoted(files.machines)}",
    ]
    for number, network in enumerate(networks):
        tag = f"tag:network{number}"
        start = network.subnet.network_address
        router = "" if network.internal else f",{network.gateway}"
        lines += [
            f"dhcp-range=set:network{number},{start},static,{network.subnet.netmask},infinite",
            f"dhcp-option={tag},option:router{router}",
            f"dhcp-option={tag},option:dns-server,{network.gateway}",
            f"dhcp-option={tag},option:domain-name,{network.domain}",
            f"dhcp-option={tag},option:domain-search,{network.domain}",
        ]
    return lines


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
