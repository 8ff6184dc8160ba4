"""Makes what the images of a class are rebased onto: new layers, their bills, and the lock."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event

from herdbook.actions.judge_classes import Judge, Judgement, changed_python
from herdbook.actions.keep_layers import keep_packages
from herdbook.actions.make_bills import Declared, make_bills
from herdbook.actions.patched_layers import Packed, holders_of, patched_database
from herdbook.actions.workshop import Workshop
from herdbook.builds.arrangement import Arrangement, Group, arrangement_in
from herdbook.builds.lock import Lock, LockedParent, render
from herdbook.builds.patching import (
    Pair,
    as_in_recipes,
    indexes_of,
    patched_lock,
)
from herdbook.campaigns.conditions import Way
from herdbook.campaigns.model import Change, LayerChange, Proof, Target
from herdbook.campaigns.ports import Move
from herdbook.campaigns.sightings import PYPI
from herdbook.catalogue.components import LayerBill
from herdbook.core.digests import Digest
from herdbook.images.documents import LayerReference, created_of
from herdbook.packages.model import LockedPackage


@dataclass
class MoveMaker:
    """Makes moves for one campaign; a layer that several classes have is replaced once."""

    workshop: Workshop
    judge: Judge
    targets: Sequence[Target]
    _databases: dict[tuple[Digest, tuple[Pair, ...]], LayerReference] = field(default_factory=dict)
    _packages: dict[Digest, Sequence[LockedPackage]] = field(default_factory=dict)
    _bills: dict[Digest, LayerBill | None] = field(default_factory=dict)

    def move(self, judgement: Judgement) -> Move:
        """Return what the images of a class become; the image below has followed already.

        Raises VerificationError where what is there cannot be patched, and what a build raises.
        """
        lock = self.lock(judgement)
        arrangement = arrangement_in(lock)
        replaced = self._taken_over(judgement)
        for layers in judgement.of.layers.values():
            replaced |= self._replacing(layers, judgement, arrangement, replaced)
        held = {layer.digest for layers in judgement.of.layers.values() for layer in layers}
        replaced = {old: new for old, new in replaced.items() if old in held}
        return Move(
            of=judgement.of,
            lock=render(lock),
            recipe_lock=as_in_recipes(lock).digest,
            arrangement=arrangement.digest,
            replaced=replaced,
            floor=self._floor(judgement, lock),
            proof=proof_of(judgement, replaced),
            bills=self._billed(lock, replaced.values()),
            parent=(lock.parent.image, lock.parent.number) if lock.parent else None,
        )

    def lock(self, judgement: Judgement) -> Lock:
        """Return the lock of a class with the packages of the targets in it."""
        indexes = [index for target in self.targets for index in target.indexes]
        new = [package for _, package in (*judgement.below, *judgement.pairs)]
        return patched_lock(
            judgement.lock,
            judgement.pairs,
            indexes_of(new, indexes),
            self._parent(judgement),
            judgement.python,
        )

    def _parent(self, judgement: Judgement) -> LockedParent | None:
        """Return the version that the image below has become, if it had to follow."""
        on = judgement.on
        if on is None:
            return judgement.lock.parent
        return LockedParent(image=on.image, number=on.number, digest=on.digest)

    def _floor(self, judgement: Judgement, lock: Lock) -> datetime:
        """Return the time of the newest index, or of what is below: no document is older."""
        times = [index.date for index in lock.indexes]
        for each in judgement.on.variants if judgement.on else ():
            times += filter(None, [created_of(self.workshop.versions.document(each.config))])
        return max(times)

    def _taken_over(self, judgement: Judgement) -> dict[Digest, LayerReference]:
        """Return what replaced the layers of the image below when that followed."""
        old, after = judgement.lock.parent, judgement.on
        before = self.workshop.versions.find(old.image, old.number) if old and after else None
        replaced: dict[Digest, LayerReference] = {}
        for record in before.variants if before else ():
            other = after.variant(record.kind) if after else None
            for one, two in zip(record.layers, other.layers if other else (), strict=True):
                if one.digest != two.digest:
                    replaced[one.digest] = two
        return replaced

    def _replacing(
        self,
        layers: Sequence[LayerReference],
        judgement: Judgement,
        arrangement: Arrangement,
        before: Mapping[Digest, LayerReference],
    ) -> dict[Digest, LayerReference]:
        """Return what takes the place of those layers that hold old packages, but for `before`."""
        stack = [self.judge.packed(layer) for layer in layers]
        groups = {each for found in arrangement.groups.values() for each in found}
        replaced: dict[Digest, LayerReference] = {}
        for pair in judgement.pairs:
            for found in holders_of(stack, pair[0].name):
                if found.digest not in (*replaced, *before):
                    replaced[found.digest] = self._packages_layer(_group_with(groups, pair[1]))
        for layer, found in zip(layers, stack, strict=True):
            pairs = (*judgement.below, *judgement.pairs)
            concerned = tuple(pair for pair in pairs if self._lists(found, pair))
            if concerned and layer.digest not in before:
                replaced[layer.digest] = self._database(layer, found, concerned)
        return replaced

    def _lists(self, found: Packed, pair: Pair) -> bool:
        """Tell whether dpkg knows a package there in the version that is replaced."""
        held = self.judge.installed(found).packages.get(pair[0].name, ()) if found.status else ()
        return any(each.version == pair[0].version for each in held)

    def _packages_layer(self, group: Group) -> LayerReference:
        self.workshop.archive.fetch(group.packages, self.workshop.progress)
        made = keep_packages(self.workshop, group, Event())
        self._packages[made.digest] = group.packages
        return made

    def _database(
        self, layer: LayerReference, found: Packed, pairs: tuple[Pair, ...]
    ) -> LayerReference:
        """Return a database with entries written anew; several classes may have the same one."""
        work = layer.digest, pairs
        if work not in self._databases:
            changes = self.judge.changes(pairs)
            self._databases[work] = patched_database(self.workshop, layer, found, changes)
        return self._databases[work]

    def _billed(self, lock: Lock, layers: Iterable[LayerReference]) -> tuple[LayerBill, ...]:
        """Return the bills of new layers, each made once; of one that is known there is none."""
        new = {layer.digest: layer for layer in layers}
        fresh = [layer for digest, layer in new.items() if digest not in self._bills]
        made = make_bills(self.workshop, fresh, Declared(lock, self._packages))
        self._bills |= dict.fromkeys(layer.digest for layer in fresh)
        self._bills |= {bill.layer: bill for bill in made}
        return tuple(bill for digest in new if (bill := self._bills[digest]))


def proof_of(
    judgement: Judgement, replaced: Mapping[Digest, LayerReference] | None = None
) -> Proof:
    """Return why a class follows in its way; of what is no rebase, only what stands against it."""
    findings = tuple(dict.fromkeys(judgement.findings))
    if judgement.way is not Way.REBASE:
        findings = tuple(each for each in findings if not each.holds)
    return Proof(
        way=judgement.way,
        changes=tuple(_changes(judgement)),
        findings=findings,
        layers=tuple(
            LayerChange(title=new.title, old=old, new=new.digest)
            for old, new in (replaced or {}).items()
        ),
    )


def _changes(judgement: Judgement) -> Iterator[Change]:
    for old, new in dict.fromkeys((*judgement.below, *judgement.pairs)):
        yield Change(name=old.name, old=old.version, new=new.version, pocket=new.pocket)
    if judgement.python:
        for name, before, after in changed_python(judgement.lock.python, judgement.python):
            yield Change(name=name, old=before, new=after, pocket=PYPI)


def _group_with(groups: Iterable[Group], package: LockedPackage) -> Group:
    return next(group for group in groups if package in group.packages)
