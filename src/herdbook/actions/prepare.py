"""Sees to it that recipes can be built: locks what has no lock, plans what has no layers."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from herdbook.actions.asked_secrets import require_secrets
from herdbook.actions.inputs import Inputs, plan_folder, present_lock, read_inputs
from herdbook.actions.lock import lock_missing
from herdbook.actions.plan_layers import Holder, extend_plan, holders_in
from herdbook.actions.workshop import Workshop
from herdbook.builds.layer_plan import PLAN_NAME
from herdbook.core.errors import ConflictError, InvalidInputError, NetworkError
from herdbook.recipes.catalogue import CatalogueFolder, catalogue_of
from herdbook.recipes.reading import RecipeFile


def prepare(
    workshop: Workshop, recipe_files: Sequence[RecipeFile], *, frozen: bool = False
) -> list[Inputs]:
    """Return what goes into the build of each recipe.

    With `frozen`, locks and layer plans must be there and fit, else InvalidInputError is raised.
    """
    for each in recipe_files:
        require_secrets(each, workshop.secrets)
    ready = {each.recipe.image: read_inputs(each) for each in recipe_files}
    todo = [each for each in recipe_files if ready[each.recipe.image] is None]
    if todo:
        workshop.sandbox.require()  # before anything is fetched
        lock_missing(workshop, todo, frozen=frozen)
        _plan(workshop, todo, frozen=frozen)
    return [ready[each.recipe.image] or _planned(each) for each in recipe_files]


def _planned(recipe_file: RecipeFile) -> Inputs:
    inputs = read_inputs(recipe_file)
    if inputs is None:
        raise ConflictError(
            f"The lock or the layer plan of {recipe_file.recipe.image} was changed meanwhile",
            hint="Run the same command again.",
            where=str(recipe_file.path),
        )
    return inputs


def _plan(workshop: Workshop, recipe_files: Sequence[RecipeFile], *, frozen: bool) -> None:
    catalogues: dict[Path, CatalogueFolder] = {}
    wanted: dict[Path, list[RecipeFile]] = defaultdict(list)
    for recipe_file in recipe_files:
        if read_inputs(recipe_file) is None:
            folder = plan_folder(recipe_file)
            if folder not in catalogues or catalogues[folder].is_single:
                catalogues[folder] = catalogue_of(recipe_file.path)  # one of many says more
            wanted[folder].append(recipe_file)
    for folder, catalogue in catalogues.items():
        if frozen:
            raise InvalidInputError(
                "The layer plan may not be changed, but it lacks packages of this recipe",
                hint=f"Run: herdbook build {wanted[folder][0].path}",
                where=str(folder / PLAN_NAME),
            )
        own = [
            Holder(recipe_file, lock)
            for recipe_file in wanted[folder]
            if (lock := present_lock(recipe_file)) is not None
        ]
        every = {holder.recipe_file.recipe.image: holder for holder in holders_in(catalogue)}
        every |= {holder.recipe_file.recipe.image: holder for holder in own}
        try:
            extend_plan(workshop, catalogue, list(every.values()))
        except NetworkError:  # what cannot be had may be another recipe's
            extend_plan(workshop, catalogue, own)
