"""Says which volumes an instance has, and makes those that are not there yet."""

import os
from collections.abc import Iterator
from pathlib import Path

from herdbook.actions.keep_layers import stacked
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.names import version_named
from herdbook.compose.wishes import Herding
from herdbook.fleet.applications import Component, InstanceSpec, VolumeUse
from herdbook.fleet.instances import Mount, VolumeDisk
from herdbook.layers.tree import Entry, Kind
from herdbook.recipes.model import Variant


def volume_name(component: Component, use: VolumeUse, slot: int) -> str:
    """Return which volume a slot has.

    Pets and machines have one each, the first of them that of the plain name; other containers
    share.
    """
    shares = component.herding is Herding.CATTLE and component.instance.variant is not Variant.VM
    return use.source if shares or not slot else f"{use.source}-{slot}"


def named_volumes(component: Component) -> Iterator[tuple[VolumeUse, str]]:
    """Yield the volumes of all slots by their names; folders of this machine are none."""
    for use in component.instance.volumes:
        for slot in range(0 if use.bind else component.replicas):
            yield use, volume_name(component, use, slot)


def mounts(workshop: Workshop, component: Component, slot: int) -> tuple[Mount, ...]:
    """Return what a container sees of this machine: folders of it, and volumes."""
    found = []
    for use in component.instance.volumes:
        source = Path(use.source)
        if not use.bind:
            volumes = workshop.volumes[Variant.CONTAINER]
            source = volumes.make(volume_name(component, use, slot), use.size_bytes)
            _take_over(workshop, component.instance, use, source)
        found.append(Mount(source, use.target, use.read_only))
    return tuple(found)


def disks(workshop: Workshop, component: Component, slot: int) -> tuple[VolumeDisk, ...]:
    """Return a machine's volumes."""
    volumes = workshop.volumes[Variant.VM]
    return tuple(
        VolumeDisk(
            volumes.make(volume_name(component, use, slot), use.size_bytes),
            use.target,
            use.read_only,
        )
        for use in component.instance.volumes
    )


def _take_over(workshop: Workshop, spec: InstanceSpec, use: VolumeUse, folder: Path) -> None:
    """Give an empty volume the owner and mode of the folder it stands for in the image.

    Else a service that is not root could not write to it. Of an image of elsewhere nothing is
    known but by its own programs, which begin as root and do so themselves.
    """
    if spec.base is not None or any(folder.iterdir()):
        return
    version = version_named(workshop.versions, f"{spec.image}:{spec.number}")
    variant = version.variant(spec.variant)
    if variant is None:
        return
    entry: Entry | None = stacked(workshop, variant.layers).get(use.target.strip("/"))
    if entry is not None and entry.kind is Kind.DIRECTORY:
        os.chown(folder, entry.uid, entry.gid)
        folder.chmod(entry.mode)
