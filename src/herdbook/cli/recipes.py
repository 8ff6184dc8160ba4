"""Commands about recipes: init, schema, lock."""

from pathlib import Path
from typing import Annotated

import typer

from herdbook.cli.options import DEFAULT_RECIPE, AsJson, RecipePath
from herdbook.cli.output import Output
from herdbook.cli.secrets import SecretFiles, given_secrets


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(init)
    app.command()(schema)
    app.command()(lock)


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
    kind: Annotated[
        str, typer.Argument(help="What to describe: recipe, catalogue, channels or application.")
    ] = "recipe",
    as_json: AsJson = True,
) -> None:
    """Print the JSON Schema of a file, for editors."""
    del as_json  # a schema is JSON in any case
    from herdbook.channels.rules import rules_schema
    from herdbook.compose.wish_reading import wishes_schema
    from herdbook.recipes.schema import schema_named

    elsewhere = {"application": wishes_schema, "channels": rules_schema}
    found = elsewhere[kind]() if kind in elsewhere else schema_named(kind)
    Output(as_json=True).json(found)


def lock(
    recipe: RecipePath = DEFAULT_RECIPE,
    secret: SecretFiles = [],  # noqa: B006 - typer copies it
    as_json: AsJson = False,
) -> None:
    """Pin every input of a recipe to what the archive offers now."""
    from herdbook.actions.lock import lock as act
    from herdbook.cli.session import open_session
    from herdbook.recipes.reading import read_recipe

    output = Output(as_json=as_json)
    recipe_file = read_recipe(recipe)
    given = given_secrets(secret, recipe_file.recipe.secrets)
    change = act(open_session(output, given), recipe_file)
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
