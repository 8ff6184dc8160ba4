"""Decides which names and settings of the kernel a container may have of its own."""

import re
from collections.abc import Mapping
from ipaddress import ip_address

from herdbook.compose.model import Service
from herdbook.core.errors import InvalidInputError

HOST_GATEWAY = "host-gateway"
"""Docker's word for this machine as an instance sees it."""

_HOST = re.compile(r"(?=.{1,63}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9-]+)*")
_OF_EACH = re.compile(
    r"net\.[a-z0-9_./-]+|fs\.mqueue\.[a-z_]+"
    r"|kernel\.(sem|msgmax|msgmnb|msgmni|shmall|shmmax|shmmni|shm_rmid_forced)"
)
_VALUE = re.compile(r"[A-Za-z0-9 \t_.:-]+")


def host_name_of(service: Service) -> str:
    """Return what instances are called inside; empty for their own names.

    Raises InvalidInputError for what the kernel would not take.
    """
    if service.hostname and not _HOST.fullmatch(service.hostname):
        raise InvalidInputError(
            f"{service.hostname!r} is not a name for a host",
            hint="Use at most 63 letters, digits, hyphens and full stops.",
            where=service.where,
        )
    return service.hostname


def other_hosts_of(service: Service) -> Mapping[str, tuple[str, ...]]:
    """Return the addresses of the names that instances know beside the name server's.

    `host-gateway` stays as it is: an instance's network says what that is. Raises
    InvalidInputError for what is no address.
    """
    found = {}
    for name, written in service.extra_hosts.items():
        if not _HOST.fullmatch(name):
            raise InvalidInputError(
                f"{name!r} of extra_hosts is not a name for a host",
                hint="Write NAME=ADDRESS.",
                where=service.where,
            )
        found[name] = tuple(_address(each, service) for each in written)
    return found


def known_hosts(
    written: Mapping[str, tuple[str, ...]], machine: str
) -> Mapping[str, tuple[str, ...]]:
    """Return them as one instance knows them: `machine` is this machine's address in its network.

    That is empty where an instance is in none: then nothing stands for `host-gateway`.
    """
    return {
        name: tuple(filter(None, (machine if each == HOST_GATEWAY else each for each in addresses)))
        for name, addresses in written.items()
    }


def kernel_settings_of(service: Service) -> Mapping[str, str]:
    """Return the kernel's settings of each instance.

    Raises InvalidInputError for those that would hold for all of this machine.
    """
    for name, value in service.sysctls.items():
        if not _OF_EACH.fullmatch(name):
            raise InvalidInputError(
                f"The kernel has {name} once for all of this machine: "
                f"{service.name} cannot have its own",
                hint="Take it out of sysctls, or set it for the machine (sysctl.d(5)).",
                where=service.where,
            )
        if not _VALUE.fullmatch(value):
            raise InvalidInputError(
                f"{value!r} is not a value of {name}",
                hint="It is a number, or a few.",
                where=service.where,
            )
    return service.sysctls


def _address(written: str, service: Service) -> str:
    if written == HOST_GATEWAY:
        return written
    try:
        return str(ip_address(written.removeprefix("[").removesuffix("]")))
    except ValueError:
        raise InvalidInputError(
            f"{written!r} of extra_hosts is no address",
            hint="Write NAME=ADDRESS, as in db.example.org=10.0.0.7.",
            where=service.where,
        ) from None
