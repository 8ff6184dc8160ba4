"""Makes the layers above a root: user, Python packages, files, what commands leave, the unit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from herdbook.actions.bench import Bench
from herdbook.actions.inputs import Inputs
from herdbook.actions.install_node import install_node
from herdbook.actions.install_python import install_python
from herdbook.actions.keep_layers import (
    content_of,
    file_entry,
    keep,
    keep_in_memory,
    stacked,
)
from herdbook.actions.make_roots import RootMaker, Step
from herdbook.actions.run_steps import run_steps
from herdbook.actions.workshop import Workshop
from herdbook.builds import service
from herdbook.builds.accounts import ACCOUNT_FILES, ROOT, Account, add_account, numbered
from herdbook.builds.placing import layer_tree
from herdbook.builds.sources import Source
from herdbook.core import digests
from herdbook.core.errors import InvalidInputError
from herdbook.disks.machine import MachineFile, Service, machine_files
from herdbook.images.documents import LayerReference, Process
from herdbook.layers.factoring import with_new_folders, with_parents
from herdbook.layers.stacking import stack
from herdbook.layers.tree import Entry, Kind, Tree


@dataclass(frozen=True)
class Application:
    """The layers above a root, the tree all of it stacks up to, and how the service runs.

    So many of the lowest layers as `common` says hold what other images may have too. `ran` is the
    layer that the recipe's commands left, with the tree they started from.
    """

    layers: tuple[LayerReference, ...]
    tree: dict[str, Entry]
    process: Process
    account: Account
    ran: tuple[LayerReference, Tree] | None = None
    common: int = 0


def make_application(
    workshop: Workshop,
    inputs: Inputs,
    maker: RootMaker,
    steps: Sequence[Step],
    root: Sequence[LayerReference],
    before: Application | None,
) -> Application:
    """Make the layers above `root`; `before` is the same for the variant that was made first."""
    bench = Bench(workshop, inputs, maker, steps)
    tree = stacked(workshop, root)
    account, layers = _user(bench, root, tree)
    if inputs.lock.python:
        layers.append(install_python(bench, inputs.lock.python, maker.foundation.tree))
    if inputs.lock.node:
        layers.append(install_node(bench, inputs.lock.node, tree))
    common = len(layers)
    tree = stack([tree, *(workshop.layers.tree(layer.digest) for layer in layers)])
    if inputs.sources:
        files = layer_tree(inputs.sources, tree, account, maker.suite.epoch)
        layers.append(_files(workshop, inputs.sources, files))
        tree = stack([tree, files])
    ran = None
    if inputs.recipe_file.recipe.run:
        ran = _reusable(workshop, before, tree) or (run_steps(bench, root, layers, tree), tree)
        layers.append(ran[0])
        tree = stack([tree, workshop.layers.tree(ran[0].digest)])
    process = service.process(inputs.recipe_file, tree, account, maker.foundation.process)
    return Application(tuple(layers), tree, process, account, ran, common)


def make_machine(workshop: Workshop, application: Application, epoch: int) -> LayerReference:
    """Make the layer that only a VM needs: the service's unit and what lets it boot quickly.

    `epoch` is the time of its files.
    """
    process = application.process
    files = machine_files(
        Service(
            command=process.command or ("/usr/bin/sleep", "infinity"),
            environment=dict(process.environment),
            user=application.account.name,
            group="" if application.account.own_group else str(application.account.group_id),
            directory=process.directory,
        )
    )
    entries = [_machine_entry(file, epoch) for file in files]
    tree = with_parents(entries, with_new_folders(entries, application.tree))
    return keep_in_memory(workshop, "machine", tree, {file.path: file.content for file in files})


def _machine_entry(file: MachineFile, epoch: int) -> Entry:
    if file.kind is Kind.SYMLINK:
        return Entry(file.path, file.kind, mode=0o777, mtime=epoch, target=file.target)
    return file_entry(file.path, file.content, file.mode, epoch)


def _user(
    bench: Bench, root: Sequence[LayerReference], tree: Tree
) -> tuple[Account, list[LayerReference]]:
    """Return who the service runs as, and the layer with that account if the packages lack it."""
    name = bench.recipe_file.recipe.user
    below = bench.maker.foundation.process
    if (name is None and not below.user_id) or name == ROOT.name:
        return ROOT, []
    files = {
        path: content_of(bench.workshop, root, path).decode(errors="surrogateescape")
        for path in ACCOUNT_FILES
        if path in tree and tree[path].kind is Kind.FILE
    }
    if name is None:
        return numbered(files.get("etc/passwd", ""), below.user_id, below.group_id), []
    if not {"etc/passwd", "etc/group"} <= files.keys():
        raise InvalidInputError(
            "The image below has no files that a user could be added to",
            hint="Take `user` out of the recipe: its service then runs as the image below says.",
            where=bench.recipe_file.where("user"),
        )
    account, changed = add_account(files, name, bench.maker.suite.epoch)
    if not changed:
        return account, []
    contents = {path: text.encode(errors="surrogateescape") for path, text in changed.items()}
    entries = [
        replace(file_entry(path, content, 0, bench.maker.suite.epoch), mode=tree[path].mode)
        for path, content in contents.items()
    ]
    owned = [replace(entry, gid=tree[entry.path].gid) for entry in entries]
    layer = keep_in_memory(bench.workshop, "accounts", with_parents(owned, tree), contents)
    return account, [layer]


def _files(workshop: Workshop, sources: Sequence[Source], tree: Tree) -> LayerReference:
    paths = {source.digest: source.path for source in sources if source.digest}

    def contents(entry: Entry) -> BinaryIO:
        # Equal digests are equal contents, whichever of the paths is read.
        return paths[entry.digest or digests.EMPTY].open("rb")

    return keep(workshop, "files", tree, contents)


def _reusable(
    workshop: Workshop, before: Application | None, tree: Tree
) -> tuple[LayerReference, Tree] | None:
    """Return what commands left in another variant if they would do the same in this one.

    They would where every path they changed was the same in both before: then nothing they wrote
    can be the other variant's state in disguise.
    """
    if before is None or before.ran is None:
        return None
    layer, start = before.ran
    touched = workshop.layers.tree(layer.digest)
    same = all(start.get(path) == tree.get(path) for path in touched)
    return (layer, tree) if same else None
