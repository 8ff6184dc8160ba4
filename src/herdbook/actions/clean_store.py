"""Removes what no version needs and nobody works with, step by step beside any other work."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from herdbook.actions.foreign_artefact import foreign_folder
from herdbook.actions.forget import needed_labels
from herdbook.actions.note import note
from herdbook.actions.released import released_instances
from herdbook.actions.render import artefact_folder
from herdbook.actions.require_role import require_role
from herdbook.actions.wanted_instance import FILES_FOLDER
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.catalogue.needs import in_use, needs_of, surplus, unneeded
from herdbook.catalogue.stock import Held, Shelf, Stock
from herdbook.core import digests
from herdbook.people.acts import Act

_BATCH = 20
"""How many things are removed at a time, while everybody else waits for a moment."""

_GRACE_NANOSECONDS = 7 * 24 * 3600 * 10**9
"""How long what only saves time, or is kept to be looked at, stays without being used."""

_KEPT_A_WHILE = frozenset(Shelf) - {Shelf.BLOBS, Shelf.TREES, Shelf.ARTEFACTS}


@dataclass(frozen=True)
class Removal:
    """Things of one kind that nothing needs, and since when they must be unused to go."""

    kind: str
    shelf: Shelf
    things: tuple[Held, ...]
    before: int


@dataclass(frozen=True)
class Freed:
    """What went of one kind, or would go; results of work take no space worth telling."""

    kind: str
    count: int
    size_bytes: int


@dataclass(frozen=True)
class Cleaned:
    """What cleaning did, or would do: versions forgotten, by label, and what was freed."""

    forgotten: tuple[str, ...]
    freed: tuple[Freed, ...]

    @property
    def size_bytes(self) -> int:
        """All that was freed."""
        return sum(each.size_bytes for each in self.freed)


def clean_store(
    workshop: Workshop, stock: Stock, keep: int | None = None, *, dry_run: bool = False
) -> Cleaned:
    """Remove what no version needs; with `keep`, first forget all but so many of each image.

    Versions that are used stay. It may be killed at any moment, and anything may be built, run or
    cleaned meanwhile: what was used since we began is not removed, and what a version is made of
    was used by the build that makes it, whose lease is older than that.
    """
    if not dry_run:
        require_role(workshop, Act.CLEAN)
    before, forgotten = begin(workshop, stock, keep, dry_run=dry_run)
    labels = {version.label for version in forgotten}
    versions = [each for each in workshop.versions.every() if each.label not in labels]
    removals = plan(workshop, stock, versions, before)
    total = sum(thing.size_bytes for removal in removals for thing in removal.things)
    if dry_run:
        freed = [_freed(removal.kind, removal.things) for removal in removals]
    else:
        with workshop.progress.task("Cleaning the store", total, "bytes") as task:
            freed = []
            for removal in removals:
                gone = []
                for batch in _batches(removal.things):
                    gone += remove(stock, removal, batch)
                    task.advance(sum(thing.size_bytes for thing in batch))
                freed.append(_freed(removal.kind, gone))
        freed.append(Freed("results of work", workshop.cache.forget_lost(), 0))
    return Cleaned(
        tuple(version.label for version in forgotten),
        tuple(each for each in freed if each.count),
    )


def begin(
    workshop: Workshop, stock: Stock, keep: int | None, *, dry_run: bool = False
) -> tuple[int, list[Version]]:
    """Return the time since when things must be unused, and the versions that were forgotten."""
    now = stock.now()
    with stock.alone() as leases:
        before = min([now, *(lease.began_at for lease in leases)])
        if keep is None:
            return before, []
        versions = workshop.versions.every()
        used = in_use(versions, leases, needed_labels(workshop))
        forgotten = surplus(versions, keep, used)
        if forgotten and not dry_run:
            note(workshop, "forget", "versions", labels=[each.label for each in forgotten])
            workshop.versions.forget(forgotten)
    return before, forgotten


def plan(
    workshop: Workshop, stock: Stock, versions: Sequence[Version], before: int
) -> list[Removal]:
    """Return what these versions do not need, artefacts first: they hold layers by other names.

    `versions` were read after the time `before`.
    """
    compressed = workshop.cache.compressed_layers()
    proposed = [each.sources for each in workshop.channels.proposals() if each.sources]
    needs = needs_of(versions, compressed, _artefacts(workshop, versions), proposed)
    packed = {digests.hexadecimal(each.digest) for each in compressed}
    removals = []
    for shelf in sorted(Shelf, key=lambda shelf: shelf is not Shelf.ARTEFACTS):
        limit = before - _GRACE_NANOSECONDS if shelf in _KEPT_A_WHILE else before
        for kind, things in _kinds(shelf, stock.held(shelf), packed).items():
            found = unneeded(things, needs[shelf], limit)
            removals.append(Removal(kind, shelf, tuple(found), limit))
    return removals


def remove(stock: Stock, removal: Removal, things: Sequence[Held]) -> list[Held]:
    """Remove some of what was planned, and return those that nobody used meanwhile."""
    gone = set(stock.remove(removal.shelf, [thing.name for thing in things], removal.before))
    return [thing for thing in things if thing.name in gone]


def _artefacts(workshop: Workshop, versions: Iterable[Version]) -> Iterator[str]:
    for version in versions:
        for variant in version.variants:
            yield artefact_folder(workshop, variant).name
    yield FILES_FOLDER
    for spec in released_instances(workshop):
        if spec.base is not None:
            yield foreign_folder(workshop, spec.base).name


def _kinds(shelf: Shelf, things: Sequence[Held], packed: set[str]) -> Mapping[str, list[Held]]:
    """Return what is on a shelf by what people call it."""
    if shelf is not Shelf.BLOBS:
        return {shelf.value: list(things)}
    return {
        "layers": [thing for thing in things if thing.name not in packed],
        "compressed layers": [thing for thing in things if thing.name in packed],
    }


def _batches(things: Sequence[Held]) -> Iterator[Sequence[Held]]:
    return (things[start : start + _BATCH] for start in range(0, len(things), _BATCH))


def _freed(kind: str, things: Sequence[Held]) -> Freed:
    return Freed(kind, len(things), sum(thing.size_bytes for thing in things))
