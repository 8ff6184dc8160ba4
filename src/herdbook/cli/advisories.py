"""Commands about vulnerabilities: advisories import and ls, vulnerabilities."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from herdbook.cli.options import AsJson, ImageName
from herdbook.cli.output import Output

if TYPE_CHECKING:
    from herdbook.trust.matching import Knowledge, Scope
    from herdbook.trust.ports import Import, ImportedFeed

_NOTHING_YET = "No advisories were imported yet: herdbook advisories import FILE|URL"


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    advisories = typer.Typer(help="Keep what others know of vulnerabilities.", no_args_is_help=True)
    advisories.command("import")(import_)
    advisories.command()(ls)
    app.add_typer(advisories, name="advisories")
    app.command()(vulnerabilities)


def import_(
    feeds: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|URL...", help="Debian's tracker, OSV, CISA's KEV list, OpenVEX."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Import advisories and statements; all images are held against them at once."""
    from herdbook.actions.import_advisories import import_advisories
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    done = []
    for feed in feeds:
        done.append(import_advisories(workshop, feed))
        if not as_json:
            _print_import(done[-1], output)
    if as_json:
        output.json([_import_shape(each) for each in done])


def ls(as_json: AsJson = False) -> None:
    """List what was imported, and of what there is no data."""
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    register = open_session(output).advisories
    feeds, knowledge, held = register.feeds(), register.knowledge(), register.held_scopes()
    if as_json:
        output.json(
            {
                "feeds": [_feed_shape(each) for each in feeds],
                "scopes": [_scope_shape(each, knowledge, held) for each in _all(knowledge, held)],
            }
        )
        return
    if not feeds:
        output.note(_NOTHING_YET)
    else:
        output.table(
            ["kind", "#entries", "imported", "from"],
            [
                [each.kind, str(each.count), f"{each.imported_at:%Y-%m-%d %H:%M}", each.name]
                for each in feeds
            ],
        )
    if scopes := _all(knowledge, held):
        output.text("")
        output.table(
            ["ecosystem", "#advisories", "#components"],
            [
                [
                    " ".join(filter(None, scope)),
                    str(knowledge.advisories.get(scope) or "no data"),
                    str(held.get(scope, 0)),
                ]
                for scope in scopes
            ],
        )


def vulnerabilities(
    image: ImageName,
    every: Annotated[
        bool, typer.Option("--all", help="Also what Debian calls unimportant.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say which vulnerabilities a version has, and of what in it nothing is known."""
    from herdbook.actions.find_vulnerabilities import find_vulnerabilities
    from herdbook.actions.name_version import version_meant
    from herdbook.cli.session import open_session
    from herdbook.cli.vulnerabilities import print_report, report_shape

    output = Output(as_json=as_json)
    workshop = open_session(output)
    version = version_meant(workshop, image)
    report = find_vulnerabilities(workshop, version)
    if as_json:
        output.json(report_shape(version, report))
        return
    output.text(f"{version.label}  {version.digest}")
    print_report(version, report, output, every=every)
    if not workshop.advisories.knowledge().advisories:
        output.note(_NOTHING_YET)


def _print_import(done: "Import", output: Output) -> None:
    feed = done.feed
    counts = f"{done.added} new, {done.changed} changed, {done.removed} gone"
    output.text(f"{feed.kind}: {feed.count} entries ({counts}) from {feed.name}")
    if feed.skipped:
        reasons = sorted(feed.skipped.items(), key=lambda each: (-each[1], each[0]))
        shown = ", ".join(f"{reason} ({count})" for reason, count in reasons[:5])
        output.text(f"  left out: {shown}{', ...' if len(reasons) > 5 else ''}")  # noqa: PLR2004


def _all(knowledge: "Knowledge", held: "dict[Scope, int]") -> "list[Scope]":
    return sorted({*knowledge.advisories, *held})


def _import_shape(done: "Import") -> dict[str, Any]:
    """Return what an import changed."""
    counts = {"added": done.added, "changed": done.changed, "removed": done.removed}
    return _feed_shape(done.feed) | counts


def _feed_shape(feed: "ImportedFeed") -> dict[str, Any]:
    """Return a feed that was imported."""
    from herdbook.images.documents import timestamp

    return {
        "kind": feed.kind.value,
        "name": feed.name,
        "imported_at": timestamp(feed.imported_at),
        "digest": feed.digest,
        "entries": feed.count,
        "skipped": dict(feed.skipped),
    }


def _scope_shape(
    scope: "Scope", knowledge: "Knowledge", held: "dict[Scope, int]"
) -> dict[str, Any]:
    """Return of an ecosystem and suite how many advisories and components there are."""
    ecosystem, suite = scope
    return {
        "ecosystem": ecosystem.value,
        "suite": suite or None,
        "advisories": knowledge.advisories.get(scope, 0),
        "components": held.get(scope, 0),
    }
