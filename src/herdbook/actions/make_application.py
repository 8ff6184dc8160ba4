"""Makes the layers above a root: user, Python packages, files, what commands leave, the unit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from herdbook.actions.inputs import Inputs
from herdbook.actions.keep_layers import (
    content_of,
    file_entry,
    keep,
    keep_in_memory,
    opener,
    require_equal,
    stacked,
)
from herdbook.actions.make_roots import RootMaker, Step
from herdbook.actions.workshop import Workshop
from herdbook.builds import service
from herdbook.builds.accounts import ACCOUNT_FILES, ROOT, Account, add_account
from herdbook.builds.cleaning import clean
from herdbook.builds.keys import python_key, run_key
from herdbook.builds.lock import LockedPython
from herdbook.builds.placing import layer_tree
from herdbook.builds.ports import Job
from herdbook.builds.roots import install_environment
from herdbook.builds.sources import Source
from herdbook.builds.virtual_environment import PREFIX, compile_command, install_wheels
from herdbook.core import digests
from herdbook.core.errors import StepFailedError
from herdbook.disks.machine import MachineFile, Service, machine_files
from herdbook.images.documents import LayerReference, Process
from herdbook.layers.extracting import extract
from herdbook.layers.factoring import canonical, with_new_folders, with_parents
from herdbook.layers.scanning import scan
from herdbook.layers.stacking import changes, stack
from herdbook.layers.tree import CANONICAL_DIRECTORY_MTIME, Entry, Kind, Tree, tree_of
from herdbook.packages.suites import suite_named
from herdbook.recipes.reading import RecipeFile


@dataclass(frozen=True)
class Application:
    """The layers above a root, the tree all of it stacks up to, and how the service runs.

    `ran` is the layer that the recipe's commands left, with the tree they started from.
    """

    layers: tuple[LayerReference, ...]
    tree: dict[str, Entry]
    process: Process
    account: Account
    ran: tuple[LayerReference, Tree] | None = None


@dataclass(frozen=True)
class _Bench:
    """What every step here needs: where to work, for which recipe, on which root."""

    workshop: Workshop
    inputs: Inputs
    maker: RootMaker
    steps: Sequence[Step]

    @property
    def recipe_file(self) -> RecipeFile:
        """The recipe with its place."""
        return self.inputs.recipe_file


def make_application(
    workshop: Workshop,
    inputs: Inputs,
    maker: RootMaker,
    steps: Sequence[Step],
    root: Sequence[LayerReference],
    before: Application | None,
) -> Application:
    """Make the layers above `root`; `before` is the same for the variant that was made first."""
    bench = _Bench(workshop, inputs, maker, steps)
    tree = stacked(workshop, root)
    account, layers = _user(bench, root, tree)
    if inputs.lock.python:
        layers.append(_python(bench, inputs.lock.python))
    tree = stack([tree, *(workshop.layers.tree(layer.digest) for layer in layers)])
    if inputs.sources:
        files = layer_tree(inputs.sources, tree, account, maker.suite.epoch)
        layers.append(_files(workshop, inputs.sources, files))
        tree = stack([tree, files])
    ran = None
    if inputs.recipe_file.recipe.run:
        ran = _reusable(workshop, before, tree) or (_run(bench, root, layers, tree), tree)
        layers.append(ran[0])
        tree = stack([tree, workshop.layers.tree(ran[0].digest)])
    process = service.process(inputs.recipe_file, tree, account)
    return Application(tuple(layers), tree, process, account, ran)


def make_machine(
    workshop: Workshop,
    recipe_file: RecipeFile,
    application: Application,
) -> LayerReference:
    """Make the layer that only a VM needs: the service's unit and what lets it boot quickly."""
    process = application.process
    files = machine_files(
        Service(
            command=process.command or ("/usr/bin/sleep", "infinity"),
            environment=dict(process.environment),
            user=recipe_file.recipe.user or "root",
            directory=process.directory,
        )
    )
    epoch = suite_named(recipe_file.recipe.suite).epoch
    entries = [_machine_entry(file, epoch) for file in files]
    tree = with_parents(entries, with_new_folders(entries, application.tree))
    return keep_in_memory(workshop, "machine", tree, {file.path: file.content for file in files})


def _machine_entry(file: MachineFile, epoch: int) -> Entry:
    if file.kind is Kind.SYMLINK:
        return Entry(file.path, file.kind, mode=0o777, mtime=epoch, target=file.target)
    return file_entry(file.path, file.content, file.mode, epoch)


