"""Decides whether a change of packages fits the other packages of an image.

All that is asked of an image is the same for every image of its class, so it is asked once.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from herdbook.campaigns.closure import COPIES, NEEDS, REFUSES, Change, Installed, Package
from herdbook.campaigns.conditions import Condition, Finding, Way
from herdbook.campaigns.naming import some
from herdbook.campaigns.relations import Alternatives, Relation, parse_relations
from herdbook.catalogue.components import Ecosystem
from herdbook.core.errors import VerificationError
from herdbook.layers.owned import merged_path
from herdbook.layers.tree import Entry, Kind, parents
from herdbook.trust.version_order import compare_versions

_HARMLESS_INTEREST = frozenset({"libc-bin"})
"""Its trigger is ldconfig, which sees to the names of libraries; those are judged by themselves."""

_EXECUTED = 0o7111
"""The bits of a mode that make a program of a file, or another user of who runs it."""

_PROGRAMS = re.compile(r"(.*/)?s?bin/.*|usr/(local/)?games/.*")
"""Where programs are found by their name alone."""

_DIVERSION_LINES = 3
"""How many lines dpkg writes of each diversion: what, where to, and whose it is."""


def _nowhere(_: str) -> bool:
    return False


@dataclass(frozen=True)
class Surroundings:
    """What an image class holds besides its packages' entries.

    `others` says whether a path is in a layer other than those that are replaced; `interests` is
    the text of dpkg's triggers/File; `configured` are the paths, folders left out, that the layers
    above the packages' own have or have removed. `is_folder` says whether a path is a folder in
    any layer; `diversions` is the text of dpkg's file of that name.
    """

    others: Callable[[str], bool]
    interests: str
    configured: AbstractSet[str]
    is_folder: Callable[[str], bool] = _nowhere
    diversions: str = ""


def judge_closure(
    installed: Installed, changes: Sequence[Change], around: Surroundings
) -> tuple[Finding, ...]:
    """Return what each condition says of all changes together, the holding ones too."""
    return (
        relations(installed, changes),
        collisions(changes, around),
        copies(installed, changes),
        interests(changes, around.interests),
        configured(changes, around),
    )


def relations(installed: Installed, changes: Sequence[Change]) -> Finding:
    """Say whether all that packages need and refuse still holds after the change."""
    if missing := [each.old.label for each in changes if not installed.holds(each.old)]:
        words = f"{some(missing)} is not in the image"
        return Finding(condition=Condition.RELATIONS, way=Way.RELOCK, words=words)
    try:
        after = installed.after(changes)
        asked = list(_asked(installed, after, changes))
        broken = [found for each in asked if (found := _broken(after, *each))]
    except VerificationError as error:
        return Finding(condition=Condition.RELATIONS, way=Way.RELOCK, words=error.message)
    if broken:
        return Finding(condition=Condition.RELATIONS, way=Way.RELOCK, words=some(broken))
    words = f"all {len(asked)} relations hold that the change concerns"
    return Finding(condition=Condition.RELATIONS, way=Way.REBASE, words=words)


def _asked(
    before: Installed, after: Installed, changes: Sequence[Change]
) -> Iterator[tuple[Package, str, Alternatives]]:
    """Yield what changed packages ask, and what others ask of them or of what they provide."""
    changed = {change.old.name for change in changes}
    names = set(changed)
    for closure in (before, after):
        names |= {
            each.name
            for name in changed
            for package in closure.packages[name]
            for each in package.provides
        }
    for package in after.all():
        if package.name in changed:
            for field in (*NEEDS, *REFUSES):
                for alternatives in parse_relations(package.fields.get(field, "")):
                    yield package, field, alternatives
        else:
            for field, alternatives in package.asks(sorted(names)):
                yield package, field, alternatives


def _broken(after: Installed, package: Package, field: str, asked: Alternatives) -> str:
    """Return what is wrong with one relation in words; nothing where it holds."""
    if field in NEEDS:
        if any(after.candidates(each, package) for each in asked):
            return ""
        wish = " | ".join(map(str, asked))
        return f"{wish}, which {package.name} needs, is not in the image"
    hits: Iterable[tuple[Relation, Package]] = (
        (each, found) for each in asked for found in after.hit(each, package)
    )
    return next(
        (f"{package.name} {field.lower()} {each}: {found.name} is there" for each, found in hits),
        "",
    )


def collisions(changes: Sequence[Change], around: Surroundings) -> Finding:
    """Say whether new paths leave all other layers as they would be made with them there.

    Which of two layers that have a path counts would be chance. What is put through a new link or
    into a new folder would lie elsewhere or get another mode, and a new program may be run in the
    place of another: only plain files in folders that were there cannot do so.
    """
    fresh = {
        path: (entry, change)
        for change in changes
        for path, entry in change.new.tree.items()
        if path not in change.old.tree
    }
    if hit := sorted(path for path in fresh if around.others(path)):
        words = f"{some(f'/{path}' for path in hit)}: new, and in another layer too"
        return Finding(condition=Condition.PATHS, way=Way.REBUILD, words=words)
    odd = (
        f"/{path} is new and {what}"
        for path, (entry, change) in sorted(fresh.items())
        if (what := _felt_elsewhere(entry, change, around.is_folder))
    )
    if told := list(odd):
        return Finding(condition=Condition.PATHS, way=Way.REBUILD, words=some(told))
    words = f"none of {len(fresh)} new paths is in another layer" if fresh else "no new paths"
    return Finding(condition=Condition.PATHS, way=Way.REBASE, words=words)


def _felt_elsewhere(entry: Entry, change: Change, is_folder: Callable[[str], bool]) -> str:
    """Return what a new path is that other layers may depend on; nothing for a plain file."""
    if entry.kind is not Kind.FILE:
        return f"a {entry.kind.value}"
    if is_folder(entry.path):
        return "a directory in another layer"
    if entry.mode & _EXECUTED or entry.xattrs or _PROGRAMS.fullmatch(entry.path):
        return "a program"
    folder = entry.path.rpartition("/")[0]
    there = change.old.tree.get(folder)
    if folder and not is_folder(folder) and (there is None or there.kind is not Kind.DIRECTORY):
        return "in a folder that was not there"
    return ""


def copies(installed: Installed, changes: Sequence[Change]) -> Finding:
    """Say whether no other package was built with a copy of an older source in it."""
    fixed = {change.new.source[0]: change.new.source[1] for change in changes}
    changed = {change.old.name for change in changes}
    holders = []
    for package in installed.all():
        if package.name in changed:
            continue
        for field in COPIES:
            for source, version in _sources(package.fields.get(field, ""), fixed):
                if compare_versions(Ecosystem.DEBIAN, version, fixed[source]) not in (0, 1):
                    holders.append(f"{package.name} holds a copy of {source} {version}".rstrip())
    if holders:
        words = some(sorted(set(holders)))
        return Finding(condition=Condition.EMBEDDED, way=Way.REBUILD, words=words)
    words = f"no package says it holds a copy of {some(sorted(fixed))}"
    return Finding(condition=Condition.EMBEDDED, way=Way.REBASE, words=words)


def _sources(field: str, wanted: Collection[str]) -> Iterator[tuple[str, str]]:
    for part in field.split(",") if any(name in field for name in wanted) else ():
        name, _, rest = part.strip().partition(" ")
        if name in wanted:
            yield name, rest.strip("(= )")


def interests(changes: Sequence[Change], declared: str) -> Finding:
    """Say whether no other package watches a folder in which something changed."""
    watched = []
    for line in declared.splitlines():
        path, _, name = line.strip().rpartition(" ")
        owner = name.partition("/")[0].partition(":")[0]
        if path and owner not in _HARMLESS_INTEREST:
            watched.append((merged_path(path.strip().lstrip("/")), owner))
    for path in sorted(path for change in changes for path in _changed(change)):
        for folder, owner in watched:
            if path == folder or path.startswith(f"{folder}/"):
                words = f"{owner} watches /{folder}, where /{path} changed"
                return Finding(condition=Condition.TRIGGERS, way=Way.REBUILD, words=words)
    words = "nothing changed where another package watches"
    return Finding(condition=Condition.TRIGGERS, way=Way.REBASE, words=words)


def configured(changes: Sequence[Change], around: Surroundings) -> Finding:
    """Say whether no changed file is hidden by what configuration made of it, or diverted."""
    above = around.configured
    changed = {path for each in changes for path in _changed(each)}
    hidden = sorted(path for path in changed if not above.isdisjoint([path, *parents(path)]))
    if hidden:
        words = f"{some(f'/{path}' for path in hidden)}: made or removed in a layer above"
        return Finding(condition=Condition.CONFIGURED, way=Way.REBUILD, words=words)
    try:
        diverted = sorted(set(_diverted(changes, around.diversions)))
    except VerificationError as error:
        return Finding(condition=Condition.CONFIGURED, way=Way.REBUILD, words=error.message)
    if diverted:
        words = some(diverted)
        return Finding(condition=Condition.CONFIGURED, way=Way.REBUILD, words=words)
    words = "nothing that changed is hidden by a layer above"
    return Finding(condition=Condition.CONFIGURED, way=Way.REBASE, words=words)


def _diverted(changes: Sequence[Change], diversions: str) -> Iterator[str]:
    """Yield, in words, each path of a change that another package moved or moves a file to.

    dpkg would put the file elsewhere than where its package has it.
    """
    lines = diversions.splitlines()
    if len(lines) % _DIVERSION_LINES:
        raise VerificationError("dpkg's list of diversions cannot be read")
    moved: dict[str, set[str]] = {}
    for at in range(0, len(lines), _DIVERSION_LINES):
        *places, owner = lines[at : at + _DIVERSION_LINES]
        for place in places:
            moved.setdefault(merged_path(place.lstrip("/")), set()).add(owner)
    for change in changes if moved else ():
        for tree in (change.old.tree, change.new.tree):
            for path, entry in tree.items():
                owners = moved.get(merged_path(path), set()) - {change.old.name}
                if owners and entry.kind is not Kind.DIRECTORY:
                    who = "the administrator" if ":" in owners else min(owners)
                    yield f"/{path} is diverted by {who}"


def _changed(change: Change) -> Iterator[str]:
    """Yield the paths, folders left out, that are not the same in every respect, times included."""
    for path in change.old.tree.keys() | change.new.tree.keys():
        before, after = change.old.tree.get(path), change.new.tree.get(path)
        kinds = {each.kind for each in (before, after) if each is not None}
        if before != after and kinds != {Kind.DIRECTORY}:
            yield path
