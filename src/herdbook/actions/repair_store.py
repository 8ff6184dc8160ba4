"""Mends what a check has found: sets aside what is damaged, and makes it again."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from herdbook.actions.check_store import Checked, Finding
from herdbook.actions.remake import remake as remake_from_lock
from herdbook.actions.render import artefact_folder
from herdbook.actions.require_role import require_role
from herdbook.actions.verify_blobs import Fault
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.catalogue.stock import Stock
from herdbook.core.digests import Digest
from herdbook.core.errors import HerdbookError, NotFoundError, VerificationError
from herdbook.images.compressing import decompressed
from herdbook.layers.reading import read_tree
from herdbook.people.acts import Act

_LOST = (Fault.DAMAGED_LAYER, Fault.MISSING_LAYER)
_DAMAGED = (Fault.DAMAGED_LAYER, Fault.DAMAGED_COMPRESSED)
_TREES = (Fault.WRONG_TREE, Fault.MISSING_TREE)
_DONE = {
    Fault.DAMAGED_COMPRESSED: "It was set aside; it is made again when it is needed.",
    Fault.WRONG_TREE: "It was read anew from its layer.",
    Fault.MISSING_TREE: "It was read anew from its layer.",
    Fault.LEFTOVER: "It was removed.",
}

Remake = Callable[[Workshop, Version], None]
"""Makes again whatever layers of a version its recorded recipe and lock are enough for."""


def repair_store(
    workshop: Workshop, stock: Stock, checked: Checked, remake: Remake = remake_from_lock
) -> Checked:
    """Mend what was found and return it with what became of it.

    A damaged blob is never served again, whether or not it can be made anew. A layer is taken
    from a compressed copy of it, or else made from its version's lock: the same digest, or it
    stays missing.
    """
    require_role(workshop, Act.REPAIR)
    with workshop.layers.lease("store check"):
        for finding in checked.findings:
            if finding.fault in _DAMAGED:
                stock.set_aside(Digest(finding.what))
            elif finding.fault in _TREES:
                _set_tree(workshop, Digest(finding.what))
        lost = [Digest(each.what) for each in checked.findings if each.fault in _LOST]
        reasons = _make_again(workshop, stock, lost, remake)
        if any(finding.fault is Fault.LEFTOVER for finding in checked.findings):
            stock.remove_leftovers()
        workshop.cache.forget_lost()
        findings = [_mended(workshop, each, reasons) for each in checked.findings]
    return replace(checked, findings=tuple(findings))


def _make_again(
    workshop: Workshop, stock: Stock, lost: Sequence[Digest], remake: Remake
) -> dict[str, str]:
    """Bring layers back; return by version's label why making them from its lock failed."""
    for digest in lost:
        _from_compressed(workshop, stock, digest)
    reasons = {}
    # The newest first: it brings back what older ones share, and its lock is the likeliest to do.
    for version in reversed(workshop.versions.every()):
        _drop_layouts(workshop, version, lost)
        if any(not workshop.layers.has(digest) for digest in _layers(version).intersection(lost)):
            try:
                with workshop.progress.task(f"Making layers of {version.label} again"):
                    remake(workshop, version)
            except HerdbookError as error:
                reasons[version.label] = error.message
    return reasons


def _from_compressed(workshop: Workshop, stock: Stock, layer: Digest) -> None:
    for copy in workshop.cache.compressed_layers():
        if copy.layer != layer or not stock.blob(copy.digest).exists():
            continue
        with workshop.layers.path(copy.digest).open("rb") as stream:
            pieces = decompressed(stream, copy.compressor.compression)
            try:
                made, _ = workshop.layers.write(pieces)
            except VerificationError:
                continue
        if made == layer:
            _set_tree(workshop, layer)
            return


def _set_tree(workshop: Workshop, layer: Digest) -> None:
    with (
        suppress(NotFoundError),  # it was cleaned away meanwhile: nothing needed it
        workshop.layers.path(layer).open("rb") as stream,
    ):
        workshop.layers.set_tree(layer, read_tree(stream))


def _drop_layouts(workshop: Workshop, version: Version, lost: Iterable[Digest]) -> None:
    """Drop what may share a damaged file with the store; it is made anew when it is needed."""
    for variant in version.variants:
        layout = artefact_folder(workshop, variant) / "layout"
        if layout.exists() and not {each.digest for each in variant.layers}.isdisjoint(lost):
            with workshop.staging() as folder:
                layout.rename(folder / "layout")


def _layers(version: Version) -> set[Digest]:
    return {layer.digest for variant in version.variants for layer in variant.layers}


def _mended(workshop: Workshop, finding: Finding, reasons: dict[str, str]) -> Finding:
    """Return a finding with what became of it."""
    if finding.fault in _DONE:
        return replace(finding, repaired=True, remedy=_DONE[finding.fault])
    if finding.fault not in _LOST:
        return finding
    if workshop.layers.has(Digest(finding.what)):
        return replace(finding, repaired=True, remedy="It was made again, with the same digest.")
    if not finding.versions:
        return replace(finding, repaired=True, remedy="It was set aside; nothing needs it.")
    first = finding.versions[-1]
    reason = f" (its lock alone was not enough: {reasons[first]})" if first in reasons else ""
    remedy = f"Build the recipe of {first} again: herdbook build RECIPE{reason}"
    return replace(finding, remedy=remedy)
