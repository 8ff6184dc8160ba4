"""Builds a version again from its lock, elsewhere and with nothing kept, and compares digests."""

from dataclasses import replace
from pathlib import Path

from herdbook.actions.asked_secrets import require_secrets
from herdbook.actions.build import Making, index_of
from herdbook.actions.find_homes import Homes
from herdbook.actions.keep_layers import stacked
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock
from herdbook.campaigns.ports import Member
from herdbook.catalogue.model import VariantRecord, Version
from herdbook.channels.results import Part
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.progress import NoProgress
from herdbook.layers.stacking import differences

_SHOWN = 10


def reproduce(workshop: Workshop, version: Version) -> tuple[Part, ...]:
    """Build a version again and say of each of its parts whether it has the same digest.

    Raises NotFoundError or ConflictError where its recipe is gone or is not what it was then, and
    what a build raises: then nothing is known.
    """
    lock = Lock.model_validate_json(version.lock)
    member = Member(version.image, version.number, version.home, version.wishes)
    inputs = Homes().inputs(member, lock)
    require_secrets(inputs.recipe_file, workshop.secrets)
    with (
        workshop.layers.lease(version.label),
        workshop.staging() as folder,
        workshop.progress.task(f"Building {version.label} again, from nothing"),
    ):
        apart = apart_in(workshop, folder, lock)
        records, rendered, _ = Making(apart, inputs).variants()
        index = index_of(records, rendered)
        parts = [
            part
            for record in records
            for part in _compared(workshop, apart, version.variant(record.kind), record)
        ]
    return *parts, _same("index", version.digest, index.digest)


def apart_in(workshop: Workshop, folder: Path, lock: Lock) -> Workshop:
    """Return a workshop in a folder that has nothing but what a lock is made from; it is quiet."""
    quiet = replace(workshop, progress=NoProgress())
    return workshop.apart(quiet, folder, _below(workshop, lock))


def _below(workshop: Workshop, lock: Lock) -> list[Digest]:
    """Return the layers of the version that this one is made from: they are not its own."""
    if lock.parent is None:
        return []
    parent = workshop.versions.find(lock.parent.image, lock.parent.number)
    variants = parent.variants if parent else ()
    return list(dict.fromkeys(layer.digest for each in variants for layer in each.layers))


def _compared(
    workshop: Workshop, apart: Workshop, before: VariantRecord | None, now: VariantRecord
) -> list[Part]:
    if before is None:
        return [Part(f"{now.kind}", passed=False, said="it had no such variant")]
    own = _same(f"{now.kind} manifest", before.manifest, now.manifest)
    if own.passed:
        return [own]
    layers = [
        _same(f"{now.kind} layer {one.title}", one.digest, other.digest)
        for one, other in zip(before.layers, now.layers, strict=False)
    ]
    if len(before.layers) != len(now.layers):
        counts = f"{len(before.layers)} layers, and {len(now.layers)} when built again"
        layers.append(Part(f"{now.kind} layers", passed=False, said=counts))
    found = differences(stacked(workshop, before.layers), stacked(apart, now.layers))
    told = "\n".join(str(each) for each in list(found)[:_SHOWN])
    return [replace(own, said=f"{own.said}\n{told}".strip()), *layers]


def _same(name: str, kept: Digest, found: Digest) -> Part:
    said = f"{digests.short(kept)} is {digests.short(found)} when built again"
    return Part(name, passed=kept == found, said="" if kept == found else said)
