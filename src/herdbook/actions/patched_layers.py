"""Makes the layers that take the place of others: patched packages, and what dpkg knows of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import BinaryIO

from herdbook.actions.keep_layers import keep
from herdbook.actions.workshop import Workshop
from herdbook.campaigns.closure import Change
from herdbook.campaigns.database_entry import patched_status
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.given_secrets import GivenSecrets
from herdbook.images.documents import LayerReference
from herdbook.layers.contents import KeptLayer, content_in
from herdbook.layers.owned import DPKG_INFO
from herdbook.layers.tree import Entry, Kind, Tree

STATUS = "var/lib/dpkg/status"
_INTERESTS = "var/lib/dpkg/triggers/File"
_DIVERSIONS = "var/lib/dpkg/diversions"
_LIST = ".list"


@dataclass(frozen=True)
class Packed:
    """What a layer tells of packages.

    `packages` are those whose files it has; `made` are the paths, folders left out, of one that
    has no packages but what was made of some. dpkg's database has its `status`, `interests` and
    `diversions`, and files about the packages in `noted` that did not come with them.
    """

    digest: Digest
    tree: Tree
    packages: frozenset[str]
    made: frozenset[str] = frozenset()
    status: str = ""
    interests: str = ""
    noted: frozenset[str] = frozenset()
    diversions: str = ""


def packed(workshop: Workshop, layer: LayerReference) -> Packed:
    """Return what a layer tells of packages."""
    tree = workshop.layers.tree(layer.digest)
    kept = KeptLayer(workshop.layers.path(layer.digest), tree)
    found = frozenset(_packages(tree))
    if STATUS in tree:
        status, interests, diversions = (
            content_in([kept], path).decode(errors="surrogateescape") if path in tree else ""
            for path in (STATUS, _INTERESTS, _DIVERSIONS)
        )
        noted = frozenset(_packages(tree, ""))
        return Packed(
            *(layer.digest, tree, frozenset[str](), frozenset[str]()),
            *(status, interests, noted, diversions),
        )
    made = (path for path, entry in tree.items() if entry.kind is not Kind.DIRECTORY)
    return Packed(layer.digest, tree, found, frozenset(() if found else made))


def _packages(tree: Tree, ending: str = _LIST) -> Iterable[str]:
    """Yield the packages about which a layer has one of dpkg's files (dpkg(1), FILES)."""
    for path in tree:
        if path.startswith(f"{DPKG_INFO}/") and path.endswith(ending):
            name = path[len(DPKG_INFO) + 1 :]
            yield name.rpartition(".")[0].partition(":")[0]


def holders_of(stack: Sequence[Packed], name: str) -> list[Packed]:
    """Return those layers of a stack that have a package's files."""
    return [each for each in stack if name in each.packages]


def patched_database(
    workshop: Workshop, layer: LayerReference, found: Packed, changes: Sequence[Change]
) -> LayerReference:
    """Return the layer of dpkg's database with the entries of changed packages written anew.

    Raises VerificationError where nobody can tell what dpkg would write.
    """
    text = patched_status(found.status, changes).encode(errors="surrogateescape")
    before = found.tree[STATUS]
    entry = replace(before, size=len(text), digest=digests.of_bytes(text))
    kept = KeptLayer(workshop.layers.path(layer.digest), found.tree)

    def contents(wanted: Entry) -> BinaryIO:
        return BytesIO(text if wanted.path == STATUS else content_in([kept], wanted.path))

    public = replace(workshop, secrets=GivenSecrets())
    return keep(public, layer.title, {**found.tree, STATUS: entry}, contents)
