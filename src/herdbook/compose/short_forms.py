"""Takes apart what Compose writes in one line: ports, volumes, grants, hosts."""

import re
from dataclasses import dataclass

from herdbook.compose.units import range_of

_PROTOCOL = re.compile(r"[a-z][a-z0-9]*")
PATHS = (".", "/", "~")
"""How a path begins, so that it is no name."""

_PROPAGATIONS = ("shared", "slave", "private", "rshared", "rslave", "rprivate")
_ACCESS = ("ro", "rw")
_MOST_PARTS = 3


@dataclass(frozen=True)
class WrittenPort:
    """One published port, or one that any free port of the host stands for (`published` None)."""

    target: int
    published: tuple[int, int] | None = None
    host_ip: str = ""
    protocol: str = "tcp"


@dataclass(frozen=True)
class WrittenVolume:
    """A volume in short form; `source` is None where it has no name."""

    target: str
    source: str | None = None
    read_only: bool = False
    no_copy: bool = False
    propagation: str = ""
    selinux: str = ""

    @property
    def is_path(self) -> bool:
        """Whether the source is a path of this machine rather than a volume's name."""
        return self.source is not None and self.source.startswith(PATHS)


def ports_of(text: str) -> tuple[WrittenPort, ...]:
    """Read `[[IP:]HOST:]CONTAINER[/PROTOCOL]`, ranges included; raises ValueError."""
    rest, slash, protocol = text.strip().partition("/")
    protocol = protocol.lower() if slash else "tcp"
    if not _PROTOCOL.fullmatch(protocol):
        raise ValueError(f"{text!r} names no protocol after the slash")
    rest, _, container = rest.rpartition(":")
    low, high = range_of(container)
    targets = range(low, high + 1)
    address, _, host = rest.rpartition(":")
    address = address.removeprefix("[").removesuffix("]")
    if not host:
        return tuple(WrittenPort(each, None, address, protocol) for each in targets)
    first, last = range_of(host)
    if len(targets) == 1:
        return (WrittenPort(low, (first, last), address, protocol),)
    if last - first != high - low:
        raise ValueError(f"{text!r} has ranges of different lengths")
    return tuple(
        WrittenPort(each, (first + each - low, first + each - low), address, protocol)
        for each in targets
    )


def volume_of(text: str) -> WrittenVolume:
    """Read `[SOURCE:]TARGET[:OPTIONS]`; raises ValueError."""
    parts = text.split(":")
    if not all(parts) or len(parts) > _MOST_PARTS:
        raise ValueError(f"{text!r} is no volume, such as data:/var/lib/data:ro")
    if len(parts) == 1:
        return WrittenVolume(parts[0])
    if len(parts) == _MOST_PARTS - 1 and _are_options(parts[1]) and parts[0].startswith("/"):
        return _with_options(text, WrittenVolume(parts[0]), parts[1])
    volume = WrittenVolume(parts[1], parts[0])
    return _with_options(text, volume, parts[2]) if len(parts) == _MOST_PARTS else volume


def _are_options(text: str) -> bool:
    return all(each in (*_ACCESS, "z", "Z", "nocopy") for each in text.split(","))


def _with_options(text: str, volume: WrittenVolume, options: str) -> WrittenVolume:
    written = options.split(",")
    for each in written:
        known = (*_ACCESS, "z", "Z", "nocopy", "cached", "delegated", "consistent", *_PROPAGATIONS)
        if each not in known:
            raise ValueError(f"{text!r} has the unknown option {each!r}")
    return WrittenVolume(
        volume.target,
        volume.source,
        read_only="ro" in written,
        no_copy="nocopy" in written,
        propagation=next((each for each in written if each in _PROPAGATIONS), ""),
        selinux=next((each for each in written if each in ("z", "Z")), ""),
    )


def host_of(text: str) -> tuple[str, str]:
    """Read `NAME=ADDRESS` or `NAME:ADDRESS` as a pair; raises ValueError."""
    separator = "=" if "=" in text else ":"
    name, found, address = text.partition(separator)
    if not (name and found and address):
        raise ValueError(f"{text!r} is no host, such as somehost=192.0.2.1")
    return name.strip(), address.strip().removeprefix("[").removesuffix("]")
