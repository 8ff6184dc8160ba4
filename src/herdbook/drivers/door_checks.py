"""Checks doors and the members behind them, before any balancer is told of them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from itertools import combinations

from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.fleet.balancing import FULL_WEIGHT, Door, DoorMode, Member

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.IGNORECASE)
_LAST_PORT = 65535


def check_doors(doors: Sequence[Door]) -> None:
    """Refuse doors that contradict each other, or that no balancer understands."""
    _refuse_twice((door.name for door in doors), "There are two doors with the name")
    for door in doors:
        _check_door(door)
    for one, other in combinations(doors, 2):
        if (one.address, one.port) == (other.address, other.port):
            _check_pair(one, other)


def check_members(doors: Iterable[str], members: Mapping[str, Sequence[Member]]) -> None:
    """Refuse members of doors that are not there, and what no balancer understands."""
    known = set(doors)
    for door, behind in members.items():
        if door not in known:
            raise NotFoundError(f"There is no door {door!r}", hint="Open it first.")
        _refuse_twice((member.instance for member in behind), f"Behind {door!r} there is twice")
        for member in behind:
            _check_place(f"The member {member.instance!r}", member.address, member.port)
            if not 0 <= member.weight <= FULL_WEIGHT:
                raise InvalidInputError(
                    f"The weight {member.weight} of {member.instance!r} is not from 0 to"
                    f" {FULL_WEIGHT}"
                )


def _check_door(door: Door) -> None:
    if not _NAME.fullmatch(door.name):
        raise InvalidInputError(
            f"{door.name!r} is not a name for a door",
            hint="Use up to 63 letters, digits, hyphens, underscores and full stops.",
        )
    _check_place(f"The door {door.name!r}", door.address, door.port)
    if not door.certificate.isprintable():
        raise InvalidInputError(f"The door {door.name!r} has a certificate with no usable path")
    if door.slots < 1:
        raise InvalidInputError(f"The door {door.name!r} has no slots")
    if door.hosts and door.mode is not DoorMode.HTTP:
        raise InvalidInputError(f"The door {door.name!r} is not HTTP: it cannot see host names")
    for host in door.hosts:
        if not _HOST.fullmatch(host):
            raise InvalidInputError(f"{host!r} is not a host name (door {door.name!r})")


def _check_pair(one: Door, other: Door) -> None:
    """Two doors at one place have to be told apart by each request."""
    both = f"The doors {one.name!r} and {other.name!r} are both at {one.address} port {one.port}"
    if {one.mode, other.mode} != {DoorMode.HTTP}:
        raise InvalidInputError(both, hint="Only HTTP doors can share a port.")
    if bool(one.certificate) != bool(other.certificate):
        raise InvalidInputError(both, hint="Give both of them a certificate, or none.")
    if not _told_apart(one, other):
        raise InvalidInputError(both, hint="Name `hosts` that are not the same.")


def _told_apart(one: Door, other: Door) -> bool:
    shared = {host.lower() for host in one.hosts} & {host.lower() for host in other.hosts}
    return not shared and bool(one.hosts or other.hosts)


def _check_place(what: str, address: str, port: int) -> None:
    try:
        ip_address(address)
    except ValueError:
        raise InvalidInputError(f"{what} has {address!r}, which is no IP address") from None
    if not 1 <= port <= _LAST_PORT:
        raise InvalidInputError(f"{what} has {port}, which is no port")


def _refuse_twice(names: Iterator[str], sentence: str) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise InvalidInputError(f"{sentence} {name!r}")
