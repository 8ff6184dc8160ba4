"""What an instance is, what is wanted of it and what was seen of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from pathlib import Path

from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError
from herdbook.disks.given_files import GivenFile

DEFAULT_PROCESSES = 4096
"""How many processes an instance may have at once where nobody says."""

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
class Mount:
    """A folder or file of this machine that a container sees at an absolute path of its own."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class VolumeDisk:
    """A raw disk with one file system that a machine mounts at an absolute path.

    Like a container's volume, it outlives the instance.
    """

    path: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class ProcessChanges:
    """What differs from what the image says of its process; what is None or empty does not.

    `entrypoint` and `command` are Compose's: the latter are the former's arguments. Without
    `init`, a container's program is process 1 itself, as one that brings its own init wants to be;
    a machine has systemd there in any case. `stop_grace_seconds` is what whoever stops the instance
    will give it.
    """

    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    user: str = ""
    directory: str = ""
    stop_signal: str = ""
    init: bool = True
    stop_grace_seconds: float = 0.0


@dataclass(frozen=True)
class HostNames:
    """What a container is called inside, and which names it knows beside the name server's.

    `host` is empty for the instance's own name; `others` maps names to addresses.
    """

    host: str = ""
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Confinement:
    """What a container may do beyond running: by default nothing, with room enough for most.

    `processes` is the most that may run at once, 0 for no limit. `capabilities` are added to
    none, by the kernel's names without CAP_. `temporary` are folders in memory, as `PATH` or
    `PATH:OPTIONS`. `kernel` are settings of the kernel (sysctl) that each container has of its
    own. A machine is confined by being one; of all this it has folders in memory only.
    """

    processes: int = DEFAULT_PROCESSES
    read_only_root: bool = False
    capabilities: tuple[str, ...] = ()
    temporary: tuple[str, ...] = ()
    shared_memory_bytes: int = 0
    file_limit: int = 0
    kernel: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tap:
    """A machine's network card: the device of this machine behind it, and its hardware address."""

    device: str
    hardware_address: str


@dataclass(frozen=True)
class Plugs:
    """Where an instance is plugged into networks: what a `Switch` has made for it.

    A container lives in `namespace`; a machine has `taps`. Of its first network are its own
    `address`, that of the name server `resolver`, and the domain `search` that names without a dot
    are looked up in; they are empty without any network.
    """

    namespace: Path | None = None
    taps: tuple[Tap, ...] = ()
    address: str = ""
    resolver: str = ""
    search: str = ""


@dataclass(frozen=True)
class Wanted:
    """Everything an engine needs to start one instance.

    `secrets` maps names to values; an engine hands them over so that neither a listing of
    processes nor a log shows them, and the instance finds them as files in
    `$CREDENTIALS_DIRECTORY`. `environment` adds to the image's own. `writable_bytes` is the size
    of a VM's own writable disk, 0 for memory only; `user_id` owns the secrets in a container, None
    lets every user in it read them. `secret_paths` says where else a container finds one.
    `mounts` are for a container, `files` and `volumes` for a machine.
    `owner` is the application it belongs to, empty for what a person started alone.
    """

    name: str
    origin: Origin
    artefact: ContainerArtefact | MachineArtefact
    ports: tuple[PublishedPort, ...] = ()
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    secrets: dict[str, bytes] = field(default_factory=dict, repr=False)
    memory_bytes: int = 512 << 20
    cpus: float = 1
    writable_bytes: int = 0
    user_id: int | None = 0
    secret_paths: dict[str, str] = field(default_factory=dict)
    health_path: str = ""
    owner: str = ""
    plugs: Plugs | None = None
    mounts: tuple[Mount, ...] = ()
    volumes: tuple[VolumeDisk, ...] = ()
    files: tuple[GivenFile, ...] = ()
    process: ProcessChanges = ProcessChanges()
    confinement: Confinement = Confinement()
    names: HostNames = HostNames()

    @property
    def published(self) -> tuple[PublishedPort, ...]:
        """The ports of this machine it gets: with `plugs` none, as it has its own address."""
        return () if self.plugs else self.ports


@dataclass(frozen=True)
class RunningProcess:
    """A process of this machine, told apart from later ones of its number by when it began.

    `started_ticks` is field 22 of /proc/PID/stat, in clock ticks since this machine started
    (proc(5)).
    """

    number: int
    started_ticks: int


@dataclass(frozen=True)
class Seen:
    """What an engine sees of one instance.

    `reason` says in words why a failed instance failed. `health_path` is empty where the recipe
    has no HTTP health check. `process` is the one whose end is the instance's end, where it runs.
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
    owner: str = ""
    process: RunningProcess | None = None


def host_label(name: str) -> str:
    """Return the label of a host name that a name of Compose's becomes; `check_name` it."""
    return re.sub("[._]", "-", name.lower()).strip("-")


def check_name(name: str) -> None:
    """Refuse an instance name that is not a DNS label (RFC 1123), for it becomes a host name."""
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"{name!r} is not a name for an instance",
            hint="Use 1 to 63 lower-case letters, digits and hyphens, not at either end.",
        )
