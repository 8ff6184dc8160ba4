"""Plans the build of a catalogue: what is up to date, what would be built, and what they share."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from herdbook.actions.inputs import inputs_of, plan_folder
from herdbook.actions.workshop import Workshop
from herdbook.builds.arrangement import arrange
from herdbook.builds.keys import build_key, files_key, packages_key, wishes_key
from herdbook.builds.layer_plan import LayerPlan, read_plan
from herdbook.builds.lock import lock_path, read_lock
from herdbook.builds.playbooks import read_playbooks
from herdbook.builds.sources import collect
from herdbook.core.digests import Digest
from herdbook.recipes.catalogue import read_catalogue
from herdbook.recipes.model import PlaybookStep
from herdbook.recipes.reading import RecipeFile


class Outlook(StrEnum):
    """What building would do with an image."""

    UP_TO_DATE = "up to date"
    CHANGED = "changed"
    NEW = "new"


@dataclass
class BuildPlan:
    """What building a catalogue would do, counted as its recipes are gone through.

    `locks` are distinct sets of inputs, of which `locks_missing` have to be made first; where one
    is missing, what the image would share is not known yet. `layers` are those of packages, of
    which `layers_missing` have to be made. `by_value` counts images by axis and value.
    """

    images: Counter[Outlook] = field(default_factory=Counter)
    locks: set[Path] = field(default_factory=set)
    locks_missing: set[Path] = field(default_factory=set)
    layers: set[Digest] = field(default_factory=set)
    layers_missing: set[Digest] = field(default_factory=set)
    layers_used: int = 0
    by_value: dict[str, dict[str, Counter[Outlook]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Counter))
    )
    first: dict[Outlook, list[str]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True)
class LockFacts:
    """What the build keys of all images with one lock have in common, and their layers."""

    lock: Digest
    arrangement: Digest | None
    layers: tuple[Digest, ...] = ()


_NAMED_FIRST = 1000


def plan_builds(workshop: Workshop, path: Path) -> BuildPlan:
    """Go through a catalogue's recipes and hold each against what was built.

    Nothing is locked, fetched or written. Raises InvalidInputError, with its line, for the first
    recipe that cannot be built.
    """
    catalogue = read_catalogue(path)
    built = dict(workshop.versions.build_keys())
    reader, plan = RecipeReader(), BuildPlan()
    total = catalogue.count()
    with workshop.progress.task("Looking through the catalogue", total, "images") as task:
        for number, recipe_file in enumerate(catalogue.every(), start=1):
            _count(plan, recipe_file, reader, built)
            if number % _TOLD_EVERY == 0:
                task.advance(_TOLD_EVERY)
    plan.layers_missing = {
        layer for layer in plan.layers_missing if workshop.cache.recall(layer) is None
    }
    return plan


_TOLD_EVERY = 500


def _count(
    plan: BuildPlan, recipe_file: RecipeFile, reader: "RecipeReader", built: Mapping[str, Digest]
) -> None:
    path, facts = reader.lock(recipe_file)
    outlook = _outlook(recipe_file, facts, reader, built)
    plan.images[outlook] += 1
    if len(plan.first[outlook]) < _NAMED_FIRST:
        plan.first[outlook].append(recipe_file.recipe.image)
    for axis, value in recipe_file.values.items():
        plan.by_value[axis][value][outlook] += 1
    if facts is None:
        plan.locks.add(path)
        plan.locks_missing.add(path)
        return
    plan.layers_used += len(facts.layers)
    if path not in plan.locks:
        plan.locks.add(path)
        plan.layers.update(facts.layers)
    if outlook is not Outlook.UP_TO_DATE:
        plan.layers_missing.update(facts.layers)


def _outlook(
    recipe_file: RecipeFile,
    facts: LockFacts | None,
    reader: "RecipeReader",
    built: Mapping[str, Digest],
) -> Outlook:
    files = reader.files(recipe_file)  # a wrong path is told, whether or not it was built before
    known = built.get(recipe_file.recipe.image)
    if known is None:
        return Outlook.NEW
    if facts is None or facts.arrangement is None:
        return Outlook.CHANGED
    wishes = wishes_key(recipe_file.recipe, files)
    key = build_key(wishes, facts.lock, facts.arrangement)
    return Outlook.UP_TO_DATE if key == known else Outlook.CHANGED


@dataclass
class RecipeReader:
    """Reads what many recipes have in common once."""

    _locks: dict[tuple[object, ...], tuple[Path, LockFacts | None]] = field(default_factory=dict)
    _files: dict[tuple[object, ...], Digest] = field(default_factory=dict)
    _plans: dict[Path, LayerPlan] = field(default_factory=dict)

    def lock(self, recipe_file: RecipeFile) -> tuple[Path, LockFacts | None]:
        """Return where a recipe's lock lies, and what is in it if it is there and fits."""
        recipe = recipe_file.recipe
        wishes = (
            *(recipe_file.path, recipe.from_, recipe.packages, recipe.variants),
            *(recipe.python, recipe.node),
            any(isinstance(step, PlaybookStep) for step in recipe.run),
        )
        found = self._locks.get(wishes)
        if found is None:
            inputs = inputs_of(recipe_file)
            path = lock_path(recipe_file, inputs)
            found = self._locks[wishes] = (path, self._lock_facts(recipe_file, path, inputs))
        return found

    def files(self, recipe_file: RecipeFile) -> Digest:
        """Return what names all that a recipe takes from its folder."""
        recipe = recipe_file.recipe
        steps = tuple(step.model_dump_json() for step in recipe.run)
        name = (recipe_file.path, recipe.files, steps)
        if name not in self._files:
            playbooks = read_playbooks(recipe_file)
            self._files[name] = files_key(collect(recipe_file), playbooks.values())
        return self._files[name]

    def _lock_facts(self, recipe_file: RecipeFile, path: Path, inputs: Digest) -> LockFacts | None:
        lock = read_lock(path) if path.exists() else None
        if lock is None or lock.inputs != inputs:
            return None
        arrangement = arrange(
            lock, recipe_file.recipe.variants, self._plan(recipe_file).of(lock.suite)
        )
        if arrangement is None:
            return LockFacts(lock.digest, None)
        groups = {each for found in arrangement.groups.values() for each in found}
        layers = tuple(packages_key(group.packages) for group in groups)
        return LockFacts(lock.digest, arrangement.digest, layers)

    def _plan(self, recipe_file: RecipeFile) -> LayerPlan:
        folder = plan_folder(recipe_file)
        if folder not in self._plans:
            self._plans[folder] = read_plan(folder)
        return self._plans[folder]
