"""Commands about a whole catalogue: plan, build and list it; and the ancestry of an image."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.build import build as build_recipes
from herdbook.cli.images import list_images
from herdbook.cli.options import AsJson, ImageName
from herdbook.cli.output import Output
from herdbook.cli.secrets import SecretFiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from herdbook.actions.find_ancestry import Ancestor
    from herdbook.actions.plan_builds import BuildPlan, Outlook

_CATALOGUE = Path("catalogue.yaml")
_VALUES_SHOWN = 30
"""Of each axis; --json has them all."""

CataloguePath = Annotated[Path, typer.Argument(metavar="[CATALOGUE]", help="The catalogue file.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    catalogue = typer.Typer(help="Many images at once.", no_args_is_help=True)
    catalogue.command()(plan)
    catalogue.command()(build)
    catalogue.command(name="ls")(list_images)
    app.add_typer(catalogue, name="catalogue")
    app.command()(tree)


def plan(path: CataloguePath = _CATALOGUE, as_json: AsJson = False) -> None:
    """Show what building would do: what is up to date, what is built, what is shared."""
    from herdbook.actions.plan_builds import plan_builds
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    found = plan_builds(open_session(output), path)
    if as_json:
        output.json(_shape(found))
    else:
        _show(output, found, path)


def _shape(found: "BuildPlan") -> dict[str, object]:
    from herdbook.actions.plan_builds import Outlook

    return {
        "images": {outlook.value: found.images[outlook] for outlook in Outlook},
        "locks": len(found.locks),
        "locks_missing": len(found.locks_missing),
        "layers": len(found.layers),
        "layers_missing": len(found.layers_missing),
        "layers_used": found.layers_used,
        "by_value": {
            axis: {
                value: {outlook.value: count[outlook] for outlook in Outlook}
                for value, count in values.items()
            }
            for axis, values in found.by_value.items()
        },
    }


def _show(output: Output, found: "BuildPlan", path: Path) -> None:
    from herdbook.actions.plan_builds import Outlook

    rows = [["all images", *_cells(found.images)]]
    for axis, values in found.by_value.items():
        shown = list(values.items())[:_VALUES_SHOWN]
        rows += [[f"{axis} {value}", *_cells(count)] for value, count in shown]
        if len(values) > len(shown):
            rows.append([f"{axis}: {len(values) - len(shown)} more"])
    output.table(["", "#images", *(f"#{outlook.value}" for outlook in Outlook)], rows)
    locks, missing = len(found.locks), len(found.locks_missing)
    output.text(
        f"{locks} sets of inputs to lock" + (f", {missing} of them anew" if missing else "")
    )
    if found.layers:
        output.text(
            f"{len(found.layers)} layers of packages, used {found.layers_used} times; "
            f"{len(found.layers_missing)} of them to be made"
        )
    todo = sum(found.images.values()) - found.images[Outlook.UP_TO_DATE]
    output.note(f"Build them: herdbook catalogue build {path}" if todo else "Nothing to be done.")


def _cells(count: "Mapping[Outlook, int]") -> list[str]:
    from herdbook.actions.plan_builds import Outlook

    return [str(sum(count.values())), *(str(count.get(outlook, 0) or "") for outlook in Outlook)]


def build(
    path: CataloguePath = _CATALOGUE,
    locked: Annotated[
        bool, typer.Option("--locked", help="Fail rather than change a lock.")
    ] = False,
    secret: SecretFiles = [],  # noqa: B006 - typer copies it
    as_json: AsJson = False,
) -> None:
    """Build all images of a catalogue; goes on where it was stopped."""
    build_recipes([path], locked=locked, secret=secret, as_json=as_json)


def tree(image: ImageName, as_json: AsJson = False) -> None:
    """Show what an image was made from, and what was made from it."""
    from herdbook.actions.find_ancestry import ancestry
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    found = ancestry(open_session(output), image)
    if as_json:
        output.json(_ancestor_shape(found))
        return
    from rich.tree import Tree

    def grow(below: Tree, ancestor: "Ancestor") -> None:
        label = f"{ancestor.label}  <- asked for" if ancestor.asked else ancestor.label
        branch = below.add(label, highlight=False)
        for child in ancestor.children:
            grow(branch, child)

    root = Tree(found.label if not found.asked else f"{found.label}  <- asked for")
    for child in found.children:
        grow(root, child)
    output.picture(root)


def _ancestor_shape(found: "Ancestor") -> dict[str, object]:
    return {
        "label": found.label,
        "asked": found.asked,
        "children": [_ancestor_shape(child) for child in found.children],
    }
