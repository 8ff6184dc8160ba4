"""Makes the layer with a recipe's npm packages: the same in every image that has the same ones."""

from collections.abc import Iterator
from dataclasses import replace

from herdbook.actions.bench import Bench
from herdbook.actions.keep_layers import keep, opener
from herdbook.builds.keys import node_key
from herdbook.builds.locked_node import LockedNode
from herdbook.builds.node_modules import LINK, LINK_TIME, lay_out
from herdbook.core.errors import ConflictError
from herdbook.images.documents import LayerReference
from herdbook.layers.scanning import scan
from herdbook.layers.tree import Entry, Kind, Tree, tree_of


def install_node(bench: Bench, locked: LockedNode, below: Tree) -> LayerReference:
    """Return the layer with the packages; nothing of them is run, nor anything of the image.

    Raises ConflictError where the image below has npm packages already.
    """
    if LINK in below:
        raise ConflictError(
            "The image below has npm packages of its own, which would mix with these",
            hint="Take `node` out of one of the two recipes.",
            where=bench.recipe_file.where("node"),
        )
    workshop = bench.workshop
    work = node_key(locked)
    with workshop.turns.turn(work):
        if known := workshop.cache.recall(work):
            return known[0]
        step = bench.recipe_file.recipe.node
        credentials = workshop.secrets.path(step.credentials if step else None)
        tarballs = workshop.node.fetch(locked, workshop.progress, credentials=credentials)
        with (
            workshop.staging() as staging,
            workshop.progress.task(f"Installing {len(locked.packages)} npm packages"),
        ):
            lay_out(locked.packages, tarballs, staging)
            layer = keep(workshop, "node", tree_of(_plain(scan(staging))), opener([staging]))
        workshop.cache.remember(work, [layer])
    for package in locked.packages:
        if package.has_install_script:
            workshop.progress.say(f"The install script of {package.label} was not run")
    return layer


def _plain(tree: Tree) -> Iterator[Entry]:
    """Yield entries as root's, with nothing of the moment or of this machine's umask."""
    for entry in tree.values():
        plain = replace(entry, uid=0, gid=0)
        if entry.kind is Kind.DIRECTORY:
            plain = replace(plain, mode=0o755)
        elif entry.kind is Kind.SYMLINK:
            plain = replace(plain, mtime=LINK_TIME)
        yield plain
