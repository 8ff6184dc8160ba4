"""Translates a service of a Compose file into a component: what it says, and what follows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from herdbook.compose.deployment import SPECIFICATION_DEFAULTS, Order
from herdbook.compose.model import Application, Condition, Grant, Mount, Service, VolumeKind
from herdbook.compose.wishes import Percent, Snapshot
from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError
from herdbook.disks.given_files import check_target
from herdbook.disks.memory_folders import memory_folders
from herdbook.disks.service_changes import service_files
from herdbook.fleet.applications import (
    BackupPolicy,
    Component,
    FileUse,
    InstanceSpec,
    NetworkUse,
    SecretUse,
    UpdatePolicy,
    VolumeUse,
)
from herdbook.fleet.instances import DEFAULT_PROCESSES, ProcessChanges
from herdbook.fleet.machine_changes import machine_changes
from herdbook.fleet.own_settings import host_name_of, kernel_settings_of, other_hosts_of
from herdbook.fleet.policies import rollback_policy, update_policy
from herdbook.fleet.probing import probe_of
from herdbook.fleet.publishing import doors_of
from herdbook.images.bases import LockedBase
from herdbook.recipes.model import Variant

_VOLUME_BYTES = 8 << 30
"""How large a machine's volume is where nobody says: it takes only what is written to it."""


@dataclass(frozen=True)
class ImageFacts:
    """The image a service runs, pinned, and what it says of itself."""

    variant: Variant
    image: str
    number: int
    digest: Digest
    base: LockedBase | None = None
    ports: tuple[int, ...] = ()
    health_path: str = ""
    memory_bytes: int = 0
    cpus: float = 0.0
    disk_bytes: int = 0


@dataclass(frozen=True)
class Surroundings:
    """What a service needs to know of the rest: values given, and ports that were chosen.

    `fingerprints` and `contents` are by the keys of secrets and configs, `chosen_ports` by the
    names of doors that are not published at one certain port.
    """

    application: Application
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    contents: Mapping[str, str] = field(default_factory=dict)
    chosen_ports: Mapping[str, int] = field(default_factory=dict)


def component(service: Service, image: ImageFacts, around: Surroundings) -> Component:
    """Return what a service comes to.

    Raises InvalidInputError where it asks for what its kind of instance cannot have.
    """
    wishes = service.herdbook
    herding = wishes.class_
    replicas = service.scale
    update = update_policy(service, wishes, herding, replicas)
    return Component(
        name=service.name,
        herding=herding,
        job=_is_job(service, around.application),
        replicas=replicas,
        instance=_instance(service, image, around),
        doors=doors_of(service, around.chosen_ports),
        depends_on={
            name: each.condition
            for name, each in service.depends_on.items()
            if name in around.application.services
        },
        update=update,
        rollback=rollback_policy(service, wishes, herding),
        min_available=_min_available(service, update, replicas),
        reversible=wishes.reversible,
        heal=_heals(service),
        snapshots=_snapshots(wishes.snapshot or Snapshot()),
        backup=_backup(service),
    )


def _snapshots(wished: Snapshot) -> int:
    """Return how many snapshots of before an update are kept."""
    return wished.keep if wished.before_update else 0


def _backup(service: Service) -> BackupPolicy | None:
    wish = service.herdbook.backup
    if wish is None:
        return None
    return BackupPolicy(schedule=wish.schedule, keep=wish.keep, to=wish.to)


def _is_job(service: Service, application: Application) -> bool:
    if (service.deploy.mode or "").endswith("-job"):
        return True
    return any(
        service.name in each.depends_on
        and each.depends_on[service.name].condition is Condition.COMPLETED
        for each in application.services.values()
    )


def _heals(service: Service) -> bool:
    """Tell whether an instance that ends is replaced: always, but where somebody says never."""
    policy = service.deploy.restart_policy
    if policy is not None and policy.condition is not None:
        return policy.condition.value != "none"
    return service.restart != "no"


def _min_available(service: Service, update: UpdatePolicy, replicas: int) -> int:
    budget = service.herdbook.budget
    if budget is None:
        at_once = min(update.parallelism or replicas, replicas)
        return replicas if update.order is Order.START_FIRST else replicas - at_once
    wanted = budget.min_available
    if isinstance(wanted, Percent):
        return math.ceil(replicas * wanted.percent / 100)
    return min(wanted, replicas)


