"""Decides, condition by condition, whether a newer version of a package may be put in its place.

Each rule compares two packages and knows nothing of any image; what depends on an image's other
packages is for `closure_rules`.
"""

import re
from collections.abc import Callable, Iterable

from herdbook.campaigns.conditions import Condition, Finding, Way
from herdbook.campaigns.copy_rules import bytecode, embedded
from herdbook.campaigns.database_entry import written_fields
from herdbook.campaigns.inside import Inside
from herdbook.campaigns.library_rules import libraries, symbols
from herdbook.campaigns.naming import some
from herdbook.campaigns.script_rules import scripts
from herdbook.catalogue.components import Ecosystem
from herdbook.core.errors import VerificationError
from herdbook.layers.owned import merged_path
from herdbook.layers.tree import Entry, Kind
from herdbook.trust.version_order import compare_versions

FREE_FIELDS = frozenset(
    {
        "Version",
        "Source",
        "Installed-Size",
        "Maintainer",
        "Description",
        "Homepage",
        "Section",
        "Priority",
        "Multi-Arch",
        "Essential",
        "Protected",
        "Depends",
        "Pre-Depends",
        "Recommends",
        "Suggests",
        "Enhances",
        "Breaks",
        "Conflicts",
        "Replaces",
        "Provides",
        "Built-Using",
        "Static-Built-Using",
    }
)
"""Fields whose value says nothing that any file but dpkg's database is made of."""

_DISPENSABLE = "usr/share/doc/"
"""No program may need what lies here (Policy 12.3): a binary rebuild's changelog comes and goes."""

_INERT_TRIGGER = re.compile(r"activate(-await|-noawait)?\s+ldconfig")


def judge_package(old: Inside, new: Inside) -> tuple[Finding, ...]:
    """Return what each condition says of `new` in the place of `old`, the holding ones too."""
    return tuple(rule(old, new) for rule in _RULES)


def same_source(old: Inside, new: Inside) -> Finding:
    """Say whether both are the same package of the same source."""
    before = f"{old.name} for {old.architecture} of {old.source[0]}"
    after = f"{new.name} for {new.architecture} of {new.source[0]}"
    if before == after:
        return Finding(condition=Condition.SAME_SOURCE, way=Way.REBASE, words=f"both are {after}")
    words = f"{before} is not {after}"
    return Finding(condition=Condition.SAME_SOURCE, way=Way.RELOCK, words=words)


def newer(old: Inside, new: Inside) -> Finding:
    """Say whether the version is newer in dpkg's order."""
    order = compare_versions(Ecosystem.DEBIAN, new.version, old.version)
    if order == 1:
        words = f"{new.version} is newer than {old.version}"
        return Finding(condition=Condition.NEWER, way=Way.REBASE, words=words)
    words = f"{new.version} is not newer than {old.version}"
    return Finding(condition=Condition.NEWER, way=Way.RELOCK, words=words)


def paths(old: Inside, new: Inside) -> Finding:
    """Say whether every path is still there and of the same kind, mode, owner and target."""
    gone = old.tree.keys() - new.tree.keys()
    if missed := [path for path in gone if not _dispensable(old.tree[path])]:
        words = f"{_slashed(missed)} gone"
        return Finding(condition=Condition.PATHS, way=Way.REBUILD, words=words)
    kept = old.tree.keys() - gone
    if changed := [path for path in kept if _shape(old.tree[path]) != _shape(new.tree[path])]:
        words = f"{_slashed(changed)} of another kind, mode, owner or target"
        return Finding(condition=Condition.PATHS, way=Way.REBUILD, words=words)
    fresh = new.tree.keys() - old.tree.keys()
    words = f"{len(kept):,} paths kept"
    words += f", new: {_slashed(fresh)}" if fresh else ", no new ones"
    words += f", gone: {_slashed(gone)}, which nothing may need" if gone else ""
    return Finding(condition=Condition.PATHS, way=Way.REBASE, words=words)


def conffiles(old: Inside, new: Inside) -> Finding:
    """Say whether the files that dpkg asks people about are the same."""
    if old.conffiles != new.conffiles:
        words = "another list of conffiles"
        return Finding(condition=Condition.CONFFILES, way=Way.REBUILD, words=words)
    lines = (line.split() for line in old.conffiles.splitlines())
    named = [merged_path(words[-1].lstrip("/")) for words in lines if words]
    if lost := [path for path in named if not (path in old.tree and path in new.tree)]:
        words = f"{_slashed(lost)}: a conffile that is not in the package"
        return Finding(condition=Condition.CONFFILES, way=Way.REBUILD, words=words)
    if changed := [path for path in named if _content(old, path) != _content(new, path)]:
        words = f"{_slashed(changed)} with other content"
        return Finding(condition=Condition.CONFFILES, way=Way.REBUILD, words=words)
    words = f"{len(named)} conffiles, none changed" if named else "no conffiles"
    return Finding(condition=Condition.CONFFILES, way=Way.REBASE, words=words)


def triggers(old: Inside, new: Inside) -> Finding:
    """Say whether unpacking it sets nothing going but ldconfig, which the libraries rule judges."""
    declared = _declared(new)
    if _declared(old) != declared:
        words = "other triggers"
        return Finding(condition=Condition.TRIGGERS, way=Way.REBUILD, words=words)
    for line in declared:
        if not _INERT_TRIGGER.fullmatch(line):
            words = f"it declares {line!r}"
            return Finding(condition=Condition.TRIGGERS, way=Way.REBUILD, words=words)
    words = "no trigger but ldconfig, for the same names" if declared else "no triggers"
    return Finding(condition=Condition.TRIGGERS, way=Way.REBASE, words=words)


def database(old: Inside, new: Inside) -> Finding:
    """Say whether dpkg's entry can be written anew, value by value."""
    if [*old.fields] != [*new.fields]:
        differing = sorted(old.fields.keys() ^ new.fields.keys())
        words = f"control fields {some(differing) or 'in another order'} on one side only"
        return Finding(condition=Condition.DATABASE, way=Way.REBUILD, words=words)
    changed = [name for name in old.fields if old.fields[name] != new.fields[name]]
    if fixed := [name for name in changed if name not in FREE_FIELDS]:
        words = f"another value of {some(fixed)}"
        return Finding(condition=Condition.DATABASE, way=Way.REBUILD, words=words)
    try:
        written_fields(old)
        written_fields(new)
    except VerificationError as error:
        return Finding(condition=Condition.DATABASE, way=Way.REBUILD, words=error.message)
    words = f"the same fields; {some(changed)} changed" if changed else "the same fields and values"
    return Finding(condition=Condition.DATABASE, way=Way.REBASE, words=words)


def _declared(package: Inside) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in package.triggers.splitlines())
    return [line for line in lines if line]


def _dispensable(entry: Entry) -> bool:
    """Tell whether nobody misses a path: what lay below a folder or link would lie elsewhere."""
    return entry.path.startswith(_DISPENSABLE) and entry.kind is Kind.FILE


def _shape(entry: Entry) -> tuple[object, ...]:
    return entry.kind, entry.mode, entry.uid, entry.gid, entry.target, entry.xattrs


def _content(package: Inside, path: str) -> object:
    entry = package.content(path)
    return entry and (entry.kind, entry.digest, entry.target)


def _slashed(found: Iterable[str]) -> str:
    return some(f"/{path}" for path in sorted(found))


_RULES: tuple[Callable[[Inside, Inside], Finding], ...] = (
    same_source,
    newer,
    paths,
    libraries,
    symbols,
    scripts,
    conffiles,
    triggers,
    database,
    bytecode,
    embedded,
)
