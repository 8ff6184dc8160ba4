"""Writes HAProxy's whole configuration, which holds the layout it was made from."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from herdbook.drivers.haproxy.layout import Layout, Place, Slot, from_line, to_line
from herdbook.fleet.balancing import Door, DoorMode, MemberState

_MARK = "# herdbook "
# Nothing is ever sent there: a server line needs an address, and these are disabled.
_PLACEHOLDER = "127.0.0.1:1 disabled"
_TO_ESCAPE = re.compile(r"""([\s\\#"'])""")


@dataclass(frozen=True)
class Surroundings:
    """What of this machine the configuration speaks of; `user` is empty for our own."""

    control: Path
    empty_directory: Path
    user: str
    connections: int
    threads: int


# For how long an idle client keeps its connection is also for how long a worker that was replaced
# may wait for its last request, and a member be needed there.
_DEFAULTS = """
defaults
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h
    timeout queue 5s
    timeout http-request 60s
    timeout http-keep-alive 10s
    retries 2
    option redispatch 1
"""

# An old worker answers the last request of each idle connection: closing them instead would
# drop a request that is already on its way.
_HTTP_FRONTEND = """\
    mode http
    option idle-close-on-response
"""

# Nothing was sent where a connection failed: only then may a request be tried again.
_HTTP_BACKEND = """\
    mode http
    balance roundrobin
    http-reuse safe
    retry-on conn-failure
    option forwardfor
    http-request set-header X-Forwarded-Proto https if { ssl_fc }
    http-request set-header X-Forwarded-Proto http unless { ssl_fc }
"""

_TCP_BACKEND = """\
    mode tcp
    balance roundrobin
"""


def server_name(place: Place) -> str:
    """Return how HAProxy calls a slot: its backend and its server."""
    door, number = place
    return f"{backend_name(door)}/s{number}"


def backend_name(door: str) -> str:
    """Return how HAProxy calls what is behind a door."""
    return f"b_{door}"


def render(layout: Layout, surroundings: Surroundings) -> str:
    """Return the configuration by which HAProxy, started with it, does as the layout says."""
    parts = [_MARK + to_line(layout), "\n", _global(surroundings), _DEFAULTS]
    parts.extend(_frontends(layout))
    parts.extend(_backend(door, layout.slots[door.name]) for door in layout.doors)
    return "".join(parts)


def read(text: str) -> Layout | None:
    """Return the layout a configuration was made from; None where a power cut left none."""
    line = text.partition("\n")[0]
    if not line.startswith(_MARK):
        return None
    try:
        return from_line(line.removeprefix(_MARK))
    except (ValueError, KeyError, TypeError):
        return None


def _global(surroundings: Surroundings) -> str:
    lines = [
        f"stats socket {_quoted(surroundings.control)} mode 600 level admin",
        "stats timeout 60s",
        "hard-stop-after 1h",
        # Else two of them could listen on one port and share its requests.
        "noreuseport",
        "ssl-default-bind-options ssl-min-ver TLSv1.2",
        f"maxconn {surroundings.connections}",
        f"nbthread {surroundings.threads}",
    ]
    if surroundings.user:
        lines.append(f"user {surroundings.user}")
        lines.append(f"group {surroundings.user}")
        lines.append(f"chroot {_quoted(surroundings.empty_directory)}")
    return "global\n" + "".join(f"    {line}\n" for line in lines)


def _frontends(layout: Layout) -> Iterator[str]:
    groups: dict[tuple[str, int], list[Door]] = {}
    for door in layout.doors:
        groups.setdefault((door.address, door.port), []).append(door)
    for doors in groups.values():
        yield _frontend(doors)


def _frontend(doors: list[Door]) -> str:
    first = doors[0]
    certificates = "".join(
        f" crt {_quoted(door.certificate)}" for door in doors if door.certificate
    )
    bind = f"    bind {endpoint(first.address, first.port)}"
    bind += " ssl" + certificates if certificates else ""
    mode = _HTTP_FRONTEND if first.mode is DoorMode.HTTP else "    mode tcp\n"
    lines = [f"\nfrontend f_{first.name}\n", bind, "\n", mode]
    lines.extend(_host_rule(door) for door in doors if door.hosts)
    lines.extend(f"    default_backend {backend_name(door.name)}\n" for door in _default(doors))
    return "".join(lines)


def _default(doors: list[Door]) -> list[Door]:
    return [door for door in doors if not door.hosts][:1]


def _host_rule(door: Door) -> str:
    hosts = " ".join(host.lower() for host in door.hosts)
    condition = f"{{ req.hdr(host),host_only,lower -m str {hosts} }}"
    return f"    use_backend {backend_name(door.name)} if {condition}\n"


def _backend(door: Door, slots: tuple[Slot, ...]) -> str:
    lines = [f"\nbackend {backend_name(door.name)}\n"]
    if door.mode is DoorMode.HTTP:
        sentence = f"Herdbook: no instance behind the door {door.name} answers.\\n"
        lines.append(_HTTP_BACKEND)
        lines.append(f'    http-error status 503 content-type text/plain string "{sentence}"\n')
    else:
        lines.append(_TCP_BACKEND)
    lines.extend(_server(number, slot) for number, slot in enumerate(slots, 1))
    return "".join(lines)


def _server(number: int, slot: Slot) -> str:
    member = slot.member
    if member is None or slot.leaving or member.state is MemberState.GONE:
        return f"    server s{number} {_PLACEHOLDER} id {number}\n"
    # There is no word for draining here; nothing new comes to a member without weight either.
    weight = member.weight if member.state is MemberState.READY else 0
    where = endpoint(member.address, member.port)
    return f"    server s{number} {where} weight {weight} id {number}\n"


def endpoint(address: str, port: int) -> str:
    """Return an address and a port as HAProxy writes them."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _quoted(text: str | Path) -> str:
    return _TO_ESCAPE.sub(r"\\\1", str(text))