def _user(
    bench: _Bench, root: Sequence[LayerReference], tree: Tree
) -> tuple[Account, list[LayerReference]]:
    """Return who the service runs as, and the layer with that account if the packages lack it."""
    name = bench.recipe_file.recipe.user
    if name is None or name == ROOT.name:
        return ROOT, []
    files = {
        path: content_of(bench.workshop, root, path).decode()
        for path in ACCOUNT_FILES
        if path in tree
    }
    account, changed = add_account(files, name, bench.maker.suite.epoch)
    if not changed:
        return account, []
    contents = {path: text.encode() for path, text in changed.items()}
    entries = [
        replace(file_entry(path, content, 0, bench.maker.suite.epoch), mode=tree[path].mode)
        for path, content in contents.items()
    ]
    owned = [replace(entry, gid=tree[entry.path].gid) for entry in entries]
    layer = keep_in_memory(bench.workshop, "accounts", with_parents(owned, tree), contents)
    return account, [layer]


def _python(bench: _Bench, locked: LockedPython) -> LayerReference:
    """Return the layer of the virtual environment, compiled by the container's interpreter."""
    workshop, packages = bench.workshop, bench.steps[:1]
    work = python_key(locked, bench.maker.key(packages))
    if known := workshop.cache.recall(work):
        return known[0]
    wheels = workshop.wheels.fetch(locked, workshop.progress)
    with (
        workshop.staging() as staging,
        workshop.progress.task(f"Installing {len(wheels)} Python packages"),
    ):
        upper = staging / "python"
        upper.mkdir()
        install_wheels(wheels, upper, locked.version)
        _sandboxed(bench, bench.maker.folders(packages), upper, compile_command())
        found = scan(upper)
        tree = tree_of(
            _plain(entry, bench.maker.suite.epoch)
            for path, entry in found.items()
            if path in ("opt", PREFIX) or path.startswith(f"{PREFIX}/")
        )
        layer = keep(workshop, "python", tree, opener([upper]))
    workshop.cache.remember(work, [layer])
    return layer


def _plain(entry: Entry, epoch: int) -> Entry:
    """Return an entry as root's, with a mode that owes nothing to this machine's umask."""
    executable = entry.kind is Kind.DIRECTORY or entry.mode & 0o100
    mode = 0o777 if entry.kind is Kind.SYMLINK else 0o755 if executable else 0o644
    mtime = CANONICAL_DIRECTORY_MTIME if entry.kind is Kind.DIRECTORY else epoch
    return replace(entry, mode=mode, uid=0, gid=0, mtime=mtime)


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


def _run(
    bench: _Bench,
    root: Sequence[LayerReference],
    layers: Sequence[LayerReference],
    tree: Tree,
) -> LayerReference:
    """Run the recipe's commands on everything below and return the layer they left."""
    workshop, recipe = bench.workshop, bench.recipe_file.recipe
    below = [layer.digest for layer in (*root, *layers)]
    work = run_key(below, recipe.run, bench.maker.key(bench.steps))
    if known := workshop.cache.recall(work):
        return known[0]
    folders = bench.maker.folders(bench.steps)
    with _extracted(workshop, layers) as above, workshop.staging() as staging:
        upper = staging / "run"
        upper.mkdir(mode=0o755)
        lower = [*folders, *above]
        for number, command in enumerate(recipe.run):
            shown = " ".join(command)
            with workshop.progress.task(f"Running {shown[:60]}"):
                words = ["sh", "-euc", command[0]] if len(command) == 1 else list(command)
                _sandboxed(bench, lower, upper, words, bench.recipe_file.where("run", number))
        clean(upper)
        after = canonical(scan(upper, tree), tree, bench.maker.suite.epoch)
        left = with_parents(changes(tree, after).values(), after)
        require_equal(after, stack([tree, left]), "The stack after the commands")
        layer = keep(workshop, "run", left, opener([*lower, upper]))
    workshop.cache.remember(work, [layer])
    return layer


@contextmanager
def _extracted(workshop: Workshop, layers: Sequence[LayerReference]) -> Iterator[list[Path]]:
    """Unpack layers into folders of their own for as long as the block lasts."""
    with workshop.staging() as staging:
        folders = []
        for number, layer in enumerate(layers):
            folder = staging / str(number)
            folder.mkdir(mode=0o755)
            with workshop.layers.path(layer.digest).open("rb") as stream:
                extract(stream, folder)
            folders.append(folder)
        yield folders


def _sandboxed(
    bench: _Bench, lower: Sequence[Path], upper: Path, command: Sequence[str], where: str = ""
) -> None:
    environment = install_environment(bench.maker.suite)
    environment["PATH"] = service.search_path(bench.recipe_file.recipe)
    outcome = bench.workshop.sandbox.run(
        Job(lower=lower, upper=upper, command=command, environment=environment)
    )
    if outcome.status:
        tail = "\n".join(outcome.output.splitlines()[-15:])
        raise StepFailedError(
            f"{' '.join(command)!r} ended with status {outcome.status}:\n{tail}",
            hint="It ran as root in the image's root, without network. Nothing was kept of it.",
            where=where,
        )
