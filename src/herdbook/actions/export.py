"""Writes a version where other tools take it from: layouts, archives and disks."""

import base64
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from herdbook.actions.check_genuine import refuse_forged
from herdbook.actions.render import disk_image, write_layout
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Variant, VariantRecord, Version
from herdbook.catalogue.names import variant_of
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import ConflictError, InvalidInputError
from herdbook.core.nearest import did_you_mean
from herdbook.core.whole_files import write_whole
from herdbook.images.archives import docker_archive
from herdbook.layers.tree import Entry, Kind
from herdbook.layers.writing import tar_pieces


@dataclass(frozen=True)
class Exported:
    """What was written, and the digest it has there; `signature` is the file beside it, if any."""

    path: Path
    digest: Digest
    signature: Path | None = None


Exporter = Callable[[Workshop, Version, Path], Exported]


def export(
    workshop: Workshop,
    version: Version,
    form: str,
    to: Path | None,
    compression: str,
    *,
    sign: bool = False,
) -> Exported:
    """Write a version in one of the formats; the target appears only when it is complete.

    Beside a file, the builder's signature is written where that is wanted, as `cosign verify-blob`
    takes it.

    Raises InvalidInputError for an unknown format, ConflictError where the target exists,
    VerificationError where the version is not what its builder signed.
    """
    exporters: dict[str, Exporter] = {
        "docker": _docker,
        "oci": _compressed(compression),
        "qcow2": _qcow2,
        "raw": _raw,
    }
    if form not in exporters:
        raise InvalidInputError(
            f"{form!r} is not a format",
            hint=did_you_mean(form, exporters, f"There are: {', '.join(exporters)}."),
        )
    if sign:
        _require_signable(workshop, form)
    base = version.image.replace("/", "-") + f"-{version.number}"
    suffixes = {"docker": ".docker.tar", "oci": ".oci", "qcow2": ".qcow2", "raw": ".raw"}
    target = to or Path(base + suffixes[form])
    if target.exists():
        raise ConflictError(f"{target} exists already", hint="Name another one with --to.")
    if not target.absolute().parent.is_dir():
        raise InvalidInputError(f"There is no folder {target.absolute().parent}")
    incoming = target.with_name(f".{target.name}.incoming")
    _remove(incoming)
    try:
        with (
            workshop.layers.lease(version.label),
            workshop.progress.task(f"Exporting {version.label}"),
        ):
            refuse_forged(workshop, version)
            exported = exporters[form](workshop, version, incoming)
        incoming.rename(target)
    finally:
        _remove(incoming)
    found = Exported(target, exported.digest)
    return _signed(workshop, found) if sign else found


def _require_signable(workshop: Workshop, form: str) -> None:
    if form == "oci":
        raise InvalidInputError(
            "A folder has no signature",
            hint="Export a file (docker, raw or qcow2), or push the version: what is pushed is "
            "signed.",
        )
    workshop.keys.require()


def _signed(workshop: Workshop, exported: Exported) -> Exported:
    signature = workshop.keys.signature_of(digests.of_file(exported.path))
    path = exported.path.with_name(f"{exported.path.name}.sig")
    write_whole(path, base64.b64encode(signature) + b"\n", 0o644)
    return replace(exported, signature=path)


def _compressed(compression: str) -> Exporter:
    def write(workshop: Workshop, version: Version, target: Path) -> Exported:
        variant = variant_of(version, Variant.CONTAINER)
        target.mkdir()
        digest = write_layout(workshop, version, variant, target, compression)
        return Exported(target, digest)

    return write


def _docker(workshop: Workshop, version: Version, target: Path) -> Exported:
    variant = variant_of(version, Variant.CONTAINER)
    config = workshop.versions.document(variant.config)
    tag = f"{version.image}:{version.number}"
    small, places = docker_archive(config, variant.layers, tag)
    layers = {place.path: workshop.layers.path(place.layer.digest) for place in places}
    entries = [
        *(_file(path, len(content)) for path, content in small.items()),
        *(_file(place.path, place.layer.size) for place in places),
    ]

    def contents(entry: Entry) -> BinaryIO:
        return layers[entry.path].open("rb") if entry.path in layers else BytesIO(small[entry.path])

    with target.open("wb") as stream:
        for piece in tar_pieces(entries, contents):
            stream.write(piece)
    return Exported(target, config.digest)


def _file(path: str, size: int) -> Entry:
    return Entry(path, Kind.FILE, mode=0o644, size=size)


def _raw(workshop: Workshop, version: Version, target: Path) -> Exported:
    disk = disk_image(workshop, _machine(version))
    _copy_sparsely(disk, target)
    return Exported(target, digests.of_file(target))


def _qcow2(workshop: Workshop, version: Version, target: Path) -> Exported:
    workshop.renderer().qcow2(disk_image(workshop, _machine(version)), target)
    return Exported(target, digests.of_file(target))


def _machine(version: Version) -> VariantRecord:
    return variant_of(version, Variant.VM)


def _copy_sparsely(source: Path, target: Path) -> None:
    """Copy a file and leave its holes out, as `cp --sparse` does."""
    with source.open("rb") as reading, target.open("wb") as writing:
        for start, end in _data_ranges(reading):
            reading.seek(start)
            writing.seek(start)
            left = end - start
            while left and (piece := reading.read(min(left, digests.PIECE_BYTES))):
                writing.write(piece)
                left -= len(piece)
        writing.truncate(source.stat().st_size)


def _data_ranges(stream: BinaryIO) -> Iterator[tuple[int, int]]:
    end = 0
    while True:
        try:
            start = os.lseek(stream.fileno(), end, os.SEEK_DATA)
        except OSError:  # ENXIO: no data behind this offset
            return
        end = os.lseek(stream.fileno(), start, os.SEEK_HOLE)
        yield start, end


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
