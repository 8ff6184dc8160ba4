"""What an application comes to in one release: components with all that their instances need."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from pydantic import BaseModel, ConfigDict, Field

from herdbook.compose.deployment import Order
from herdbook.compose.model import Condition
from herdbook.compose.wishes import Herding, Strategy
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError
from herdbook.fleet.balancing import DoorMode
from herdbook.fleet.instances import DEFAULT_PROCESSES
from herdbook.fleet.probes import Probe
from herdbook.images.bases import LockedBase
from herdbook.recipes.model import Variant


class Settled(BaseModel):
    """Part of a release: frozen, and nothing in it that is not understood."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FailureAction(StrEnum):
    """What a rollout does when too many new instances fail; FREEZE is Herdbook's own word.

    PAUSE waits for a person with what is new and old as it is; FREEZE does so, too, but where
    going back would do harm: it does not offer that.
    """

    CONTINUE = "continue"
    PAUSE = "pause"
    ROLLBACK = "rollback"
    FREEZE = "freeze"


class Canary(Settled):
    """The first new instances, beside all old ones.

    Together they get `weight` percent of the requests, and are compared with the old ones for
    `analysis_seconds`. With `hold`, the rollout then waits for a person.
    """

    instances: int = 1
    weight: int = 20
    analysis_seconds: float = 30.0
    hold: bool = False


class UpdatePolicy(Settled):
    """How instances are replaced: Compose's `update_config`, and what it has no word for.

    `parallelism` 0 is all at once. A new instance must have been well for `settle_seconds` before
    it serves, and within `deadline_seconds` of its start; an old one is left `drain_seconds` to
    end its requests. A new instance that fails within `monitor_seconds` of serving counts against
    the rollout. Old instances are kept running until `bake_seconds` after the last step.
    """

    parallelism: int = 1
    delay_seconds: float = 0.0
    order: Order = Order.START_FIRST
    failure_action: FailureAction = FailureAction.ROLLBACK
    monitor_seconds: float = 5.0
    max_failure_ratio: float = 0.0
    settle_seconds: float = 0.5
    deadline_seconds: float = 60.0
    drain_seconds: float = 10.0
    bake_seconds: float = 30.0
    strategy: Strategy = Strategy.ROLLING
    canary: Canary = Canary()


class BackupPolicy(Settled):
    """When and where to volumes are backed up, and how many backups of each are kept.

    `schedule` is a cron line or a duration (fleet/schedules.py).
    """

    schedule: str
    keep: int
    to: str


class NetworkUse(Settled):
    """A network of the application that an instance is plugged into, and its names there."""

    network: str
    aliases: tuple[str, ...] = ()


class VolumeUse(Settled):
    """A volume of the application, or a folder or file of this machine, and where it is seen.

    `source` is a volume's name, or an absolute path of this machine where `bind` is set. An
    `external` one is not the application's: it does not go with it.
    """

    source: str
    target: str
    bind: bool = False
    read_only: bool = False
    size_bytes: int = 0
    external: bool = False


class SecretUse(Settled):
    """A secret: its name, under which name the instance finds it, and what tells its value apart.

    `fingerprint` changes with the value, and says nothing of it.
    """

    name: str
    fingerprint: str
    target: str


class FileUse(Settled):
    """A file given to an instance (Compose's `configs`)."""

    target: str
    content: str
    mode: int = 0o444


_LATER = ("init", "host_name", "other_hosts", "kernel")


