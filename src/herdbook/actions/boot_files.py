"""Makes what a machine boots from, once for all images with the same kernel and the same busybox.

An initrd embeds packages, so a patch of one of those remakes it: for each kernel, not each image.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from herdbook.actions.vouch_artefacts import refuse_changed_artefacts, vouch_for_artefacts
from herdbook.actions.workshop import Workshop
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import NotFoundError, VerificationError
from herdbook.core.whole_files import write_whole
from herdbook.disks.initrd import load_order, make_initrd
from herdbook.disks.rendering import RENDERING
from herdbook.layers.contents import KeptLayer, content_in
from herdbook.layers.tree import Kind

_BUSYBOX = "usr/bin/busybox"


@dataclass(frozen=True)
class BootFiles:
    """The files of a kernel and of the initrd that finds a machine's root."""

    kernel: Path
    initrd: Path


@dataclass(frozen=True)
class _Parts:
    """Where in an image lies what an initrd is made of: modules in the order to load them."""

    kernel: str
    first: tuple[str, ...]
    foreign: tuple[str, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.kernel, _BUSYBOX, *self.first, *self.foreign)


def boot_files(workshop: Workshop, layers: Sequence[KeptLayer]) -> BootFiles:
    """Return kernel and initrd of an image, made if no image with the same ones has them yet.

    Raises VerificationError where the image holds not exactly one kernel, or where the files are
    not as they were made.
    """
    parts = _parts(layers)
    embedded = [*_embedded(parts, layers)]
    name = digests.of_json(["boot", RENDERING, len(parts.first), embedded])
    folder = workshop.artefacts / digests.hexadecimal(name)
    found, record = BootFiles(folder / "kernel", folder / "initrd"), folder / "rendered.json"
    if record.exists():
        refuse_changed_artefacts(workshop, name, record, (found.kernel, found.initrd))
        os.utime(folder)  # what is used is not garbage
    else:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(found.kernel, content_in(layers, parts.kernel))
        write_whole(found.initrd, _initrd(parts, layers))
        vouch_for_artefacts(workshop, name, record, (found.kernel, found.initrd))
    return found


def _parts(layers: Sequence[KeptLayer]) -> _Parts:
    paths = {path for layer in layers for path in layer.tree}
    versions = sorted(match[1] for path in paths if (match := re.match(r"boot/vmlinuz-(.+)", path)))
    if len(versions) != 1:
        raise VerificationError(f"The image holds {len(versions)} kernels instead of one")
    modules = f"usr/lib/modules/{versions[0]}"
    if f"{modules}/modules.builtin" not in paths:
        raise NotFoundError(f"The image has no modules for its kernel {versions[0]}")
    order = load_order(
        content_in(layers, f"{modules}/modules.dep").decode(),
        content_in(layers, f"{modules}/modules.builtin").decode(),
    )
    return _Parts(
        f"boot/vmlinuz-{versions[0]}",
        tuple(f"{modules}/{path}" for path in order.first),
        tuple(f"{modules}/{path}" for path in order.foreign),
    )


def _embedded(parts: _Parts, layers: Sequence[KeptLayer]) -> Iterator[tuple[str, Digest | None]]:
    """Yield what the initrd and the kernel are made of: each path with what lies there."""
    for path in parts.paths:
        holder = next((layer for layer in reversed(layers) if path in layer.tree), None)
        if holder is None:
            raise NotFoundError(f"There is no file /{path} in the image")
        entry = holder.tree[path]
        if entry.kind is Kind.HARDLINK:
            entry = holder.tree[entry.target]
        yield path, entry.digest


def _initrd(parts: _Parts, layers: Sequence[KeptLayer]) -> bytes:
    first = [(path, content_in(layers, path)) for path in parts.first]
    foreign = [(path, content_in(layers, path)) for path in parts.foreign]
    return make_initrd(content_in(layers, _BUSYBOX), first, foreign)
