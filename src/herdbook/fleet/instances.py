"""What an instance is, what is wanted of it and what was seen of it."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path

from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class State(Enum):
    """What an engine sees of an instance's process; readiness is a separate question."""

    RUNNING = "running"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class PublishedPort:
    """A port of the instance, reachable at an address of this machine."""

    instance_port: int
    host_port: int
    host_address: str = "127.0.0.1"


@dataclass(frozen=True)
class Origin:
    """Which image version an instance was started from."""

    image: str
    number: int
    digest: Digest


@dataclass(frozen=True)
class ContainerArtefact:
    """A container variant on disk: an OCI layout and the digest of the manifest in it."""

    layout: Path
    manifest: Digest


@dataclass(frozen=True)
class MachineArtefact:
    """A VM variant on disk, ready for direct boot (`kernel`, `initrd`, `root`) or as a whole disk.

    With `disk` set, the firmware boots that disk and the other three are not used. Files are
    shared between instances and never written to.
    """

    kernel: Path
    initrd: Path
    root: Path
    disk: Path | None = None
    command_line: str = ""


@dataclass(frozen=True)
class Wanted:
    """Everything an engine needs to start one instance.

    `secrets` maps names to values; an engine hands them over so that neither a listing of
    processes nor a log shows them, and the instance finds them as files in
    `$CREDENTIALS_DIRECTORY`. `environment` adds to the image's own. `writable_bytes` is the size
    of a VM's own writable disk, 0 for memory only; `user_id` owns the secrets in a container.
    """

    name: str
    origin: Origin
    artefact: ContainerArtefact | MachineArtefact
    ports: tuple[PublishedPort, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, bytes] = field(default_factory=dict, repr=False)
    memory_bytes: int = 512 << 20
    cpus: int = 1
    writable_bytes: int = 0
    user_id: int = 0
    health_path: str = ""


@dataclass(frozen=True)
class Seen:
    """What an engine sees of one instance.

    `reason` says in words why a failed instance failed. `health_path` is empty where the recipe
    has no HTTP health check.
    """

    name: str
    engine: str
    state: State
    origin: Origin
    ports: tuple[PublishedPort, ...]
    started_at: datetime
    reason: str = ""
    health_path: str = ""
    accelerator: str = ""


def check_name(name: str) -> None:
    """Refuse an instance name that is not a DNS label (RFC 1123), for it becomes a host name."""
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"{name!r} is not a name for an instance",
            hint="Use 1 to 63 lower-case letters, digits and hyphens, not at either end.",
        )