class InstanceSpec(Settled):
    """All that makes a difference to one instance; its digest is its revision.

    `image`, `number` and `digest` name a version. Of an image of elsewhere, `number` is 0, `digest`
    its manifest's, and `base` where its layers are. 0 bytes of memory are no limit.
    """

    variant: Variant
    image: str
    number: int
    digest: Digest
    base: LockedBase | None = None
    entrypoint: tuple[str, ...] | None = None
    command: tuple[str, ...] | None = None
    user: str = ""
    directory: str = ""
    stop_signal: str = ""
    stop_grace_seconds: float = 10.0
    environment: Mapping[str, str] = Field(default={}, repr=False)
    secrets: tuple[SecretUse, ...] = ()
    files: tuple[FileUse, ...] = ()
    volumes: tuple[VolumeUse, ...] = ()
    networks: tuple[NetworkUse, ...] = ()
    memory_bytes: int = 0
    cpus: float = 0.0
    disk_bytes: int = 0
    processes: int = DEFAULT_PROCESSES
    read_only_root: bool = False
    capabilities: tuple[str, ...] = ()
    temporary: tuple[str, ...] = ()
    shared_memory_bytes: int = 0
    file_limit: int = 0
    probe: Probe | None = None
    init: bool = True
    host_name: str = ""
    other_hosts: Mapping[str, tuple[str, ...]] = {}
    kernel: Mapping[str, str] = {}

    @cached_property
    def revision(self) -> Digest:
        """What tells instances apart that cannot stand for each other.

        What came later counts only where somebody says it: nothing is replaced because of it.
        """
        document = self.model_dump(mode="json")
        for name in _LATER:
            if getattr(self, name) == type(self).model_fields[name].default:
                del document[name]
        return digests.of_json(document)


class DoorUse(Settled):
    """Where requests for a component come in: an address of this machine, and the port inside.

    Components whose doors are `shared` stand behind one where address, port and hosts are equal.
    """

    name: str
    address: str = "0.0.0.0"  # noqa: S104 - as Compose publishes ports
    port: int
    target: int
    mode: DoorMode = DoorMode.TCP
    hosts: tuple[str, ...] = ()
    certificate: str = ""
    shared: bool = False

    @property
    def place(self) -> tuple[str, int, tuple[str, ...]]:
        """Where requests come in: two doors at one place are the same one."""
        return self.address, self.port, self.hosts


class Component(Settled):
    """One service of an application, in one release.

    A `job` is run to its end, once for each revision. `min_available` is the fewest instances
    that serve while Herdbook changes something of its own accord. What is not `reversible` is
    frozen instead of rolled back. Of a pet's data, so many `snapshots` are kept as rollouts take;
    0 takes none.
    """

    name: str
    herding: Herding = Herding.CATTLE
    job: bool = False
    replicas: int = 1
    instance: InstanceSpec
    doors: tuple[DoorUse, ...] = ()
    depends_on: Mapping[str, Condition] = {}
    update: UpdatePolicy = UpdatePolicy()
    rollback: UpdatePolicy = UpdatePolicy(parallelism=0)
    min_available: int = 0
    reversible: bool = True
    heal: bool = True
    snapshots: int = 3
    backup: BackupPolicy | None = None

    @property
    def revision(self) -> Digest:
        """The revision of its instances."""
        return self.instance.revision


class ApplicationNetwork(Settled):
    """One of an application's networks."""

    name: str
    internal: bool = False


class Settings(Settled):
    """An application resolved: what a release holds."""

    application: str
    domain: str
    components: tuple[Component, ...]
    networks: tuple[ApplicationNetwork, ...]

    @cached_property
    def digest(self) -> Digest:
        """What names all of it."""
        return digests.of_json(self.model_dump(mode="json"))

    @cached_property
    def by_name(self) -> Mapping[str, Component]:
        """The components by their names."""
        return {each.name: each for each in self.components}

    @cached_property
    def in_order(self) -> tuple[Component, ...]:
        """The components, each after all that it depends on.

        Raises InvalidInputError where they go round in a circle.
        """
        return tuple(_in_order(self.by_name))


class Release(Settled):
    """One release of an application: immutable, numbered from 1."""

    application: str
    number: int
    settings: Settings
    made_at: datetime
    cause: str = ""


def _in_order(components: Mapping[str, Component]) -> Iterator[Component]:
    left = dict(components)
    while left:
        free = [each for each in left.values() if not left.keys() & each.depends_on.keys()]
        if not free:
            raise InvalidInputError(
                f"The services depend on each other in a circle: {', '.join(sorted(left))}",
                hint="Take one of them out of `depends_on`.",
            )
        for each in free:
            yield each
            del left[each.name]
