"""Renders variants as what an engine starts or a person takes away, cached by digest."""

import json
import shutil
from pathlib import Path

from herdbook.actions.boot_files import boot_files
from herdbook.actions.compress_layers import compress_layers
from herdbook.actions.keep_layers import kept_layers
from herdbook.actions.vouch_artefacts import refuse_changed_artefacts, vouch_for_artefacts
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import VariantRecord, Version
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import VerificationError
from herdbook.disks.rendering import DISK_COMMAND_LINE, RENDERING, DiskParts
from herdbook.disks.uki import append_sections
from herdbook.fleet.instances import ContainerArtefact, MachineArtefact
from herdbook.images.archives import blob_path, oci_layout
from herdbook.images.documents import with_layers
from herdbook.layers.contents import KeptLayer, content_in, merged_tar

_STUB = "usr/lib/systemd/boot/efi/linuxx64.efi.stub"
_RELEASE = "usr/lib/os-release"


def container_artefact(
    workshop: Workshop, version: Version, variant: VariantRecord
) -> ContainerArtefact:
    """Return an OCI layout whose layers are links to the store's own files."""
    folder = artefact_folder(workshop, variant)
    layout = folder / "layout"
    # Several instances of one version start at once, and other programs may do the same.
    with workshop.turns.turn(f"layout of {variant.manifest}"):
        if not (layout / "index.json").exists():
            with workshop.staging() as staging:
                made = staging / "layout"
                write_layout(workshop, version, variant, made, private=True)
                folder.mkdir(parents=True, exist_ok=True)
                _put(made, layout)
    return ContainerArtefact(layout, variant.manifest)


def _put(made: Path, layout: Path) -> None:
    """Put a layout where it belongs, unless another program has put the same there just now."""
    try:
        made.rename(layout)
    except OSError:
        if not (layout / "index.json").exists():
            raise


def write_layout(
    workshop: Workshop,
    version: Version,
    variant: VariantRecord,
    folder: Path,
    compression: str = "none",
    *,
    private: bool = False,
) -> Digest:
    """Write an OCI layout of a container and return its manifest's digest.

    Without compression that is the version's own. A `private` layout, which nobody but Herdbook
    sees, shares its layers with the store as hard links where that is possible. Raises
    InvalidInputError for an unknown compression.
    """
    config = workshop.versions.document(variant.config)
    manifest = workshop.versions.document(variant.manifest)
    (folder / blob_path(variant.manifest)).parent.mkdir(parents=True, exist_ok=True)
    layers = compress_layers(workshop, variant.layers, compression)
    for layer in layers:
        _copy(workshop.layers.path(layer.digest), folder / blob_path(layer.digest), private)
    if compression != "none":
        manifest = with_layers(manifest, layers)
    annotations = {"org.opencontainers.image.ref.name": str(version.number)}
    for path, content in oci_layout(config, manifest, annotations).items():
        (folder / path).write_bytes(content)
    return manifest.digest


def machine_artefact(workshop: Workshop, variant: VariantRecord) -> MachineArtefact:
    """Return kernel, initrd and root of a VM, rendered if they are not there yet.

    Raises VerificationError where they are there, and not as they were rendered.
    """
    with workshop.turns.turn(f"machine of {variant.manifest}"):
        return _machine_artefact(workshop, variant)


def _machine_artefact(workshop: Workshop, variant: VariantRecord) -> MachineArtefact:
    folder = artefact_folder(workshop, variant)
    artefact = MachineArtefact(folder / "kernel", folder / "initrd", folder / "root.erofs")
    parts, record = (artefact.kernel, artefact.initrd, artefact.root), folder / "rendered.json"
    if record.exists():
        refuse_changed_artefacts(workshop, variant.manifest, record, parts)
        return artefact
    with workshop.progress.task("Rendering the machine's root"):
        layers = _verified(workshop, variant)
        folder.mkdir(parents=True, exist_ok=True)
        boot = boot_files(workshop, layers)
        _link(boot.kernel, artefact.kernel)
        _link(boot.initrd, artefact.initrd)
        workshop.renderer().root(merged_tar(layers), artefact.root, variant.manifest)
        vouch_for_artefacts(workshop, variant.manifest, record, parts)
    return artefact


def disk_image(workshop: Workshop, variant: VariantRecord) -> Path:
    """Return a raw disk that UEFI firmware boots, rendered if it is not there yet.

    Raises as `machine_artefact`.
    """
    folder = artefact_folder(workshop, variant)
    disk, record = folder / "disk.raw", folder / "disk.json"
    if record.exists():
        refuse_changed_artefacts(workshop, variant.manifest, record, [disk])
        return disk
    machine = machine_artefact(workshop, variant)
    layers = kept_layers(workshop, variant.layers)
    settings = machine_settings(workshop, variant)
    with workshop.progress.task("Rendering the disk"), workshop.staging() as staging:
        unified = staging / "unified.efi"
        unified.write_bytes(
            append_sections(
                content_in(layers, _STUB),
                {
                    ".osrel": content_in(layers, _RELEASE),
                    ".cmdline": DISK_COMMAND_LINE.encode() + b"\0",
                    ".linux": machine.kernel.read_bytes(),
                    ".initrd": machine.initrd.read_bytes(),
                },
            )
        )
        parts = DiskParts(unified, machine.root, settings["disk_bytes"])
        workshop.renderer().disk(parts, disk, variant.manifest)
        vouch_for_artefacts(workshop, variant.manifest, record, [disk])
    return disk


def machine_settings(workshop: Workshop, variant: VariantRecord) -> dict[str, int]:
    """Return the numbers of a VM's configuration: memory_bytes, cpus, disk_bytes."""
    content = json.loads(workshop.versions.document(variant.config).content)
    return {name: int(content[name]) for name in ("memory_bytes", "cpus", "disk_bytes")}


def _verified(workshop: Workshop, variant: VariantRecord) -> list[KeptLayer]:
    """Return a variant's layers, their bytes checked: what boots is read from them by offset."""
    layers = kept_layers(workshop, variant.layers)
    for reference, layer in zip(variant.layers, layers, strict=True):
        if digests.of_file(layer.path) != reference.digest:
            raise VerificationError(
                f"The layer {reference.title!r} in the store is damaged: {layer.path}",
                hint="Remove that file and build the image again.",
            )
    return layers


def artefact_folder(workshop: Workshop, variant: VariantRecord) -> Path:
    """Return where a variant's artefacts lie: what Herdbook itself adds to them counts too."""
    name = digests.of_json([variant.manifest, RENDERING])
    return workshop.artefacts / digests.hexadecimal(name)


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)  # of a rendering that was interrupted
    target.hardlink_to(source)


def _copy(source: Path, target: Path, private: bool) -> None:  # noqa: FBT001 - a plain yes or no
    if target.exists():
        return
    if private:
        try:
            target.hardlink_to(source)
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(source, target)
    else:
        shutil.copyfile(source, target)
