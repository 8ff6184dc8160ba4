"""Chooses the packages of a package-lock.json that an image holds, as `npm ci` does."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

ROOT = ""
"""Where the project itself stands among the entries."""

_PLATFORM = {"os": "linux", "cpu": "x64", "libc": "glibc"}

Wishes = Mapping[str, Any]
"""Names of packages; what is asked of them was answered when the package lock was made."""


class Entry(BaseModel):
    """What package-lock.json says of one path, as far as it matters here."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)

    name: str | None = None
    version: str = ""
    resolved: str | bool | None = None
    integrity: str = ""
    link: bool = False
    dev: bool = False
    optional: bool = False
    dev_optional: bool = False
    in_bundle: bool = False
    has_install_script: bool = False
    bin: Mapping[str, str] | str = {}
    os: tuple[str, ...] | str = ()
    cpu: tuple[str, ...] | str = ()
    libc: tuple[str, ...] | str = ()
    dependencies: Wishes = {}
    dev_dependencies: Wishes = {}
    optional_dependencies: Wishes = {}
    peer_dependencies: Wishes = {}
    peer_dependencies_meta: Mapping[str, Mapping[str, Any]] = {}

    @property
    def can_be_missed(self) -> bool:
        """Whether everything that asks for it can do without."""
        return self.optional or self.dev_optional

    @property
    def needs(self) -> list[str]:
        """The packages it cannot do without; npm may list an optional one among them, too."""
        meta = self.peer_dependencies_meta
        missable = {name for name, more in meta.items() if more.get("optional")}
        missable.update(self.optional_dependencies)
        asked = (*self.dependencies, *self.peer_dependencies)
        return [name for name in asked if name not in missable]

    def wishes(self, *, development: bool) -> Iterator[str]:
        """Yield all packages it asks for."""
        yield from (*self.dependencies, *self.optional_dependencies, *self.peer_dependencies)
        if development:
            yield from self.dev_dependencies


Entries = Mapping[str, Entry]
"""Entries by path, such as `node_modules/a/node_modules/b`; ROOT among them."""


def choose(wanted: Entries, unfit: Mapping[str, str], *, development: bool) -> list[str]:
    """Return the paths to lay out, sorted: all but what is unfit, and what only that asks for."""
    reached = _reached(wanted, unfit, development=development)
    return sorted(
        path
        for path, entry in wanted.items()
        if path != ROOT and path not in unfit and (path in reached or not entry.can_be_missed)
    )


def unfit_for_images(wanted: Entries) -> dict[str, str]:
    """Return what is made for another platform than images have, and what cannot do without it.

    Each path is mapped to that of the package which is to blame.
    """
    blame = {path: path for path, entry in wanted.items() if not _fits(entry)}
    while True:
        added = {
            path: blame[found]
            for path, entry in wanted.items()
            if path not in blame
            for found in _found_of(wanted, path, entry.needs)
            if found in blame
        }
        if not added:
            return blame
        blame |= added


def _fits(entry: Entry) -> bool:
    return all(_allows(getattr(entry, kind), value) for kind, value in _PLATFORM.items())


def _allows(listed: tuple[str, ...] | str, value: str) -> bool:
    """Tell whether a list such as `linux, darwin` or `!win32` allows a value."""
    names = [listed] if isinstance(listed, str) else listed
    if f"!{value}" in names:
        return False
    wanted = [name for name in names if not name.startswith("!")]
    return not wanted or value in wanted or wanted == ["any"]


def _reached(entries: Entries, unfit: Mapping[str, str], *, development: bool) -> set[str]:
    """Return what the project asks for, itself or by way of others, unfit ones left aside."""
    reached, todo = {ROOT}, [ROOT]
    while todo:
        path = todo.pop()
        wishes = entries[path].wishes(development=development and path == ROOT)
        for found in _found_of(entries, path, wishes):
            if found not in unfit and found not in reached:
                reached.add(found)
                todo.append(found)
    return reached


def _found_of(entries: Entries, path: str, names: Iterable[str]) -> Iterator[str]:
    """Yield where the package at `path` finds others, as Node looks for them; absent ones not."""
    for name in names:
        folder = path
        while f"{folder}/node_modules/{name}".lstrip("/") not in entries and folder:
            folder = folder.rpartition("node_modules/")[0].rstrip("/")
        found = f"{folder}/node_modules/{name}".lstrip("/")
        if found in entries:
            yield found
