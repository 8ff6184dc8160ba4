"""Reads what the kernel knows of links and namespaces, and has `ip` change it."""

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from herdbook.core.errors import EngineError, MissingToolError
from herdbook.drivers import process

_LINKS = Path("/sys/class/net")
_NAMESPACES = Path("/run/netns")
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_BY_IPV6 = Path("/proc/sys/net/ipv6/conf")
_LIMIT_SECONDS = 30.0

# A container may ping, and listen on any port, whoever it runs as: the namespace is its own.
_INSIDE = """
"$1" -batch - &&
echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range &&
echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start
"""


@dataclass(frozen=True)
class Link:
    """What matters of a network device; `addresses` are IPv4, with their prefix lengths."""

    hardware_address: str
    is_up: bool
    addresses: tuple[str, ...]


def links(prefix: str) -> list[str]:
    """Return the network devices whose names begin so, in order."""
    return sorted(path.name for path in _LINKS.iterdir() if path.name.startswith(prefix))


def link_exists(device: str) -> bool:
    """Whether there is such a network device."""
    return (_LINKS / device).exists()


def alias(device: str) -> str:
    """Return a device's alias, empty without one."""
    try:
        return (_LINKS / device / "ifalias").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # gone meanwhile
        return ""


def set_alias(device: str, text: str) -> None:
    """Give a device an alias: a write to sysfs, which costs no program."""
    try:
        (_LINKS / device / "ifalias").write_text(text, encoding="utf-8")
    except OSError as error:
        raise EngineError(f"{device} could not be marked as ours: {error.strerror}") from error


def bridge_of(device: str) -> str:
    """Return the bridge a device is a port of, empty if of none."""
    with suppress(OSError):
        return (_LINKS / device / "master").readlink().name
    return ""


def look_up(device: str) -> Link | None:
    """Return what there is of a device; None if there is none."""
    if not link_exists(device):
        return None
    result = process.run(
        ["ip", "-json", "-4", "address", "show", "dev", device], limit_seconds=_LIMIT_SECONDS
    )
    if not result.succeeded:
        return None
    found = next(iter(json.loads(result.output or "[]")), None)
    if not found:  # `-4` shows nothing of a device without such an address
        return Link("", is_up=False, addresses=())
    return Link(
        (_LINKS / device / "address").read_text(encoding="ascii").strip(),
        "UP" in found["flags"],
        tuple(f"{each['local']}/{each['prefixlen']}" for each in found["addr_info"]),
    )


def bridge_subnets(prefix: str) -> list[tuple[str, IPv4Network]]:
    """Return the bridges whose names begin so, each with the network of an address it has."""
    result = process.run(
        ["ip", "-json", "-4", "address", "show", "type", "bridge"], limit_seconds=_LIMIT_SECONDS
    )
    return [
        (each["ifname"], IPv4Network(f"{address['local']}/{address['prefixlen']}", strict=False))
        for each in json.loads(result.output or "[]")
        for address in each.get("addr_info", ())
        if each["ifname"].startswith(prefix)
    ]


def namespace_path(namespace: str) -> Path:
    """Return the file by which a network namespace is entered."""
    return _NAMESPACES / namespace


def namespaces() -> list[str]:
    """Return all network namespaces that have names."""
    try:
        return [path.name for path in _NAMESPACES.iterdir()]
    except FileNotFoundError:
        return []


def namespace_works(namespace: str) -> bool:
    """Whether the name stands for a namespace, not for what a killed program left of one."""
    return os.path.ismount(namespace_path(namespace))


def forwards() -> bool:
    """Whether this machine passes packets on, wherever they come from."""
    return _FORWARDING.read_text(encoding="ascii").strip() != "0"


def forward() -> None:
    """Have this machine pass packets on."""
    try:
        _FORWARDING.write_text("1", encoding="ascii")
    except OSError as error:
        raise MissingToolError(
            f"This machine does not pass packets on: {error.strerror}",
            hint="Run: sysctl -w net.ipv4.ip_forward=1",
        ) from error


def leave_ipv6(device: str) -> None:
    """Have this machine take no part by IPv6 where a device leads; what it has there is gone.

    No rule of ours holds there, and whoever is at the other end could give this machine an address
    and a way out (by Router Advertisements).
    """
    try:
        (_BY_IPV6 / device / "disable_ipv6").write_text("1", encoding="ascii")
    except FileNotFoundError:
        return  # this kernel has no IPv6
    except OSError as error:
        raise EngineError(f"{device} could not be kept from IPv6: {error.strerror}") from error


def change(claimed: int, commands: Sequence[str], what: str) -> None:
    """Have `ip` run commands in order; raises EngineError that begins with `what` if one fails.

    `claimed` is the descriptor of the claim on what is changed.
    """
    if commands:
        _batch(claimed, ["ip", "-batch", "-"], commands, what)


def attempt(claimed: int, commands: Sequence[str]) -> None:
    """Have `ip` run commands in order, and go on where one fails: what it is for may be gone."""
    if commands:
        _run(claimed, ["ip", "-force", "-batch", "-"], commands)


def change_inside(claimed: int, namespace: str, commands: Sequence[str], what: str) -> None:
    """Do as `change` in a namespace, and open there what needs no protection from itself."""
    shell = ["sh", "-c", _INSIDE, "herdbook", process.find("ip")]
    arguments = ["nsenter", f"--net={namespace_path(namespace)}", *shell]
    _batch(claimed, arguments, commands, what)


def _batch(claimed: int, arguments: Sequence[str], commands: Sequence[str], what: str) -> None:
    result = _run(claimed, arguments, commands)
    if not result.succeeded:
        raise EngineError(
            f"{what}: {result.last_words}",
            hint="Networks need root, and a kernel with bridges, veth and tap devices.",
        )


def _run(claimed: int, arguments: Sequence[str], commands: Sequence[str]) -> process.Result:
    given = "".join(f"{command}\n" for command in commands).encode()
    return process.run(arguments, given=given, limit_seconds=_LIMIT_SECONDS, held=claimed)
