"""Judges how each class of images follows a patch: what holds of its packages, what of the rest."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

from herdbook.actions.find_pairs import PairFinder
from herdbook.actions.name_version import version_meant
from herdbook.actions.patched_layers import Packed, holders_of, packed
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock, LockedParent, LockedPython
from herdbook.builds.patching import Pair
from herdbook.campaigns.closure import Change, Installed, installed_in
from herdbook.campaigns.closure_rules import Surroundings, judge_closure
from herdbook.campaigns.conditions import Condition, Finding, Way, way_of
from herdbook.campaigns.image_rules import judge_image
from herdbook.campaigns.inside import Inside, read_inside
from herdbook.campaigns.model import Target
from herdbook.campaigns.naming import some
from herdbook.campaigns.package_rules import judge_package
from herdbook.campaigns.ports import ClassKey, ImageClass
from herdbook.catalogue.model import Version
from herdbook.channels.model import Level
from herdbook.core.digests import Digest
from herdbook.core.errors import HerdbookError, NoSpaceError, NotFoundError
from herdbook.images.documents import LayerReference
from herdbook.layers.tree import Kind
from herdbook.packages.model import LockedPackage


@dataclass(frozen=True)
class Judgement:
    """How a class of images follows, and what was found of each condition.

    `pairs` are the packages replaced in its own lock, `below` those in the images it is made from;
    `level` says how many of those have to follow first, `on` what the image below has become where
    it has followed. `python` replaces its Python packages.
    """

    of: ImageClass
    lock: Lock
    pairs: tuple[Pair, ...]
    below: tuple[Pair, ...]
    findings: tuple[Finding, ...]
    level: int = 0
    python: LockedPython | None = None
    on: Version | None = None

    @property
    def way(self) -> Way:
        """The mildest way that all findings leave."""
        return way_of(self.findings)


@dataclass
class Judge:
    """Judges classes for some targets; what several classes ask is answered once."""

    workshop: Workshop
    targets: Sequence[Target]
    _insides: dict[Digest, Inside] = field(default_factory=dict)
    _packages: dict[tuple[Digest, Digest], tuple[Finding, ...]] = field(default_factory=dict)
    _layers: dict[Digest, Packed] = field(default_factory=dict)
    _installed: dict[Digest, Installed] = field(default_factory=dict)

    @cached_property
    def found(self) -> PairFinder:
        """What the targets replace."""
        return PairFinder(self.workshop, self.targets)

    def judge(self, classes: Iterable[ImageClass]) -> list[Judgement]:
        """Return a judgement of each class, those of images below first."""
        by_key = {each.key: each for each in classes if self._is_concerned(each)}
        judged: dict[ClassKey, Judgement] = {}
        with self.workshop.progress.task("Judging classes", len(by_key), "classes") as task:
            for each in by_key.values():
                self._judge(each, by_key, judged)
                task.advance()
        return sorted(judged.values(), key=lambda found: found.level)

    def changes(self, pairs: Iterable[Pair]) -> list[Change]:
        """Return what is in packages and in what takes their place."""
        return [Change(self._inside(old), self._inside(new)) for old, new in pairs]

    def _judge(
        self,
        of: ImageClass,
        by_key: Mapping[ClassKey, ImageClass],
        judged: dict[ClassKey, Judgement],
    ) -> Judgement:
        if of.key not in judged:
            lock = self.found.lock(of.lock)
            pairs, below = self.found.own(lock), self.found.below(lock)
            level, on = 0, None
            findings = list(judge_image(of, lock, (*below, *pairs)))
            python = self.found.python(lock)
            if python and lock.python:
                findings.append(_of_python(lock.python, python))
            if lock.parent and (below or self.found.python_below(lock)):
                level, on, finding = self._of_parent(of, lock.parent, below, by_key, judged)
                findings.append(finding)
            elif not pairs and not python:
                findings.append(_in_nobodys_lock(lock))
            if (below or pairs) and way_of(findings) is not Way.WAIT:
                findings += self._of_packages(of, (*below, *pairs))
            judged[of.key] = Judgement(of, lock, pairs, below, tuple(findings), level, python, on)
        return judged[of.key]

    def _is_concerned(self, of: ImageClass) -> bool:
        """Tell whether a class can follow: of Python packages, one's ranges may allow no newer."""
        if not any(target.python for target in self.targets):
            return True
        return self.found.has_old_python(self.found.lock(of.lock))

    def _named_below(self, of: ImageClass, image: str) -> str:
        """Return what recipes say after the image below: nothing, `:3` or `@production`.

        All of a class say the same: it is part of what their lock was made for.
        """
        member = next(self.workshop.herd.members(of), None)
        version = self.workshop.versions.find(member.image) if member else None
        named = rf"\bfrom\W+{re.escape(image)}(?P<which>[:@][\w.-]+)?(?![\w./-])"
        found = re.search(named, version.recipe) if version else None
        return (found["which"] or "") if found else ""

    def _of_parent(
        self,
        of: ImageClass,
        parent: LockedParent,
        below: Sequence[Pair],
        by_key: Mapping[ClassKey, ImageClass],
        judged: dict[ClassKey, Judgement],
    ) -> tuple[int, Version | None, Finding]:
        """Return at which level an image follows, on what, and whether that allows a rebase."""
        label = f"{parent.image}:{parent.number}"
        which = self._named_below(of, parent.image)
        if which == f":{parent.number}":
            return 0, None, _parent(Way.WAIT, f"the recipe names {label}, and no newer one")
        if which.startswith("@"):
            return self._of_channel(f"{parent.image}{which}", parent, below)
        newest = self.workshop.versions.find(parent.image)
        if newest is not None and newest.number != parent.number:
            finding = self._of_newer_parent(parent, newest, below)
            return 0, newest if finding.holds else None, finding
        level, finding = self._of_parent_before(label, parent, by_key, judged)
        return level, None, finding

    def _of_parent_before(
        self,
        label: str,
        parent: LockedParent,
        by_key: Mapping[ClassKey, ImageClass],
        judged: dict[ClassKey, Judgement],
    ) -> tuple[int, Finding]:
        """Judge by how the image below follows, which it has not yet."""
        found = by_key.get(self.workshop.herd.key(parent.image) or ())
        if found is None:
            return 0, _parent(Way.RELOCK, f"{label} does not follow")
        judgement = self._judge(found, by_key, judged)
        if judgement.way is Way.REBASE:
            return judgement.level + 1, _parent(Way.REBASE, f"{label} is rebased before")
        if judgement.way is Way.WAIT:
            return judgement.level + 1, _parent(Way.WAIT, f"{label} cannot follow")
        words = f"{label} is built anew first; if only the patch changes it, this one is rebased"
        return judgement.level + 1, _parent(Way.RELOCK, words)

    def _of_channel(
        self, place: str, parent: LockedParent, below: Sequence[Pair]
    ) -> tuple[int, Version | None, Finding]:
        """Judge an image that is made from what a channel means: it follows once that has moved.

        Never before, whatever newer version of the image below there is: what is not in the channel
        yet must not get under it by a campaign.
        """
        try:
            meant = version_meant(self.workshop, place, Level.BUILDS, Level.RELEASES)
        except HerdbookError as error:
            return 0, None, _parent(Way.WAIT, f"waits for {place}: {error.message}")
        if self.found.is_old(meant):
            newest = self.workshop.versions.find(parent.image)
            ready = newest is not None and not self.found.is_old(newest)
            awaited = f"version {newest.number}" if newest and ready else "a version with the patch"
            return 0, None, _parent(Way.WAIT, f"waits for {place} to get {awaited}")
        finding = self._of_newer_parent(parent, meant, below)
        return 0, meant if finding.holds else None, finding

    def _of_newer_parent(
        self, parent: LockedParent, newest: Version, below: Sequence[Pair]
    ) -> Finding:
        """Judge by what is in it whether a newer version of the image below will do.

        This is what cuts off early: an image that was built anew and came out the same, but for
        the patch, does not make those on it be built anew.
        """
        before = self.workshop.versions.find(parent.image, parent.number)
        label = f"{parent.image}:{parent.number}"
        try:
            alone = before and self._is_patched(before, newest, below)
        except NotFoundError as error:
            return _parent(Way.RELOCK, f"nobody can tell how {label} has changed: {error.message}")
        if alone:
            words = f"{newest.label} differs from {label} in nothing but the patch"
            return _parent(Way.REBASE, words)
        words = f"it was made from {label}, and {newest.label} differs in more than the patch"
        return _parent(Way.RELOCK, words)

    def _is_patched(self, before: Version, after: Version, pairs: Sequence[Pair]) -> bool:
        """Tell whether lock and layers differ only where the patched packages are."""
        if not pairs or not self.found.is_patched(before, after):
            return False
        changed = {old.name for old, _ in pairs}
        for record in before.variants:
            other = after.variant(record.kind)
            if other is None or len(other.layers) != len(record.layers):
                return False
            for old, new in zip(record.layers, other.layers, strict=True):
                if old.digest != new.digest:
                    found = self.packed(old)
                    if not (found.status or found.packages & changed) or old.title != new.title:
                        return False
        return True

    def _inside(self, package: LockedPackage) -> Inside:
        if package.sha256 not in self._insides:
            self.workshop.archive.fetch([package], self.workshop.progress)
            self._insides[package.sha256] = read_inside(self.workshop.archive.kept(package))
        return self._insides[package.sha256]

    def _of_packages(self, of: ImageClass, pairs: Sequence[Pair]) -> Iterator[Finding]:
        for _, new in pairs:
            self._inside(new)  # that it cannot be had is no judgement of this class
        try:
            for pair in pairs:
                yield from self._of_package(pair)
            for layers in of.layers.values():
                yield from self._of_closure(layers, pairs)
        except NoSpaceError:
            raise
        except HerdbookError as error:
            words = f"nobody can tell: {error.message}"
            yield Finding(condition=Condition.DATABASE, way=Way.REBUILD, words=words)

    def _of_package(self, pair: Pair) -> tuple[Finding, ...]:
        old, new = pair
        key = old.sha256, new.sha256
        if key not in self._packages:
            found = judge_package(self._inside(old), self._inside(new))
            self._packages[key] = tuple(
                each.model_copy(update={"words": f"{old.name}: {each.words}"}) for each in found
            )
        return self._packages[key]

    def _of_closure(
        self, layers: Sequence[LayerReference], pairs: Sequence[Pair]
    ) -> Iterator[Finding]:
        """Yield what one variant's packages say of those changes that concern it."""
        stack = [self.packed(layer) for layer in layers]
        listed = next(each for each in reversed(stack) if each.status)
        installed = self.installed(listed)
        changes = self.changes(pair for pair in pairs if pair[0].name in installed.packages)
        for name in (change.old.name for change in changes):
            if len(found := holders_of(stack, name)) != 1:
                words = f"{name} is in {len(found)} layers"
                yield Finding(condition=Condition.CONFIGURED, way=Way.RELOCK, words=words)
                return
            if any(name in each.noted for each in stack):
                words = f"dpkg wrote files about {name} that are not the package's"
                yield Finding(condition=Condition.DATABASE, way=Way.REBUILD, words=words)
        replaced = {holders_of(stack, change.old.name)[0].digest for change in changes}
        around = Surroundings(
            partial(_is_elsewhere, stack, replaced),
            listed.interests,
            frozenset[str]().union(*(each.made for each in stack)),
            partial(_is_folder, stack),
            listed.diversions,
        )
        yield from judge_closure(installed, changes, around)

    def installed(self, listed: Packed) -> Installed:
        """Return the packages that a layer of dpkg's database names."""
        if listed.digest not in self._installed:
            self._installed[listed.digest] = installed_in(listed.status)
        return self._installed[listed.digest]

    def packed(self, layer: LayerReference) -> Packed:
        """Return what a layer tells of packages."""
        if layer.digest not in self._layers:
            self._layers[layer.digest] = packed(self.workshop, layer)
        return self._layers[layer.digest]


