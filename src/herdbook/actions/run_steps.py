"""Runs a recipe's own steps on everything below them and keeps what they leave as one layer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from herdbook.actions.bench import Bench, sandboxed, shown, words_of
from herdbook.actions.keep_layers import keep, opener, require_equal
from herdbook.actions.play import play
from herdbook.actions.workshop import Workshop
from herdbook.builds.cleaning import clean
from herdbook.builds.keys import run_key
from herdbook.builds.ports import Job
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.images.documents import LayerReference
from herdbook.layers.extracting import extract
from herdbook.layers.factoring import canonical, with_parents
from herdbook.layers.scanning import scan
from herdbook.layers.stacking import changes, stack
from herdbook.layers.tree import Tree
from herdbook.recipes.model import CommandStep

_TITLE_LENGTH = 60


def run_steps(
    bench: Bench,
    root: Sequence[LayerReference],
    layers: Sequence[LayerReference],
    tree: Tree,
) -> LayerReference:
    """Run the recipe's steps on everything below and return the opaque layer they left."""
    workshop, inputs = bench.workshop, _inputs(bench)
    below = [layer.digest for layer in (*root, *layers)]
    work = run_key(below, inputs, bench.maker.key(bench.steps))
    with workshop.turns.turn(work):
        known = workshop.cache.recall(work)
        layer = known[0] if known else _left_by_steps(bench, layers, tree)
        if not known:
            workshop.cache.remember(work, [layer])
    return replace(layer, inputs=inputs)


def _inputs(bench: Bench) -> Digest:
    """Name all that the steps are made of: words, playbooks with their folders, the tools."""
    playbooks, tools = bench.inputs.playbooks, bench.inputs.lock.ansible
    steps = [
        ["command", step.model_dump(mode="json")]
        if isinstance(step, CommandStep)
        else playbooks[number].identity()
        for number, step in enumerate(bench.recipe_file.recipe.run)
    ]
    return digests.of_json([steps, [each.sha256 for each in tools.packages] if tools else None])


def _left_by_steps(bench: Bench, layers: Sequence[LayerReference], tree: Tree) -> LayerReference:
    workshop = bench.workshop
    folders = bench.maker.folders(bench.steps)
    with _extracted(workshop, layers) as above, workshop.staging() as staging:
        upper = staging / "run"
        upper.mkdir(mode=0o755)
        lower = [*folders, *above]
        for number in range(len(bench.recipe_file.recipe.run)):
            _run(bench, number, lower, upper)
        clean(upper)
        after = canonical(scan(upper, tree), tree, bench.maker.suite.epoch)
        left = with_parents(changes(tree, after).values(), after)
        require_equal(after, stack([tree, left]), "The stack after the commands")
        return keep(workshop, "run", left, opener([*lower, upper]))


def _run(bench: Bench, number: int, lower: Sequence[Path], upper: Path) -> None:
    """Run one step of the recipe."""
    step, where = bench.recipe_file.recipe.run[number], bench.recipe_file.where("run", number)
    if not isinstance(step, CommandStep):
        play(bench, bench.inputs.playbooks[number], lower, upper, where)
        return
    title = f"Running {shown(step.command)[:_TITLE_LENGTH]}"
    job = Job(
        lower=lower,
        upper=upper,
        command=words_of(step.command),
        environment=bench.environment,
        secrets=bench.workshop.secrets.contents(step.secrets),
    )
    with bench.workshop.progress.task(title) as task:
        sandboxed(bench, job, where, task)


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
