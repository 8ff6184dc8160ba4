"""The command that builds recipes, one or a whole catalogue."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.options import DEFAULT_RECIPE, AsJson
from herdbook.cli.output import Output, human_seconds, human_size
from herdbook.cli.secrets import SecretFiles, given_secrets

if TYPE_CHECKING:
    from herdbook.actions.build import BuildResult, FailedBuild
    from herdbook.actions.workshop import Workshop
    from herdbook.recipes.reading import RecipeFile


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(build)


def build(
    recipes: Annotated[
        list[Path],
        typer.Argument(
            metavar="[RECIPE]...", help="Recipe files, or catalogues.", show_default=False
        ),
    ] = [DEFAULT_RECIPE],  # noqa: B006 - typer copies it
    locked: Annotated[
        bool, typer.Option("--locked", help="Fail rather than change the lock.")
    ] = False,
    secret: SecretFiles = [],  # noqa: B006 - typer copies it
    as_json: AsJson = False,
) -> None:
    """Build recipes' variants; does nothing where nothing has changed."""
    from herdbook.recipes.catalogue import recipes_in

    output = Output(as_json=as_json)
    recipe_files = recipes_in(recipes)
    given = given_secrets(
        secret, frozenset().union(*(each.recipe.secrets for each in recipe_files))
    )
    todo = recipe_files if as_json else [each for each in recipe_files if not _up_to_date(each)]
    if not todo:
        return
    from herdbook.cli.session import open_session

    workshop = open_session(output, given)
    if len(recipe_files) == 1:
        _build_one(workshop, todo[0], output, frozen=locked)
    else:
        _build_many(workshop, todo, len(recipe_files), output, frozen=locked)


def _up_to_date(recipe_file: "RecipeFile") -> bool:
    """Tell, and say, that nothing has changed, without opening more than a stamp."""
    from herdbook.actions.inputs import read_inputs
    from herdbook.server.settings import load_settings
    from herdbook.server.stamps import open_stamps

    inputs = read_inputs(recipe_file)
    stamp = open_stamps(load_settings()).recall(recipe_file.recipe.image)
    if inputs is None or stamp is None or inputs.key != stamp.build_key:
        return False
    if stamp.home != recipe_file.home:
        return False  # the register has to learn where the recipe is now
    Output(as_json=False).text(f"{stamp.image}:{stamp.number} is up to date: {stamp.digest}")
    return True


def _build_one(
    workshop: "Workshop", recipe_file: "RecipeFile", output: Output, *, frozen: bool
) -> None:
    from herdbook.actions.build import build as act

    result = act(workshop, recipe_file, frozen=frozen)
    if output.as_json:
        output.json(_shape(result))
    else:
        _show(result, output)
        if not result.unchanged:
            output.note(f"Start it with: herdbook run {result.version.image}")


def _build_many(
    workshop: "Workshop",
    recipe_files: "list[RecipeFile]",
    total: int,
    output: Output,
    *,
    frozen: bool,
) -> None:
    """Build those recipes, of a `total` of them, of which the others are up to date."""
    from herdbook.actions.build import BuildResult, build_all

    built: list[BuildResult] = []
    failed: list[FailedBuild] = []
    with workshop.progress.task("Building", len(recipe_files), "images") as task:
        for result in build_all(workshop, recipe_files, frozen=frozen):
            task.advance()
            if isinstance(result, BuildResult):
                built.append(result)
                if not output.as_json:
                    _show(result, output)
            else:
                failed.append(result)
                output.failure(result.error)
    if output.as_json:
        failures = [
            {"recipe": str(each.recipe_file.path), "code": each.error.code} for each in failed
        ]
        output.json({"built": [_shape(each) for each in built], "failed": failures})
    else:
        before = total - len(recipe_files)
        output.text(
            f"{len(built)} of {len(recipe_files)} images are built"
            + (f", {before} were up to date" if before else "")
        )
    if failed:
        raise typer.Exit(failed[0].error.exit_status)


def _shape(result: "BuildResult") -> dict[str, object]:
    from herdbook.cli.shapes import version_shape

    seconds = {kind.value: round(value, 3) for kind, value in result.seconds.items()}
    shape = version_shape(result.version)
    return {**shape, "unchanged": result.unchanged, "build_seconds": seconds}


def _show(result: "BuildResult", output: Output) -> None:
    from herdbook.core import digests

    version = result.version
    state = "is up to date" if result.unchanged else "built"
    output.text(f"{version.label} {state}: {version.digest}")
    if result.unchanged:
        return
    output.table(
        ["variant", "digest", "#size", "#layers", "#time"],
        [
            [
                variant.kind,
                digests.short(variant.manifest),
                human_size(variant.size_bytes),
                str(len(variant.layers)),
                human_seconds(result.seconds[variant.kind]),
            ]
            for variant in version.variants
        ],
    )
