"""Makes the bills of a version's layers: each once, from what it was made of or what lies in it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath

from packaging.utils import canonicalize_name

from herdbook.actions.import_base import BASE_TITLE
from herdbook.actions.keep_layers import kept_layers
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock
from herdbook.catalogue.components import Component, Ecosystem, LayerBill, Origin
from herdbook.core.digests import Digest
from herdbook.core.errors import NotFoundError
from herdbook.images.documents import LayerReference
from herdbook.layers.contents import KeptLayer, content_in
from herdbook.layers.tree import Kind, Tree
from herdbook.packages.model import LockedPackage
from herdbook.trust.found_components import found_in, is_description
from herdbook.trust.licences import of_debian_copyright

FREE_TITLES = frozenset({"files", "run"})
"""Layers that hold what a recipe's author put there, and whatever comes with it."""

_SCANNED_TITLES = FREE_TITLES | {"python", "node"}
"""Layers in which what lies there describes itself; so it does in somebody else's."""

_BARE_TITLES = frozenset({"accounts", "bytecode", "config", "database", "machine"})
"""Layers that hold what was made of components in other layers, and none of their own."""

_LARGEST_DESCRIPTION_BYTES = 32 << 20
_DATABASE = "var/lib/dpkg/"
_STATUS = f"{_DATABASE}status"
_FILE_LIST = re.compile(rf"{_DATABASE}info/([a-z0-9.+-]+)(?::[a-z0-9-]+)?\.list")
_COPYRIGHT = "usr/share/doc/{name}/copyright"


@dataclass(frozen=True)
class Declared:
    """What a build knows of its layers: the packages of each, by the layer's digest."""

    lock: Lock
    packages: Mapping[Digest, Sequence[LockedPackage]]


def make_bills(
    workshop: Workshop, layers: Sequence[LayerReference], declared: Declared
) -> tuple[LayerBill, ...]:
    """Return the bills of those layers of a variant that have none yet, the lowest first."""
    known = workshop.components.known([layer.digest for layer in layers])
    stack = _Stack(workshop, layers, declared.lock.suite)
    bills = (
        _bill(stack, place, declared)
        for place, layer in enumerate(layers)
        if layer.digest not in known
    )
    return tuple(filter(None, bills))


@dataclass(frozen=True)
class _Stack:
    """A variant's layers as they are kept, and what dpkg knew of them."""

    workshop: Workshop
    layers: Sequence[LayerReference]
    suite: str

    @cached_property
    def kept(self) -> list[KeptLayer]:
        return kept_layers(self.workshop, self.layers)

    def installed(self, place: int) -> dict[str, Component]:
        """Return the packages that dpkg knew of when a layer was made, by name.

        That is the list in this layer or below; where there is none yet, the next one above.
        """
        for kept in (self.kept[: place + 1], *([each] for each in self.kept[place + 1 :])):
            try:
                content = content_in(kept, _STATUS)
            except NotFoundError:
                continue
            return {each.name: each for each in found_in(_STATUS, content, self.suite)}
        return {}


def _bill(stack: _Stack, place: int, declared: Declared) -> LayerBill | None:
    """Return a layer's bill; None for one of another version, made before there were bills."""
    layer = stack.layers[place]
    if layer.digest in declared.packages:
        packages = declared.packages[layer.digest]
        components = tuple(_of_packages(stack.kept[place], packages, stack.suite))
        return LayerBill(layer.digest, components, Origin.DECLARED)
    if layer.title in _BARE_TITLES:
        return LayerBill(layer.digest, (), Origin.DECLARED)
    if layer.title not in _SCANNED_TITLES and not layer.title.startswith(BASE_TITLE):
        return None
    found = tuple(dict.fromkeys(_found(stack, place)))
    locked = _locked(layer.title, declared.lock)
    if locked is None:
        return LayerBill(layer.digest, found, Origin.SCANNED)
    return LayerBill(layer.digest, _with_licences(locked, found), Origin.DECLARED)


def _of_packages(
    layer: KeptLayer, packages: Sequence[LockedPackage], suite: str
) -> Iterator[Component]:
    for package in packages:
        yield Component(
            Ecosystem.DEBIAN,
            package.name,
            package.version,
            suite=suite,
            architecture=package.architecture,
            source=package.source,
            source_version=package.source_version,
            licence=_licence(layer, package.name),
            digest=package.sha256,
        )


def _licence(layer: KeptLayer, name: str) -> str:
    """Return what a package's copyright file says; many share that of a package beside them."""
    path = _COPYRIGHT.format(name=name)
    folder = layer.tree.get(str(PurePosixPath(path).parent))
    if folder is not None and folder.kind is Kind.SYMLINK:
        path = _COPYRIGHT.format(name=PurePosixPath(folder.target).name)
    entry = layer.tree.get(path)
    if entry is not None and entry.kind is Kind.SYMLINK:
        path = _COPYRIGHT.format(name=PurePosixPath(entry.target).parent.name)
    try:
        return of_debian_copyright(content_in([layer], path).decode(errors="replace"))
    except NotFoundError:
        return ""


def _found(stack: _Stack, place: int) -> Iterator[Component]:
    """Yield what lies in a layer.

    Of dpkg's packages, those whose list of files lies there, and those in a list of packages that
    is not that of a layer below: an image of somebody else has one in every layer.
    """
    own, below = stack.kept[place], stack.kept[:place]
    for path in _descriptions(own.tree):
        found = found_in(path, content_in([own], path), stack.suite)
        if path.startswith(_DATABASE):
            before = {each for layer in below for each in _in_layer(layer, path, stack.suite)}
            found = tuple(each for each in found if each not in before)
        yield from found
    lists = [match[1] for path in own.tree if (match := _FILE_LIST.fullmatch(path))]
    installed = stack.installed(place) if lists else {}
    yield from (installed[name] for name in lists if name in installed)


def _in_layer(layer: KeptLayer, path: str, suite: str) -> tuple[Component, ...]:
    entry = layer.tree.get(path)
    if entry is None or entry.kind is not Kind.FILE:
        return ()
    return found_in(path, content_in([layer], path), suite)


def _descriptions(tree: Tree) -> Iterable[str]:
    return (
        path
        for path, entry in tree.items()
        if entry.kind is Kind.FILE
        and entry.size <= _LARGEST_DESCRIPTION_BYTES
        and is_description(path)
    )


def _locked(title: str, lock: Lock) -> list[Component] | None:
    """Return what the lock says of a language's layer; None for any other layer."""
    if title == "python" and lock.python:
        return [
            Component(
                Ecosystem.PYTHON, canonicalize_name(each.name), each.version, digest=each.sha256
            )
            for each in lock.python.packages
        ]
    if title == "node" and lock.node:
        return [
            Component(Ecosystem.NODE, each.name, each.version, digest=each.hexadecimal)
            for each in lock.node.packages
        ]
    return None


def _with_licences(
    locked: Iterable[Component], found: Iterable[Component]
) -> tuple[Component, ...]:
    """Return locked components with the licences that their own files name, each once."""
    licences = {each.purl: each.licence for each in found}
    whole = (replace(each, licence=licences.get(each.purl, "")) for each in locked)
    return tuple({each.purl: each for each in whole}.values())
