"""Makes what the images of a class are rebased onto: new layers, their bills, and the lock."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event

from herdbook.actions.judge_classes import Judge, Judgement, changed_python
from herdbook.actions.keep_layers import keep_packages
from herdbook.actions.make_bills import Declared, make_bills
from herdbook.actions.patched_layers import holders_of, packed, patched_database
from herdbook.actions.workshop import Workshop
from herdbook.builds.arrangement import Arrangement, Group, arrangement_in
from herdbook.builds.lock import Lock, LockedParent, render
from herdbook.builds.patching import (
    Pair,
    as_in_recipes,
    indexes_of,
    newest_date,
    patched_lock,
)
from herdbook.campaigns.conditions import Finding, Way
from herdbook.campaigns.model import Change, LayerChange, Proof, Target
from herdbook.campaigns.ports import Move
from herdbook.campaigns.sightings import PYPI
from herdbook.catalogue.components import LayerBill
from herdbook.core.digests import Digest
from herdbook.core.errors import NotFoundError
from herdbook.images.documents import LayerReference
from herdbook.packages.model import LockedPackage


@dataclass
class MoveMaker:
    """Makes moves for one campaign; a layer that several classes have is replaced once."""

    workshop: Workshop
    judge: Judge
    targets: Sequence[Target]
    _replaced: dict[Digest, LayerReference] = field(default_factory=dict)
    _packages: dict[Digest, Sequence[LockedPackage]] = field(default_factory=dict)
    _bills: dict[Digest, LayerBill | None] = field(default_factory=dict)

    def move(self, judgement: Judgement) -> Move:
        """Return what the images of a class become; the image below has followed already.

        Raises VerificationError where what is there cannot be patched, and what a build raises.
        """
        lock = self.lock(judgement)
        arrangement = arrangement_in(lock)
        self._take_over(judgement, lock)
        for layers in judgement.of.layers.values():
            self._replace(layers, judgement, arrangement)
        held = {layer.digest for layers in judgement.of.layers.values() for layer in layers}
        replaced = {old: new for old, new in self._replaced.items() if old in held}
        return Move(
            of=judgement.of,
            lock=render(lock),
            recipe_lock=as_in_recipes(lock).digest,
            arrangement=arrangement.digest,
            replaced=replaced,
            floor=newest_date(lock.indexes),
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
        parent = judgement.lock.parent
        if parent is None or not judgement.below:
            return parent
        newest = self.workshop.versions.find(parent.image)
        if newest is None:
            raise NotFoundError(f"{parent.image} is not here any more")
        return LockedParent(image=newest.image, number=newest.number, digest=newest.digest)

    def _take_over(self, judgement: Judgement, lock: Lock) -> None:
        """Learn what replaced the layers of the image below when that followed."""
        old, new = judgement.lock.parent, lock.parent
        if old is None or new is None or old == new:
            return
        before = self.workshop.versions.find(old.image, old.number)
        after = self.workshop.versions.find(new.image, new.number)
        for record in before.variants if before else ():
            other = after.variant(record.kind) if after else None
            for one, two in zip(record.layers, other.layers if other else (), strict=True):
                if one.digest != two.digest:
                    self._replaced[one.digest] = two

    def _replace(
        self, layers: Sequence[LayerReference], judgement: Judgement, arrangement: Arrangement
    ) -> None:
        """See to it that there is something in the place of each layer that holds old packages."""
        stack = [packed(self.workshop, layer) for layer in layers]
        pairs = (*judgement.below, *judgement.pairs)
        groups = {each for found in arrangement.groups.values() for each in found}
        for pair in judgement.pairs:
            for found in holders_of(stack, pair[0].name):
                if found.digest not in self._replaced:
                    group = _group_with(groups, pair[1])
                    made = keep_packages(self.workshop, group, Event())
                    self._replaced[found.digest] = made
                    self._packages[made.digest] = group.packages
        for layer, found in zip(layers, stack, strict=True):
            if found.status and layer.digest not in self._replaced:
                concerned = [pair for pair in pairs if _lists(found.status, pair)]
                if concerned:
                    changes = self.judge.changes(concerned)
                    made = patched_database(self.workshop, layer, found, changes)
                    self._replaced[layer.digest] = made

    def _billed(self, lock: Lock, layers: Iterable[LayerReference]) -> tuple[LayerBill, ...]:
        """Return the bills of new layers, each made once; of one that is known there is none."""
        new = {layer.digest: layer for layer in layers}
        fresh = [layer for digest, layer in new.items() if digest not in self._bills]
        made = make_bills(self.workshop, fresh, Declared(lock, self._packages))
        self._bills |= dict.fromkeys(layer.digest for layer in fresh)
        self._bills |= {bill.layer: bill for bill in made}
        return tuple(bill for digest in new if (bill := self._bills[digest]))


def proof_of(
    judgement: Judgement,
    replaced: Mapping[Digest, LayerReference] | None = None,
    more: Iterable[Finding] = (),
) -> Proof:
    """Return why a class follows in its way; of what is no rebase, only what stands against it."""
    findings = tuple(dict.fromkeys((*judgement.findings, *more)))
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


def _lists(status: str, pair: Pair) -> bool:
    """Tell whether dpkg knows a package there in the version that is replaced."""
    old = pair[0]
    head = f"Package: {old.name}\n"
    place = 0 if status.startswith(head) else status.find(f"\n{head}") + 1
    if not place and not status.startswith(head):
        return False
    return f"\nVersion: {old.version}\n" in status[place : status.find("\n\n", place) + 1 or None]