def changed_python(
    before: LockedPython | None, after: LockedPython | None
) -> Iterator[tuple[str, str, str]]:
    """Yield the names of Python packages that differ, with both versions, `none` for neither."""
    old, new = (each.versions if each else {} for each in (before, after))
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield name, old.get(name, "none"), new.get(name, "none")


def _of_python(before: LockedPython, after: LockedPython) -> Finding:
    changed = [f"{name} {old} -> {new}" for name, old, new in changed_python(before, after)]
    words = f"one environment holds them all: {some(changed)}"
    return Finding(condition=Condition.LANGUAGE, way=Way.REBUILD, words=words)


def _is_elsewhere(stack: Sequence[Packed], replaced: set[Digest], path: str) -> bool:
    """Tell whether another layer has a path, other than as a folder, which many layers have."""
    found = (each.tree.get(path) for each in stack if each.digest not in replaced)
    return any(entry is not None and entry.kind is not Kind.DIRECTORY for entry in found)


def _is_folder(stack: Sequence[Packed], path: str) -> bool:
    found = (each.tree.get(path) for each in reversed(stack))
    topmost = next((entry for entry in found if entry is not None), None)
    return topmost is not None and topmost.kind is Kind.DIRECTORY


def _parent(way: Way, words: str) -> Finding:
    return Finding(condition=Condition.PARENT, way=way, words=words)


def _in_nobodys_lock(lock: Lock) -> Finding:
    if lock.base:
        words = f"it lies in oci:{lock.base.reference}, which others make: take a newer one of it"
        return _parent(Way.WAIT, words)
    return _parent(Way.WAIT, "it is none of the packages that were locked: it came with files")
