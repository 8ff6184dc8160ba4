"""Commands about what the store keeps: store clean, store forget, store check."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from herdbook.cli.completion import complete_image
from herdbook.cli.options import AsJson
from herdbook.cli.output import Output, human_size
from herdbook.core.errors import InvalidInputError, VerificationError

if TYPE_CHECKING:
    from herdbook.actions.check_store import Checked
    from herdbook.actions.clean_store import Cleaned


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    store = typer.Typer(
        help="Clean and check what is kept: layers, artefacts, packages.", no_args_is_help=True
    )
    for command in (clean, forget, check):
        store.command()(command)
    app.add_typer(store, name="store")


def clean(
    keep: Annotated[
        int | None,
        typer.Option(help="First forget all but the newest so many versions.", min=1),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go; remove nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove what no version needs; safe beside builds and running instances."""
    from herdbook.actions.clean_store import clean_store
    from herdbook.cli.session import open_session
    from herdbook.server.settings import load_settings
    from herdbook.server.stock import open_stock

    output = Output(as_json=as_json)
    done = clean_store(open_session(output), open_stock(load_settings()), keep, dry_run=dry_run)
    if as_json:
        output.json(_cleaned_shape(done, dry_run=dry_run))
        return
    would = "would be " if dry_run else ""
    if done.forgotten:
        output.text(f"{would}forgotten: {', '.join(done.forgotten)}")
    if done.freed:
        output.table(
            ["what", "#count", "#size"],
            [[each.kind, str(each.count), human_size(each.size_bytes)] for each in done.freed],
        )
    output.text(f"{human_size(done.size_bytes)} {would}freed")


def forget(
    versions: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE:NUMBER...", help="Versions.", autocompletion=complete_image),
    ],
    as_json: AsJson = False,
) -> None:
    """Take versions out of the register; `store clean` then frees what only they needed."""
    from herdbook.actions.forget import forget as act
    from herdbook.catalogue.names import version_named
    from herdbook.cli.session import open_session
    from herdbook.server.settings import load_settings
    from herdbook.server.stock import open_stock

    output = Output(as_json=as_json)
    for name in versions:
        if ":" not in name:
            raise InvalidInputError(
                f"{name!r} does not say which version to forget",
                hint="Write its number too, such as shop/web:3.",
            )
    workshop = open_session(output)
    found = [version_named(workshop.versions, name) for name in versions]
    act(workshop, open_stock(load_settings()), found)
    labels = [version.label for version in found]
    if as_json:
        output.json({"forgotten": labels})
        return
    output.text(f"forgotten: {', '.join(labels)}")
    output.note("Free what only they needed with: herdbook store clean")


def check(
    repair: Annotated[
        bool, typer.Option("--repair", help="Set aside what is damaged, and make it again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read everything that is kept, and say what is not what its name says."""
    from herdbook.actions.check_store import check_store
    from herdbook.actions.repair_store import repair_store
    from herdbook.cli.session import open_session
    from herdbook.server.settings import load_settings
    from herdbook.server.stock import open_stock

    output = Output(as_json=as_json)
    workshop, stock = open_session(output), open_stock(load_settings())
    checked = check_store(workshop, stock)
    if repair and checked.findings:
        checked = repair_store(workshop, stock, checked)
    if as_json:
        output.json(_checked_shape(checked))
    else:
        _print(checked, output)
    if not checked.is_well:
        raise typer.Exit(VerificationError.exit_status)


def _print(checked: "Checked", output: Output) -> None:
    for finding in checked.findings:
        needed = f", in {', '.join(finding.versions)}" if finding.versions else ""
        output.text(f"{finding.fault}: {finding.what}{needed}")
        output.text(f"  {'repaired' if finding.repaired else 'next'}: {finding.remedy}")
    read = f"read {checked.blobs} blobs, {human_size(checked.size_bytes)}"
    wrong = sum(not finding.repaired for finding in checked.findings)
    output.text(f"{read}: {f'{wrong} things are wrong' if wrong else 'all is well'}")


def _cleaned_shape(done: "Cleaned", *, dry_run: bool) -> dict[str, Any]:
    """Return what cleaning the store did or would do."""
    return {
        "dry_run": dry_run,
        "forgotten": list(done.forgotten),
        "freed_bytes": done.size_bytes,
        "freed": [
            {"kind": each.kind, "count": each.count, "size_bytes": each.size_bytes}
            for each in done.freed
        ],
    }


def _checked_shape(checked: "Checked") -> dict[str, Any]:
    """Return what checking the store found."""
    return {
        "blobs": checked.blobs,
        "size_bytes": checked.size_bytes,
        "findings": [
            {
                "fault": finding.fault.value,
                "what": finding.what,
                "versions": list(finding.versions),
                "repaired": finding.repaired,
                "remedy": finding.remedy,
            }
            for finding in checked.findings
        ],
    }
