"""Commands about recipes: init, schema, lock, build."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.options import DEFAULT_RECIPE, AsJson, RecipePath
from herdbook.cli.output import Output, human_seconds, human_size

if TYPE_CHECKING:
    from herdbook.recipes.reading import RecipeFile


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(init)
    app.command()(schema)
    app.command()(lock)
    app.command()(build)


def init(
    folder: Annotated[Path, typer.Argument(help="Where to start.")] = Path(),
    image: Annotated[str, typer.Option(help="The image's name.")] = "example/web",
    as_json: AsJson = False,
) -> None:
    """Write a recipe and a small service to start from."""
    from herdbook.actions.init import init as act

    written = act(folder, image)
    output = Output(as_json=as_json)
    if as_json:
        output.json({"written": [str(path) for path in written]})
        return
    for path in written:
        output.text(f"wrote {path}")
    output.note(f"Build it with: herdbook build {written[0]}")


def schema(
    kind: Annotated[str, typer.Argument(help="What to describe: recipe.")] = "recipe",
    as_json: AsJson = True,
) -> None:
    """Print the JSON Schema of a file, for editors."""
    del as_json  # a schema is JSON in any case
    from herdbook.recipes.schema import schema_named

    Output(as_json=True).json(schema_named(kind))


def lock(recipe: RecipePath = DEFAULT_RECIPE, as_json: AsJson = False) -> None:
    """Pin every input of a recipe to what the archive offers now."""
    from herdbook.actions.lock import lock as act
    from herdbook.cli.session import open_session
    from herdbook.recipes.reading import read_recipe

    output = Output(as_json=as_json)
    change = act(open_session(output), read_recipe(recipe))
    if as_json:
        changed = [
            {"name": name, "before": before or None, "now": now or None}
            for name, before, now in change.changed
        ]
        output.json({"lock": str(change.path), "changed": changed})
        return
    if not change.changed:
        output.text(f"{change.path} is up to date")
        return
    if all(not before for _, before, _ in change.changed):
        output.text(f"locked {len(change.changed)} packages in {change.path}")
        return
    output.table(
        ["package", "before", "now"],
        [[name, before or "-", now or "-"] for name, before, now in change.changed],
    )


def build(
    recipe: RecipePath = DEFAULT_RECIPE,
    locked: Annotated[
        bool, typer.Option("--locked", help="Fail rather than change the lock.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Build a recipe's variants; does nothing where nothing has changed."""
    from herdbook.actions.inputs import read_inputs
    from herdbook.recipes.reading import read_recipe
    from herdbook.server.settings import load_settings
    from herdbook.server.stamps import open_stamps

    output = Output(as_json=as_json)
    recipe_file = read_recipe(recipe)
    inputs = read_inputs(recipe_file)
    stamp = open_stamps(load_settings()).recall(recipe_file.recipe.image)
    if inputs and stamp and inputs.key == stamp.build_key and not as_json:
        output.text(f"{stamp.image}:{stamp.number} is up to date: {stamp.digest}")
        return
    _build(recipe_file, output, frozen=locked)


def _build(recipe_file: "RecipeFile", output: Output, *, frozen: bool) -> None:
    from herdbook.actions.build import build as act
    from herdbook.cli.session import open_session
    from herdbook.cli.shapes import version_shape
    from herdbook.core import digests

    result = act(open_session(output), recipe_file, frozen=frozen)
    version = result.version
    if output.as_json:
        seconds = {kind.value: round(value, 3) for kind, value in result.seconds.items()}
        shape = version_shape(version)
        output.json({**shape, "unchanged": result.unchanged, "build_seconds": seconds})
        return
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
    output.note(f"Start it with: herdbook run {version.image}")
