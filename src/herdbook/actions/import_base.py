"""Imports an existing image: its layers become ours, its configuration the process that runs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from herdbook.actions.keep_layers import content_of, keep, kept_layers, require_equal, stacked
from herdbook.actions.workshop import Workshop
from herdbook.builds.base_process import base_process
from herdbook.builds.base_system import (
    DPKG_STATUS,
    OS_RELEASE_PATHS,
    no_packages_because,
    suite_of,
)
from herdbook.builds.keys import key
from herdbook.builds.placing import resolve
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError, NotFoundError, VerificationError
from herdbook.images.base_config import BaseConfig, read_config
from herdbook.images.bases import BaseLayer, LockedBase
from herdbook.images.documents import LayerReference, Process
from herdbook.layers.importing import import_layer
from herdbook.layers.spooling import unpack_blob
from herdbook.layers.stacking import stack
from herdbook.layers.tree import Tree
from herdbook.packages.suites import Suite

BASE_TITLE = "base."
"""How the titles of somebody else's layers begin; a number follows."""


@dataclass(frozen=True)
class ImportedBase:
    """An existing image as layers of ours, the lowest first, and what it is.

    `suite` is None where it is no Debian that Herdbook knows. `status` is what its dpkg knows to
    be installed (dpkg(1), FILES), empty where there is no dpkg. `created` is the time that
    its configuration carries. `no_packages_because` says why no package can be installed on it; it
    is empty where they can.
    """

    layers: tuple[LayerReference, ...]
    process: Process
    suite: Suite | None
    status: str
    created: datetime | None
    no_packages_because: str


def import_base(workshop: Workshop, locked: LockedBase, folder: Path) -> ImportedBase:
    """Return an existing image as something to build on, fetched and imported if it is not yet.

    `folder` is the recipe's, where a local image is read from. Stacked, the layers show what a
    runtime would show of the original. Raises what BaseImages.fetch raises, InvalidInputError for
    a configuration that cannot be, and VerificationError where a layer holds what no image may.
    """
    config = _config(workshop, locked, folder)
    layers = _layers(workshop, locked, folder, config)
    root = stacked(workshop, layers)

    def text(*paths: str) -> str:
        return _first_text(workshop, layers, root, paths)

    os_release, status = text(*OS_RELEASE_PATHS), text(DPKG_STATUS)
    return ImportedBase(
        layers,
        base_process(config, root, text("etc/passwd"), text("etc/group")),
        suite_of(os_release),
        status,
        config.created,
        no_packages_because(root, os_release, status),
    )


def _config(workshop: Workshop, locked: LockedBase, folder: Path) -> BaseConfig:
    path = workshop.bases.kept(locked.config)
    if not path.is_file() or digests.of_file(path) != locked.config:
        workshop.bases.fetch(locked, folder, workshop.progress)
    config = read_config(path.read_bytes())
    if len(config.diff_ids) != len(locked.layers):
        raise InvalidInputError(
            f"The image {locked.reference} has {len(locked.layers)} layers, "
            f"and {len(config.diff_ids)} in its configuration"
        )
    return config


def _layers(
    workshop: Workshop, locked: LockedBase, folder: Path, config: BaseConfig
) -> tuple[LayerReference, ...]:
    """Return the image's layers as ours; those of images imported before are there already."""
    whole = key("base", config.diff_ids)
    if known := workshop.cache.recall(whole):
        return known
    workshop.bases.fetch(locked, folder, workshop.progress)
    for note in config.notes:
        workshop.progress.say(note)
    pile = _Pile(workshop)
    title = f"Importing the image {locked.reference}"
    with workshop.progress.task(title, len(locked.layers), "layers") as task:
        for layer, diff_id in zip(locked.layers, config.diff_ids, strict=True):
            pile.add(layer, diff_id)
            task.advance()
    workshop.cache.remember(whole, pile.layers)
    return tuple(pile.layers)


class _Pile:
    """Layers of ours on each other, with what they show; one more can be put on top."""

    def __init__(self, workshop: Workshop) -> None:
        self.layers: list[LayerReference] = []
        self._workshop = workshop
        self._view: Tree = {}
        self._added = 0

    def add(self, original: BaseLayer, diff_id: Digest) -> None:
        """Put an image's next layer on top, unless it changes nothing."""
        self._added += 1
        title = f"{BASE_TITLE}{self._added}"
        # What a layer of ours holds depends on what lies below: removals name what they remove.
        work = key("imported", diff_id, [layer.digest for layer in self.layers])
        with self._workshop.turns.turn(work):
            if known := self._workshop.cache.recall(work):
                self.layers.append(LayerReference(title, known[0].digest, known[0].size))
                self._view = stack([self._view, self._workshop.layers.tree(known[0].digest)])
            elif made := self._import(title, original, diff_id):
                self.layers.append(made)
                self._workshop.cache.remember(work, [made])

    def _import(self, title: str, original: BaseLayer, diff_id: Digest) -> LayerReference | None:
        with self._workshop.staging() as staging:
            spool = staging / "layer.tar"
            if unpack_blob(self._workshop.bases.kept(original.digest), spool) != diff_id:
                raise VerificationError("A layer is not what the image's configuration says of it")
            below = kept_layers(self._workshop, self.layers)
            imported = import_layer(spool, self._view, below, staging)
            tree = imported.layer.tree
            require_equal(imported.view, stack([self._view, tree]), "An imported layer")
            for note in imported.notes:
                self._workshop.progress.say(note)
            self._view = imported.view
            return keep(self._workshop, title, tree, imported.layer.open) if tree else None


def _first_text(
    workshop: Workshop, layers: tuple[LayerReference, ...], root: Tree, paths: Iterable[str]
) -> str:
    """Return the text of the first of these files that is there, links followed; or nothing."""
    for path in paths:
        try:
            content = content_of(workshop, layers, resolve(root, path))
        except (NotFoundError, InvalidInputError):  # the latter for links in a circle
            continue
        return content.decode(errors="replace")
    return ""
