"""Makes the layer of the virtual environment with a recipe's Python packages."""

from dataclasses import replace

from herdbook.actions.bench import Bench, sandboxed
from herdbook.actions.build_wheels import built_wheels
from herdbook.actions.keep_layers import keep, opener
from herdbook.builds.keys import python_key
from herdbook.builds.lock import LockedPython
from herdbook.builds.ports import Job
from herdbook.builds.virtual_environment import (
    MAKES_BYTECODE,
    PREFIX,
    compile_command,
    install_wheels,
)
from herdbook.core.errors import ConflictError
from herdbook.images.documents import LayerReference
from herdbook.layers.scanning import scan
from herdbook.layers.tree import CANONICAL_DIRECTORY_MTIME, Entry, Kind, Tree, tree_of


def install_python(bench: Bench, locked: LockedPython, below: Tree) -> LayerReference:
    """Return the layer of the virtual environment, compiled by the image's own interpreter.

    It is the same layer in every image with the same wheels and the same interpreter. Raises
    ConflictError where the image below has such an environment already.
    """
    if PREFIX in below:
        raise ConflictError(
            "The image below has a Python environment of its own, which would mix with this one",
            hint="Take `python` out of one of the two recipes.",
            where=bench.recipe_file.where("python"),
        )
    tools, epoch = bench.inputs.lock.python_tools, bench.maker.suite.epoch
    work = python_key(locked, tools, _interpreter(bench), epoch)
    with bench.workshop.turns.turn(work):
        if known := bench.workshop.cache.recall(work):
            return known[0]
        layer = _installed(bench, locked)
        bench.workshop.cache.remember(work, [layer])
    return layer


def _installed(bench: Bench, locked: LockedPython) -> LayerReference:
    workshop, step = bench.workshop, bench.recipe_file.recipe.python
    credentials = workshop.secrets.path(step.credentials if step else None)
    wheels = workshop.wheels.fetch(locked, workshop.progress, credentials=credentials)
    title = f"Installing {len(locked.packages)} Python packages"
    with (
        built_wheels(bench, locked) as built,
        workshop.staging() as staging,
        workshop.progress.task(title),
    ):
        upper = staging / "python"
        upper.mkdir()
        install_wheels([*wheels, *built], upper, locked.version)
        folders = bench.maker.folders(bench.steps)
        sandboxed(bench, Job(folders, upper, compile_command(), bench.environment))
        found = scan(upper)
        tree = tree_of(
            _plain(entry, bench.maker.suite.epoch)
            for path, entry in found.items()
            if path in ("opt", PREFIX) or path.startswith(f"{PREFIX}/")
        )
        return keep(workshop, "python", tree, opener([upper]))


def _interpreter(bench: Bench) -> list[str]:
    """Return the packages that make the bytecode, with their versions."""
    packages = [package for step in bench.steps for package in step]
    held = bench.maker.foundation.controls | {each.name: each for each in packages}
    return sorted(f"{name} {held[name].version}" for name in held if MAKES_BYTECODE.fullmatch(name))


def _plain(entry: Entry, epoch: int) -> Entry:
    """Return an entry as root's, with a mode that owes nothing to this machine's umask."""
    executable = entry.kind is Kind.DIRECTORY or entry.mode & 0o100
    mode = 0o777 if entry.kind is Kind.SYMLINK else 0o755 if executable else 0o644
    mtime = CANONICAL_DIRECTORY_MTIME if entry.kind is Kind.DIRECTORY else epoch
    return replace(entry, mode=mode, uid=0, gid=0, mtime=mtime)
