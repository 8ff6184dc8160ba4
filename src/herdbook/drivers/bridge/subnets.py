"""Knows which subnets others have just chosen on this machine, where nothing lies there yet.

Who has chosen one writes it down in memory that all programs of this user share, while nobody else
chooses: two that choose at once never choose the same. What is written holds for a while, in which
the network is laid; from then on the kernel says who lies where.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path

from herdbook.core.whole_files import alone_in, write_whole
from herdbook.drivers.runtime_directory import runtime_directory

_HOLDS_SECONDS = 600.0
_UPTIME = Path("/proc/uptime")


@contextmanager
def alone() -> Iterator[None]:
    """Let nobody else choose subnets, or make bridges, on this machine until the block ends."""
    with alone_in(_folder()):
        yield


def taken_by_others(state_directory: Path) -> list[IPv4Network]:
    """Return the subnets that other state directories have taken a short while ago."""
    found = []
    for path in sorted(_folder().iterdir()):
        if path.name.startswith("."):  # half of one, of a program that was killed
            continue
        document = json.loads(path.read_text(encoding="utf-8"))
        if _now_seconds() > document["at_seconds"] + _HOLDS_SECONDS:
            path.unlink()
        elif document["state"] != str(state_directory):
            found.append(IPv4Network(document["subnet"]))
    return found


def take(state_directory: Path, bridges: Mapping[str, IPv4Network]) -> None:
    """Write down which subnets bridges of a state directory will have; the last word counts."""
    for bridge, subnet in bridges.items():
        document = {
            "state": str(state_directory),
            "subnet": str(subnet),
            "at_seconds": _now_seconds(),
        }
        write_whole(_folder() / bridge, json.dumps(document).encode(), synced=False)


def _folder() -> Path:
    folder = runtime_directory() / "subnets"
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder


def _now_seconds() -> float:
    """Return for how long this machine has been up: no change of the time of day matters."""
    return float(_UPTIME.read_text(encoding="ascii").split()[0])
