"""Commands about layers: how a catalogue's packages are put into them, and why."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.options import AsJson
from herdbook.cli.output import Output, human_size

if TYPE_CHECKING:
    from herdbook.builds.plan_report import PlanReport


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    layers = typer.Typer(help="How packages are put into layers.", no_args_is_help=True)
    layers.callback()(_only_groups)
    layers.command()(plan)
    app.add_typer(layers, name="layers")


def _only_groups() -> None:
    """Let `plan` be named, though it is the only command here so far."""


def plan(
    path: Annotated[Path, typer.Argument(metavar="[FILE]", help="A catalogue or a recipe.")] = Path(
        "catalogue.yaml"
    ),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan, and keep nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Plan the layers of a catalogue: what is hot and why, what is shared, what is saved."""
    from herdbook.actions.plan_layers import plan_catalogue
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    planned = plan_catalogue(open_session(output), path, keep=not dry_run)
    if as_json:
        output.json({"plan": str(planned.path), "suites": _shape(planned.reports)})
        return
    for suite, report in planned.reports.items():
        _show(output, suite, report)
    if not dry_run:
        output.note(f"Kept in {planned.path}: put it under version control.")


def _shape(reports: "dict[str, PlanReport]") -> dict[str, object]:
    return {
        suite: {
            "layers": [
                {
                    "name": line.name,
                    "kind": line.temperature.value,
                    "packages": list(line.packages),
                    "size_bytes": line.size_bytes,
                    "updates_a_year": line.updates_a_year,
                    "spared_bytes_a_year": round(line.spared_bytes_a_year),
                    "members": list(line.members),
                }
                for line in report.lines
            ],
            "layers_of": dict(report.layers_of),
            "separate_bytes": report.separate_bytes,
            "stored_bytes": report.stored_bytes,
            "distinct_bytes": report.distinct_bytes,
        }
        for suite, report in reports.items()
    }


def _show(output: Output, suite: str, report: "PlanReport") -> None:
    members = len(report.layers_of)
    output.text(f"{suite}: {len(report.lines)} layers of packages")
    output.table(
        ["layer", "kind", "#packages", "#size", "#updates/y", "#held by", "#spares/y"],
        [
            [
                line.name,
                line.temperature.value,
                str(len(line.packages)),
                human_size(line.size_bytes),
                f"{line.updates_a_year:.1f}",
                f"{len(line.members)}/{members}",
                human_size(round(line.spared_bytes_a_year)) if line.spared_bytes_a_year else "",
            ]
            for line in report.lines
        ],
    )
    saved = 1 - report.stored_bytes / report.separate_bytes if report.separate_bytes else 0
    output.text(
        f"{human_size(report.stored_bytes)} instead of {human_size(report.separate_bytes)}: "
        f"{saved:.0%} saved ({human_size(report.distinct_bytes)} if every package lay in one "
        f"layer only); at most {max(report.layers_of.values(), default=0)} such layers an image."
    )
