"""Decides whether layers above a package hold something that was made of the files it changed."""

import re
from collections.abc import Iterable

from herdbook.campaigns.conditions import Condition, Finding, Way
from herdbook.campaigns.inside import Inside
from herdbook.campaigns.naming import some
from herdbook.layers.tree import Kind

_COMPILED = re.compile(
    r"usr/lib/(python3|pypy3)[^/]*/.*\.py"
    r"|usr/share/(?!doc/|gdb/auto-load/|apport/package-hooks/).*\.py"  # no modules of anybody's
)
_COPIED = re.compile(
    r".*\.(a|o)"  # linked into programs
    r"|usr/include/.*"  # compiled into them
    r"|usr/share/(gocode|cargo)/.*"  # the same, of Go and Rust
    r"|.*\.whl"  # unpacked into virtual environments
)


def bytecode(old: Inside, new: Inside) -> Finding:
    """Say whether no Python file changed of which a layer above may hold the bytecode.

    Bytecode names its file's time, so that a file with the same content and another time counts.
    """
    if changed := _changed(old, new, _COMPILED):
        words = f"{_slashed(changed)}: changed, and compiled in a layer above"
        return Finding(condition=Condition.BYTECODE, way=Way.REBUILD, words=words)
    words = "no Python file changed that Debian compiles"
    return Finding(condition=Condition.BYTECODE, way=Way.REBASE, words=words)


def embedded(old: Inside, new: Inside) -> Finding:
    """Say whether nothing changed that is made to be copied into what others build.

    Kernels, modules and what an initrd holds do not count: initrds are made for every disk anew.
    """
    if changed := _changed(old, new, _COPIED, timed=False):
        words = f"{_slashed(changed)}: changed, and what is compiled above may hold a copy"
        return Finding(condition=Condition.EMBEDDED, way=Way.REBUILD, words=words)
    words = "nothing changed that is made to be copied into others' files"
    return Finding(condition=Condition.EMBEDDED, way=Way.REBASE, words=words)


def _changed(old: Inside, new: Inside, what: re.Pattern[str], *, timed: bool = True) -> list[str]:
    return [
        path
        for path, entry in new.tree.items()
        if entry.kind is not Kind.DIRECTORY
        and what.fullmatch(path)
        and not _alike(old, new, path, timed=timed)
    ]


def _alike(old: Inside, new: Inside, path: str, *, timed: bool) -> bool:
    before, after = old.content(path), new.content(path)
    if before is None or after is None:
        return False
    return before == after if timed else before.digest == after.digest


def _slashed(found: Iterable[str]) -> str:
    return some(f"/{path}" for path in sorted(found))
