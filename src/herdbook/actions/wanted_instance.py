"""Turns the record of an instance into what an engine needs to start it."""

from pathlib import Path

from herdbook.actions.check_genuine import refuse_unsigned
from herdbook.actions.foreign_artefact import foreign_artefact
from herdbook.actions.mount_volumes import disks, mounts
from herdbook.actions.render import container_artefact, machine_artefact
from herdbook.actions.run import service_of
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.names import version_named
from herdbook.core import digests
from herdbook.core.errors import NotFoundError, VerificationError
from herdbook.disks.given_files import GivenFile
from herdbook.fleet.applications import Component, InstanceSpec
from herdbook.fleet.instances import (
    Confinement,
    ContainerArtefact,
    HostNames,
    MachineArtefact,
    Mount,
    Origin,
    Plugs,
    ProcessChanges,
    Wanted,
)
from herdbook.fleet.own_settings import known_hosts
from herdbook.fleet.records import Instance
from herdbook.recipes.model import Variant

FILES_FOLDER = "files"
"""Where among the artefacts files lie that instances are given."""


def wanted_instance(
    workshop: Workshop, record: Instance, component: Component, plugs: Plugs
) -> Wanted:
    """Return all that an engine needs; makes artefacts and volumes that are not there yet.

    Raises NotFoundError where the version or a secret is gone, VerificationError where the
    version is not the one that was pinned, or not what its builder signed.
    """
    spec = component.instance
    artefact, health_path, user_id = _artefact(workshop, spec)
    container = spec.variant is Variant.CONTAINER
    return Wanted(
        name=record.name,
        origin=Origin(spec.image, spec.number, spec.digest),
        artefact=artefact,
        environment=dict(spec.environment),
        secrets={
            Path(each.target).name: workshop.vault.open(
                record.application, each.name, each.fingerprint
            )
            for each in spec.secrets
        },
        memory_bytes=spec.memory_bytes,
        cpus=spec.cpus,
        writable_bytes=spec.disk_bytes,
        user_id=user_id,
        secret_paths={Path(each.target).name: each.target for each in spec.secrets},
        health_path=health_path,
        owner=record.application,
        plugs=plugs,
        mounts=(
            (*mounts(workshop, component, record.slot), *_files(workshop, spec))
            if container
            else ()
        ),
        volumes=() if container else disks(workshop, component, record.slot),
        files=() if container else _given_files(spec),
        process=ProcessChanges(
            spec.entrypoint,
            spec.command,
            spec.user,
            spec.directory,
            spec.stop_signal,
            spec.init,
            spec.stop_grace_seconds,
        ),
        # The name server listens at this machine's own address in each network.
        names=HostNames(spec.host_name, known_hosts(spec.other_hosts, plugs.resolver)),
        confinement=Confinement(
            spec.processes,
            spec.read_only_root,
            spec.capabilities,
            spec.temporary,
            spec.shared_memory_bytes,
            spec.file_limit,
            spec.kernel,
        ),
    )


def _artefact(
    workshop: Workshop, spec: InstanceSpec
) -> tuple[ContainerArtefact | MachineArtefact, str, int | None]:
    if spec.base is not None:
        return foreign_artefact(workshop, spec.base), "", None
    version = version_named(workshop.versions, f"{spec.image}:{spec.number}")
    if version.digest != spec.digest:
        raise VerificationError(
            f"{version.label} is {version.digest}, and the release pins {spec.digest}",
            hint="Images were built anew in another database: release again with herdbook up.",
        )
    refuse_unsigned(workshop, version)
    variant = version.variant(spec.variant)
    if variant is None:
        raise NotFoundError(f"{version.label} has no {spec.variant} variant")
    facts = service_of(workshop, variant)
    if spec.variant is Variant.VM:
        return machine_artefact(workshop, variant), facts.health_path, 0
    return (
        container_artefact(workshop, version, variant),
        facts.health_path,
        _owner(spec, facts.user_id),
    )


def _owner(spec: InstanceSpec, user_id: int) -> int | None:
    """Return whose the secrets are: the image's user's, or those of whoever was named instead."""
    return user_id if not spec.user else None


def _given_files(spec: InstanceSpec) -> tuple[GivenFile, ...]:
    """Return Compose's configs as a machine is given them: with all else that it is told."""
    return tuple(GivenFile(each.target, each.content.encode(), each.mode) for each in spec.files)


def _files(workshop: Workshop, spec: InstanceSpec) -> tuple[Mount, ...]:
    """Write Compose's configs as files, by content: instances share them, nobody changes them."""
    folder = workshop.artefacts / FILES_FOLDER
    mounts = []
    for each in spec.files:
        content = each.content.encode()
        name = digests.hexadecimal(digests.of_json([each.content, each.mode]))
        path = folder / name
        if not path.exists():
            with workshop.staging() as staging:
                made = staging / "file"
                made.write_bytes(content)
                made.chmod(each.mode)
                folder.mkdir(parents=True, exist_ok=True)
                made.rename(path)
        mounts.append(Mount(path, each.target, read_only=True))
    return tuple(mounts)
