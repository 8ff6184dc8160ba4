"""Names work by what goes into it, so that nothing is done twice."""

from collections.abc import Iterable, Sequence

from herdbook.builds.lock import LockedPython, LockedTools
from herdbook.builds.locked_node import LockedNode
from herdbook.builds.playbooks import Playbook
from herdbook.builds.sources import Source
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.layers.writing import LAYER_FORMAT
from herdbook.packages.model import LockedPackage
from herdbook.recipes.model import PlaybookStep, PythonStep, Recipe

BUILDER = 4
"""Counts changes of what a build makes of the same inputs; part of every key."""


def key(kind: str, *parts: object) -> Digest:
    """Return the name of one piece of work of a kind, from everything that goes into it."""
    return digests.of_json([kind, BUILDER, LAYER_FORMAT, *parts])


def packages_key(packages: Iterable[LockedPackage]) -> Digest:
    """Name the layer that holds these packages."""
    return key("packages", sorted(package.sha256 for package in packages))


def root_key(suite: str, below: Digest | None, *steps: Sequence[LockedPackage]) -> Digest:
    """Name a root made by installing these sets of packages, one on top of the other.

    `below` names the image that the first of them was installed on.
    """
    installed = [sorted(package.sha256 for package in step) for step in steps]
    return key("root", suite, below, installed)


def python_key(
    python: LockedPython, tools: LockedTools | None, interpreter: Sequence[str], epoch: int
) -> Digest:
    """Name the layer of a virtual environment, compiled by an interpreter's packages.

    What is built from source is built with `tools`. `epoch` is the time of its files.
    """
    wheels = [wheel.sha256 for wheel in python.wheels]
    building: list[object] = []
    if python.sources and tools:
        building.append([each.sha256 for each in python.sources])
        building.append([each.sha256 for each in python.build_wheels])
        building.append(root_key(tools.suite, None, tools.packages))
    return key("python", python.version, wheels, list(interpreter), epoch, *building)


def node_key(node: LockedNode) -> Digest:
    """Name the layer of npm packages: where each lies, its bytes, and the programs it has."""
    return key("node", [[each.path, each.integrity, each.programs] for each in node.packages])


def run_key(below: Sequence[Digest], steps: Digest, root: Digest) -> Digest:
    """Name the layer that steps leave on top of other layers; `steps` names all that went in."""
    return key("run", list(below), steps, root)


def files_key(sources: Iterable[Source], playbooks: Iterable[Playbook] = ()) -> Digest:
    """Name all that a recipe takes from its folder."""
    return digests.of_json(
        [
            [source.identity() for source in sources],
            [playbook.identity() for playbook in playbooks],
        ]
    )


def wishes_key(recipe: Recipe, files: Digest) -> Digest:
    """Name all that an author wrote: the recipe and, by `files`, what it takes from its folder.

    Its tests are part of it where there are any: a version is kept with its own. No layer is named
    by them, so the new version has the digests of the one before.
    """
    written = recipe.model_dump(mode="json", by_alias=True)
    if not recipe.tests:  # else every version from before there were tests would be built again
        del written["tests"]
    return key("wishes", written, files)


def build_key(wishes: Digest, lock: Digest, arrangement: Digest) -> Digest:
    """Name a whole build; the same key means that there is nothing to do.

    The digests name what its author wrote, the lock, and how the lock's packages are arranged.
    """
    return key("build", wishes, lock, arrangement)


def locked_inputs(recipe: Recipe, machine: Sequence[str], files: Sequence[bytes | None]) -> Digest:
    """Name what a lock was made for: a change of it makes the lock out of date."""
    return digests.of_json(
        [
            recipe.from_,
            sorted(recipe.packages),
            sorted(recipe.variants),
            sorted(machine),
            [digests.of_bytes(each) if each is not None else None for each in files],
            recipe.node.development if recipe.node else None,
            any(isinstance(step, PlaybookStep) for step in recipe.run),
            *(sorted(given) for given in _of_sources(recipe.python) if given),
        ]
    )


def _of_sources(step: PythonStep | None) -> Sequence[Sequence[str]]:
    return (step.from_source, step.build_packages) if step else ()