def _instance(service: Service, image: ImageFacts, around: Surroundings) -> InstanceSpec:
    if image.variant is Variant.VM:
        _refuse_for_machines(service)
    machine = service.herdbook.vm
    wished_memory = machine.memory if machine else None
    wished_cpus = machine.cpus if machine else None
    wished_disk = machine.disk if machine else None
    limit = service.ulimits.get("nofile")
    # What an image of elsewhere exposes, and what another command does, nobody has promised.
    listens = image.base is None and service.command is None and service.entrypoint is None
    grace = service.stop_grace_period_seconds
    return InstanceSpec(
        variant=image.variant,
        image=image.image,
        number=image.number,
        digest=image.digest,
        base=image.base,
        entrypoint=service.entrypoint,
        command=service.command,
        user=service.user,
        directory=service.working_dir,
        stop_signal=service.stop_signal,
        stop_grace_seconds=SPECIFICATION_DEFAULTS.stop_grace_seconds if grace is None else grace,
        environment=dict(service.environment),
        secrets=tuple(_secret(each, around) for each in service.secrets),
        files=tuple(_file(each, around) for each in service.configs),
        volumes=tuple(_volumes(service, around.application, image.variant)),
        networks=tuple(
            NetworkUse(network=name, aliases=tuple(dict.fromkeys((service.name, *use.aliases))))
            for name, use in service.networks.items()
        ),
        memory_bytes=wished_memory or service.memory_bytes or image.memory_bytes,
        cpus=wished_cpus or service.cpus or image.cpus,
        disk_bytes=wished_disk or image.disk_bytes,
        processes=_processes(service),
        read_only_root=service.read_only,
        capabilities=_capabilities(service),
        temporary=_in_memory(service),
        shared_memory_bytes=service.shm_size_bytes or 0,
        file_limit=max(limit.hard, 0) if limit else 0,
        probe=probe_of(service, image.ports, image.health_path, image.variant, listens=listens),
        **_own(service, image.variant),
    )


def _own(service: Service, variant: Variant) -> dict[str, Any]:
    """Return what a container may have of its own; a machine has it in its image."""
    if variant is Variant.VM:
        return {}
    return {
        "init": service.init is not False,
        "host_name": host_name_of(service),
        "other_hosts": other_hosts_of(service),
        "kernel": kernel_settings_of(service),
    }


def _processes(service: Service) -> int:
    if service.pids_limit is None:
        return DEFAULT_PROCESSES
    return max(service.pids_limit, 0)  # Compose's word for no limit is -1, ours is 0


def _capabilities(service: Service) -> tuple[str, ...]:
    added, dropped = (
        {each.upper().removeprefix("CAP_") for each in names}
        for names in (service.cap_add, service.cap_drop)
    )
    return tuple(sorted(added - dropped))


def _in_memory(service: Service) -> tuple[str, ...]:
    volumes = (each for each in service.volumes if each.kind is VolumeKind.TMPFS)
    return (*service.tmpfs, *map(_temporary, volumes))


def _temporary(mount: Mount) -> str:
    """Return a folder in memory, with the options that Compose has for it in words of mount(8)."""
    size = f"size={mount.size_bytes}" if mount.size_bytes else ""
    mode = f"mode={mount.mode:o}" if mount.mode is not None else ""
    options = ",".join(filter(None, (size, mode)))
    return f"{mount.target}:{options}" if options else mount.target


def _refuse_for_machines(service: Service) -> None:
    """Raise InvalidInputError for what no machine can have, or can be told."""
    said = ProcessChanges(
        service.entrypoint,
        service.command,
        service.user,
        service.working_dir,
        service.stop_signal,
    )
    try:
        service_files(machine_changes(said))
        memory_folders(_in_memory(service))
        for each in service.configs:
            check_target(each.target)
    except InvalidInputError as error:
        message = f"{service.name} is a machine: {error.message}"
        raise InvalidInputError(message, hint=error.hint, where=service.where) from None


def _secret(grant: Grant, around: Surroundings) -> SecretUse:
    return SecretUse(
        name=grant.source, fingerprint=around.fingerprints[grant.source], target=grant.target
    )


def _file(grant: Grant, around: Surroundings) -> FileUse:
    return FileUse(target=grant.target, content=around.contents[grant.source], mode=grant.mode)


def _volumes(service: Service, application: Application, variant: Variant) -> list[VolumeUse]:
    return [
        _volume(service, mount, application, variant)
        for mount in service.volumes
        if mount.kind is not VolumeKind.TMPFS
    ]


def _volume(
    service: Service, mount: Mount, application: Application, variant: Variant
) -> VolumeUse:
    if mount.kind is VolumeKind.BIND:
        if variant is Variant.VM:
            raise InvalidInputError(
                f"{service.name} is a machine: it cannot see the folder {mount.source}",
                hint="Use a volume, or bring the files into the image.",
                where=service.where,
            )
        return VolumeUse(
            source=mount.source, target=mount.target, bind=True, read_only=mount.read_only
        )
    declared = application.volumes.get(mount.source)
    unnamed = f"{application.name}_{service.name}{mount.target.replace('/', '-')}"
    return VolumeUse(
        source=declared.name if declared else unnamed,
        target=mount.target,
        read_only=mount.read_only,
        external=declared is not None and declared.external,
        size_bytes=_VOLUME_BYTES if variant is Variant.VM else 0,
    )
