"""Decides which versions may go, and what those that stay need of what is kept."""

import re
from base64 import b64decode
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from herdbook.catalogue.model import Version
from herdbook.catalogue.ports import CompressedLayer
from herdbook.catalogue.stock import Held, Lease, Shelf
from herdbook.core import digests
from herdbook.core.digests import Digest

_INTEGRITY = re.compile(r'"(sha256|sha384|sha512)-([A-Za-z0-9+/]+={0,2})"')
_HEXADECIMAL = re.compile("[0-9a-f]{64}")
_SHA256 = re.compile(r"sha256:([0-9a-f]{64})")


def newest_of(versions: Iterable[Version]) -> list[Version]:
    """Return each image's newest version."""
    newest = {version.image: version for version in sorted(versions, key=_by_number)}
    return list(newest.values())


def in_use(
    versions: Sequence[Version], leases: Iterable[Lease], needed: Mapping[str, str]
) -> dict[str, str]:
    """Return, by label, the versions that somebody needs right now, and who.

    `needed` says so of some. Work about an image as a whole, such as a
    build, needs its newest version.
    """
    about = {lease.about for lease in leases}
    newest = {version.label for version in newest_of(versions)}
    found = {}
    for version in versions:
        if version.label in needed:
            found[version.label] = needed[version.label]
        elif version.label in about or (version.label in newest and version.image in about):
            found[version.label] = "other work is under way with it"
    return found


def surplus(versions: Sequence[Version], keep: int, used: Collection[str]) -> list[Version]:
    """Return all but the `keep` newest versions of each image.

    Those that are used stay, and those that the locks of staying ones name: they are made from
    them.
    """
    ordered = sorted(versions, key=_by_number)
    going = [
        version
        for _, group in groupby(ordered, lambda version: version.image)
        for version in list(group)[:-keep]
        if version.label not in used
    ]
    while held := named_by_others(versions, going):
        going = [version for version in going if version.label not in held]
    return going


def named_by_others(versions: Iterable[Version], going: Sequence[Version]) -> set[str]:
    """Return the labels of those that go although the lock of one that stays names them."""
    labels = {version.label for version in going}
    named = _named_in(version.lock for version in versions if version.label not in labels)
    return {version.label for version in going if digests.hexadecimal(version.digest) in named}


def needs_of(
    versions: Sequence[Version],
    compressed: Iterable[CompressedLayer],
    artefacts: Iterable[str],
    sources: Iterable[Digest] = (),
) -> Mapping[Shelf, frozenset[str]]:
    """Return the names of what has to stay on each shelf, for these versions to be usable.

    A compressed layer stays with its layer, and the `sources` of open proposals beside those that
    are versions' homes. A lock's text is searched for digests: what it names
    in whatever way stays.
    """
    layers = {
        layer.digest for version in versions for each in version.variants for layer in each.layers
    }
    packed = {each.digest for each in compressed if each.layer in layers}
    locked = _named_in(version.lock for version in versions)
    return {
        Shelf.BLOBS: _names(layers | packed),
        Shelf.TREES: _names(layers),
        Shelf.ARTEFACTS: frozenset(artefacts),
        Shelf.ROOTS: frozenset(),  # which ones a build works on is planned anew each time
        Shelf.PACKAGES: frozenset(f"{name}.deb" for name in locked),
        Shelf.WHEELS: frozenset(locked),
        Shelf.NODE: frozenset(_tarballs_in(version.lock for version in versions)),
        Shelf.BASES: frozenset(locked),
        Shelf.SOURCES: _names(sources) | _homes_in(versions),
        Shelf.DOWNLOADS: frozenset(),
        Shelf.UPLOADS: frozenset(),
        Shelf.HOLDERS: _names(layers | packed),
        Shelf.SET_ASIDE: frozenset(),
    }


def unneeded(held: Iterable[Held], needed: Collection[str], before: int) -> list[Held]:
    """Return what nothing needs and nobody has used since `before`."""
    return [each for each in held if each.name not in needed and each.used_at < before]


def _named_in(locks: Iterable[str]) -> set[str]:
    return {found for lock in locks for found in _SHA256.findall(lock)}


def _tarballs_in(locks: Iterable[str]) -> Iterator[str]:
    """Yield the names of the npm packages that locks name by Subresource Integrity (W3C)."""
    for lock in locks:
        for algorithm, digest in _INTEGRITY.findall(lock):
            yield f"{algorithm}-{b64decode(digest).hex()}.tgz"


def _homes_in(versions: Iterable[Version]) -> frozenset[str]:
    """Return the folders named by a digest in which the recipes of versions lie."""
    parts = (part for version in versions for part in version.home.split("/"))
    return frozenset(part for part in parts if _HEXADECIMAL.fullmatch(part))


def _names(found: Iterable[Digest]) -> frozenset[str]:
    return frozenset(digests.hexadecimal(digest) for digest in found)


def _by_number(version: Version) -> tuple[str, int]:
    return version.image, version.number
