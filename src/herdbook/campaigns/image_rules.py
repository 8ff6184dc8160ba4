"""Decides what of an image itself stands against a rebase: its recipe, its steps, what is below."""

from collections.abc import Iterator

from herdbook.builds.lock import Lock
from herdbook.builds.patching import Pair
from herdbook.builds.virtual_environment import MAKES_BYTECODE
from herdbook.campaigns.conditions import Condition, Finding, Way
from herdbook.campaigns.naming import some
from herdbook.campaigns.ports import ImageClass


def judge_image(of: ImageClass, lock: Lock, pairs: tuple[Pair, ...]) -> tuple[Finding, ...]:
    """Return what each condition says of a class of images, the holding ones too."""
    return (*_known(of), _allowed(of), _opaque(of), _interpreter(lock, pairs), _tools(lock, pairs))


def _known(of: ImageClass) -> Iterator[Finding]:
    if not of.complete:
        words = "built by an older Herdbook, which did not keep what names a build: build it again"
        yield Finding(condition=Condition.ALLOWED, way=Way.WAIT, words=words)


def _allowed(of: ImageClass) -> Finding:
    if of.allowed:
        words = "the recipe has nothing against it"
        return Finding(condition=Condition.ALLOWED, way=Way.REBASE, words=words)
    words = "the recipe says `rebase: never`"
    return Finding(condition=Condition.ALLOWED, way=Way.REBUILD, words=words)


def _opaque(of: ImageClass) -> Finding:
    below = {
        layer.title for layers in of.layers.values() for layer in layers if layer.inputs is not None
    }
    if below or of.opaque:
        words = "steps of a recipe ran on top of it, and nobody can tell what they took from it"
        return Finding(condition=Condition.OPAQUE, way=Way.REBUILD, words=words)
    words = "no step of a recipe ran on top of it"
    return Finding(condition=Condition.OPAQUE, way=Way.REBASE, words=words)


def _interpreter(lock: Lock, pairs: tuple[Pair, ...]) -> Finding:
    changed = [old.name for old, _ in pairs if MAKES_BYTECODE.fullmatch(old.name)]
    if lock.python and changed:
        words = f"{some(changed)} compiled the Python packages above"
        return Finding(condition=Condition.BYTECODE, way=Way.REBUILD, words=words)
    words = "nothing above was compiled by it"
    return Finding(condition=Condition.BYTECODE, way=Way.REBASE, words=words)


def _tools(lock: Lock, pairs: tuple[Pair, ...]) -> Finding:
    """Say whether no Python package was built from source with the old package at hand."""
    tools = lock.python_tools.packages if lock.python_tools else ()
    built = lock.python.sources if lock.python else ()
    changed = {old.source for old, _ in pairs}
    held = sorted({each.name for each in tools if each.source in changed})
    if built and held:
        words = f"Python packages were built from source with {some(held)} of the same source"
        return Finding(condition=Condition.EMBEDDED, way=Way.RELOCK, words=words)
    words = "nothing above was built with it"
    return Finding(condition=Condition.EMBEDDED, way=Way.REBASE, words=words)
