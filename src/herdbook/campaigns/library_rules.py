"""Decides whether all that programs bind to in a package's libraries is still there."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from herdbook.campaigns.conditions import Condition, Finding, Way
from herdbook.campaigns.inside import Inside
from herdbook.campaigns.libraries import Library
from herdbook.campaigns.naming import some

_OF_GO = "type."
"""How the names begin that Go gives to types and that no linker is ever asked for."""

_META_INFORMATION = ("|", "*")
"""How lines of a symbols file begin that name no symbol (deb-symbols(5))."""

_PUBLIC = re.compile(r"usr/lib/([^/]+-linux-gnu[^/]*/)?(glibc-hwcaps/[^/]+/)?[^/]+\.so(\.[^/]*)?")
"""What the dynamic linker finds by its name alone."""

_CACHED = re.compile(r"(.*/)?(lib|ld-)[^/]*\.so[^/]*$|etc/ld\.so\.conf\.d/.")
"""What ldconfig looks at, wherever its configuration sends it."""

_SHARED_OBJECT = re.compile(r".*\.so(\.[^/]*)?")


@dataclass(frozen=True)
class _Pair:
    path: str
    old: Library
    new: Library | None

    @property
    def way(self) -> Way:
        """What is left where this one lost something.

        What needs a library of the system's folders may come from anybody, and would not start
        however often the same packages are put together: the solver has to choose. Others load
        what lies elsewhere by its path, mostly files of the same source.
        """
        return Way.RELOCK if _PUBLIC.fullmatch(self.path) else Way.REBUILD


def libraries(old: Inside, new: Inside) -> Finding:
    """Say whether every library is there under the same name, in the same folder, and no other.

    What a layer above holds of them is ldconfig's cache: their names, folders and kinds.
    """
    if unreadable := {**old.unreadable, **new.unreadable}:
        path, words = min(unreadable.items())
        words = f"/{path} cannot be read: {words}"
        return Finding(condition=Condition.LIBRARIES, way=Way.REBUILD, words=words)
    pairs = list(_pairs(old, new))
    if lost := [pair for pair in pairs if pair.new is None]:
        words = f"{some(pair.old.soname or f'/{pair.path}' for pair in lost)}: gone"
        way = max((pair.way for pair in lost), key=list(Way).index)
        return Finding(condition=Condition.LIBRARIES, way=way, words=words)
    for pair in pairs:
        if pair.new is not None and pair.new.machine != pair.old.machine:
            words = f"/{pair.path} is {pair.new.machine}, was {pair.old.machine}"
            return Finding(condition=Condition.LIBRARIES, way=pair.way, words=words)
    if lost_lines := _shlibs(old.shlibs) - _shlibs(new.shlibs):
        words = f"{some(sorted(lost_lines))}: no longer among its shlibs"
        return Finding(condition=Condition.LIBRARIES, way=Way.RELOCK, words=words)
    if fresh := sorted(path for path in new.tree.keys() - old.tree.keys() if _CACHED.match(path)):
        words = f"{some(f'/{path}' for path in fresh)}: new, and not in ldconfig's cache"
        return Finding(condition=Condition.LIBRARIES, way=Way.REBUILD, words=words)
    names = sorted({pair.old.soname for pair in pairs} - {""})
    words = f"{some(names)}: same names" if names else "no libraries that others are linked to"
    return Finding(condition=Condition.LIBRARIES, way=Way.REBASE, words=words)


def symbols(old: Inside, new: Inside) -> Finding:
    """Say whether every symbol is still there, by the files themselves and by Debian's list.

    Data that is shown must keep its size: programs that use it have room for it of their own.
    """
    kept = fresh = 0
    for pair in _pairs(old, new):
        if pair.new is None:
            continue
        name = pair.old.soname or f"/{pair.path}"
        missed = pair.old.symbols.keys() - pair.new.symbols.keys()
        if missed := {each for each in missed if not each.startswith(_OF_GO)}:
            return _lost(f"{name} no longer has {_plain(missed)}", pair.way)
        sizes = pair.old.data.items() - pair.new.data.items()
        if pair.old.soname and sizes:
            return _lost(f"{name} has other sizes of {_plain(dict(sizes))}", pair.way)
        kept += len(pair.old.symbols)
        fresh += len(pair.new.symbols) - len(pair.old.symbols)
    listed = _listed(old.symbols)
    if lost := sorted(listed - _listed(new.symbols)):
        return _lost(f"its symbols file no longer has {some(lost)}", Way.RELOCK)
    words = f"{kept:,} symbols kept, {fresh:,} new" if kept else "no symbols"
    words += f"; all {len(listed):,} of its symbols file" if listed else ""
    return Finding(condition=Condition.SYMBOLS, way=Way.REBASE, words=words)


def _lost(words: str, way: Way) -> Finding:
    return Finding(condition=Condition.SYMBOLS, way=way, words=words)


def _plain(names: Iterable[str]) -> str:
    return some(name.rstrip("@") for name in sorted(names))


def _pairs(old: Inside, new: Inside) -> Iterator[_Pair]:
    """Yield every library with what stands for it: at its path, or by its name in its folder."""
    by_name = {
        (path.rpartition("/")[0], library.soname): library
        for path, library in new.libraries.items()
        if library.soname
    }
    for path, library in old.libraries.items():
        same_path = new.libraries.get(path)
        if same_path is not None and same_path.soname == library.soname:
            yield _Pair(path, library, same_path)
        elif library.soname:
            yield _Pair(path, library, by_name.get((path.rpartition("/")[0], library.soname)))
        elif _SHARED_OBJECT.fullmatch(path):
            yield _Pair(path, library, None)


def _shlibs(text: str) -> set[str]:
    """Return the names and versions of libraries that a shlibs file tells of (deb-shlibs(5))."""
    found = set()
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words and words[0].endswith(":"):
            del words[0]
        if words:
            found.add(" ".join(words[:2]))
    return found


def _listed(text: str) -> set[str]:
    """Return all `library symbol` of a symbols file."""
    library = ""
    found = set()
    for line in text.splitlines():
        if line.startswith(" "):
            found.add(f"{library} {line.split()[0]}")
        elif line.strip() and not line.startswith(_META_INFORMATION):
            library = line.split()[0]
    return found
