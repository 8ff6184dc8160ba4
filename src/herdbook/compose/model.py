"""An application as a Compose file describes it: everything in long form, all units resolved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from herdbook.compose.deployment import Deploy
from herdbook.compose.wishes import ApplicationWishes, ServiceWishes

DEFAULT_NETWORK = "default"
"""The network of services that name none."""


class VolumeKind(StrEnum):
    """What is mounted: a named volume, a path of this machine, or memory."""

    VOLUME = "volume"
    BIND = "bind"
    TMPFS = "tmpfs"


class Condition(StrEnum):
    """What a service waits for in another one (Compose specification, "depends_on")."""

    STARTED = "service_started"
    HEALTHY = "service_healthy"
    COMPLETED = "service_completed_successfully"


@dataclass(frozen=True)
class Port:
    """A port of the instances that this machine publishes.

    `published` is a range from which one is taken, None for any free port. `host_ip` is empty for
    all addresses; `mode` is `ingress` (balanced) or `host`.
    """

    target: int
    published: tuple[int, int] | None = None
    protocol: str = "tcp"
    host_ip: str = ""
    mode: str = "ingress"
    name: str = ""
    app_protocol: str = ""

    @property
    def certain(self) -> int | None:
        """The one port it is published at; None where one is to be chosen."""
        first, last = self.published or (None, None)
        return first if first == last else None

    @property
    def address(self) -> str:
        """The address it is published at."""
        return self.host_ip or "0.0.0.0"  # noqa: S104 - as Compose publishes ports


@dataclass(frozen=True)
class ExposedPorts:
    """Ports that other services may use, from `first` to `last`."""

    first: int
    last: int
    protocol: str = "tcp"


@dataclass(frozen=True)
class Mount:
    """What an instance sees at `target`.

    `source` is the key of a volume, empty for one without a name, or the absolute path of a bind
    mount. `size_bytes` and `mode` are for memory.
    """

    kind: VolumeKind
    target: str
    source: str = ""
    read_only: bool = False
    no_copy: bool = False
    subpath: str = ""
    create_host_path: bool = True
    size_bytes: int | None = None
    mode: int | None = None


@dataclass(frozen=True)
class NetworkUse:
    """How a service takes part in a network."""

    aliases: tuple[str, ...] = ()
    ipv4_address: IPv4Address | None = None


@dataclass(frozen=True)
class Dependency:
    """What a service needs of another one before it starts.

    Without `required`, it starts even so. With `restart`, it is restarted when the other one is
    changed.
    """

    condition: Condition = Condition.STARTED
    required: bool = True
    restart: bool = False


@dataclass(frozen=True)
class Healthcheck:
    """How an instance is asked whether it is well; what is None was not written.

    `test` is (NONE), (CMD, program, arguments) or (CMD-SHELL, line); None takes the image's.
    """

    test: tuple[str, ...] | None = None
    interval_seconds: float | None = None
    timeout_seconds: float | None = None
    start_period_seconds: float | None = None
    start_interval_seconds: float | None = None
    retries: int | None = None
    disabled: bool = False


@dataclass(frozen=True)
class Grant:
    """A secret or config that a service sees as the file `target`, an absolute path.

    `source` is its key in the application. `user_id` and `group_id` are empty for the user of
    the service.
    """

    source: str
    target: str
    user_id: str = ""
    group_id: str = ""
    mode: int = 0o444


@dataclass(frozen=True)
class Limit:
    """A soft and a hard limit; -1 is none."""

    soft: int
    hard: int


@dataclass(frozen=True)
class Hook:
    """A command that runs in an instance after its start or before its end."""

    command: tuple[str, ...]
    user: str = ""
    privileged: bool = False
    working_dir: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Logging:
    """Where an instance's output goes; an empty driver is the default one."""

    driver: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    """A service of an application; what is None or empty was not written.

    `image` is Compose's, which `herdbook.image` goes before. `command` and `entrypoint` are split
    into arguments; empty ones clear the image's. `scale`, `cpus`, `memory_bytes`,
    `memory_reservation_bytes` and `pids_limit` hold whichever place said them (`deploy` says, too);
    none of cpus or memory, which Compose takes for no limit, is None.
    """

    name: str
    where: str
    image: str | None = None
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    ports: tuple[Port, ...] = ()
    expose: tuple[ExposedPorts, ...] = ()
    volumes: tuple[Mount, ...] = ()
    networks: Mapping[str, NetworkUse] = field(default_factory=dict)
    depends_on: Mapping[str, Dependency] = field(default_factory=dict)
    healthcheck: Healthcheck | None = None
    secrets: tuple[Grant, ...] = ()
    configs: tuple[Grant, ...] = ()
    stop_signal: str = ""
    stop_grace_period_seconds: float | None = None
    restart: str | None = None
    restart_attempts: int | None = None
    user: str = ""
    working_dir: str = ""
    hostname: str = ""
    init: bool | None = None
    read_only: bool = False
    privileged: bool = False
    tmpfs: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    ulimits: Mapping[str, Limit] = field(default_factory=dict)
    sysctls: Mapping[str, str] = field(default_factory=dict)
    shm_size_bytes: int | None = None
    memory_bytes: int | None = None
    memory_reservation_bytes: int | None = None
    cpus: float | None = None
    pids_limit: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    extra_hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    scale: int = 1
    post_start: tuple[Hook, ...] = ()
    pre_stop: tuple[Hook, ...] = ()
    logging: Logging = Logging()
    deploy: Deploy = field(default_factory=Deploy)
    herdbook: ServiceWishes = field(default_factory=ServiceWishes)


@dataclass(frozen=True)
class Network:
    """A network of the application; `name` is what it is called on this machine."""

    name: str
    internal: bool = False
    external: bool = False
    subnet: IPv4Network | None = None
    gateway: IPv4Address | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Volume:
    """A volume of the application; an `external` one is there already under its `name`."""

    name: str
    external: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SecretSource:
    """Where a secret or config comes from: a file, a value, or (`external`) an earlier one.

    `value` is what an environment variable holds, or what the file itself says.
    """

    name: str
    file: Path | None = None
    value: str | None = field(default=None, repr=False)
    environment: str = ""
    external: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Application:
    """An application: its enabled services, and all else its files declare, by their keys.

    `folder` is where its relative paths begin.
    """

    name: str
    folder: Path
    services: Mapping[str, Service]
    networks: Mapping[str, Network]
    volumes: Mapping[str, Volume]
    secrets: Mapping[str, SecretSource]
    configs: Mapping[str, SecretSource]
    herdbook: ApplicationWishes


@dataclass(frozen=True)
class Unsupported:
    """What a file says and Herdbook does not do: where, which key, and what that means."""

    where: str
    key: str
    consequence: str


@dataclass(frozen=True)
class UnsetVariable:
    """A variable that has neither value nor default, so that nothing stands in its place."""

    where: str
    name: str


@dataclass(frozen=True)
class Reading:
    """What was read, and what people should know about it."""

    application: Application
    unsupported: tuple[Unsupported, ...] = ()
    unset: tuple[UnsetVariable, ...] = ()
