"""The command that watches the archive: what is newer there than what images hold."""

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from herdbook.cli.options import AsJson
from herdbook.cli.output import Output
from herdbook.core.durations import duration_of
from herdbook.core.errors import InvalidInputError

if TYPE_CHECKING:
    from herdbook.campaigns.sightings import Sighting, Sightings
    from herdbook.packages.model import SignedIndex

_SECURITY, _ANY = "security", "any"
_MARK = "!"


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(watch)


def watch(
    every: Annotated[
        str, typer.Option(help="Go on looking, every 30m or 6h.", metavar="DURATION")
    ] = "",
    pocket: Annotated[
        str, typer.Option(help="security: only what is new there; or any.", metavar="POCKET")
    ] = _ANY,
    languages: Annotated[
        bool, typer.Option("--languages", help="Also resolve anew what recipes ask for of Python.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look which packages there are newer versions of than in images."""
    seconds = seconds_of(every) if every else 0
    if pocket not in (_SECURITY, _ANY):
        raise InvalidInputError(
            f"{pocket!r} is not what can be watched", hint=f"Write {_SECURITY} or {_ANY}."
        )
    from herdbook.actions.watch_archive import keep_looking, look
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    if not seconds:
        print_once(look(workshop, languages=languages), output, workshop.clock.now(), pocket)
        return
    for number, seen in enumerate(keep_looking(workshop, seconds, languages=languages)):
        print_news(seen, output, workshop.clock.now(), pocket, first=number == 0)


def seconds_of(duration: str) -> int:
    """Return what a duration such as 30m or 6h comes to; raises InvalidInputError."""
    try:
        return int(duration_of(duration).total_seconds())
    except ValueError:
        raise InvalidInputError(
            f"{duration!r} is no duration", hint="Write a number and s, m, h or d: 30m, 6h."
        ) from None


def _of_pocket(seen: "Sightings", pocket: str) -> "Sightings":
    from dataclasses import replace

    wanted = (each for each in seen.found if pocket == _ANY or each.of_security)
    return replace(seen, found=tuple(wanted))


def print_once(seen: "Sightings", output: Output, moment: datetime, pocket: str) -> None:
    """Print what was seen; where a suite could not be read, leave with the status of that."""
    errors = list(seen.unread.values())
    if errors and not seen.indexes:
        raise errors[0]
    wanted = _of_pocket(seen, pocket)
    if output.as_json:
        output.json(sightings_shape(wanted, moment))
    else:
        print_sightings(wanted, output, pocket)
    if errors:
        _tell_unread(seen, output)
        raise typer.Exit(errors[0].exit_status)


def print_news(
    seen: "Sightings", output: Output, moment: datetime, pocket: str, *, first: bool
) -> None:
    """Print what is new since the last look, and whatever the first one saw."""
    wanted = _of_pocket(seen, pocket)
    if wanted.found or (first and seen.indexes):
        if output.as_json:  # each on a line of its own, so that it is told where a look ends
            line = json.dumps(sightings_shape(wanted, moment)) + "\n"
            output.raw(line.encode())
        else:
            output.text(f"{'' if first else chr(10)}{moment:%Y-%m-%d %H:%M} UTC")
            print_sightings(wanted, output, pocket)
    _tell_unread(seen, output)
    sys.stdout.flush()  # somebody may read it, and the next look is hours away


def _tell_unread(seen: "Sightings", output: Output) -> None:
    for suite, error in seen.unread.items():
        output.note(f"{suite} was not looked at:")
        output.failure(error)


def print_sightings(seen: "Sightings", output: Output, pocket: str) -> None:
    """Print a table of what was seen, what to do next, and what was not looked at."""
    if seen.found:
        output.table(
            ["source", "suite", "held", "available", "pocket", "#images", "fixes"],
            [_row(each) for each in seen.found],
        )
        output.text("")
    output.text(_summary(seen, pocket))
    for told in _notes(seen):
        output.note(told)


def _row(each: "Sighting") -> list[str]:
    return [
        each.source,
        each.suite,
        "\n".join(each.held),
        f"{each.available}{' (rebuilt)' if each.rebuilt else ''}",
        each.pocket.removeprefix(each.suite).removeprefix("-") or "main",
        str(each.images),
        _fixes(each),
    ]


def _fixes(each: "Sighting") -> str:
    if not each.fixes:
        return "-" if each.fixes_known else "no data"
    mark = _MARK if each.exploited else ""
    return " ".join(filter(None, (str(len(each.fixes)), each.severity, mark)))


def _summary(seen: "Sightings", pocket: str) -> str:
    if not seen.indexes:
        return "No image holds packages of Debian yet"
    if not seen.found:
        where = "the security pockets of " if pocket == _SECURITY else ""
        return f"Nothing is newer in {where}{', '.join(seen.indexes)}"
    count, urgent = len(seen.found), sum(each.of_security for each in seen.found)
    said = f"{count} source{'s are' if count > 1 else ' is'} newer in the archive"
    said += f", {urgent} in a security pocket" if urgent else ""
    if any(each.exploited for each in seen.found):
        said += f" ({_MARK}: exploited)"
    return f"{said}\nPatch with: herdbook campaign plan {seen.found[0].source}"


def _notes(seen: "Sightings") -> list[str]:
    """Return what the answer does not cover, so that nobody takes it for up to date."""
    notes = []
    if seen.no_data:
        notes.append(
            f"No advisories for {', '.join(seen.no_data)}, so what is fixed there is not known: "
            "herdbook advisories import FILE|URL"
        )
    if seen.no_archive:
        suites = ", ".join(each or "packages of no known suite" for each in seen.no_archive)
        notes.append(f"Not watched, as no archive is known: {suites}")
    if seen.layers_not_scanned:
        notes.append(
            f"{seen.layers_not_scanned} layers were not scanned, so what they hold is not watched. "
            "Build their images again to have it."
        )
    return notes


def sightings_shape(seen: "Sightings", moment: datetime) -> dict[str, Any]:
    """Return what was seen, as docs/json.md promises it."""
    from herdbook.images.documents import timestamp

    return {
        "looked_at": timestamp(moment),
        "sightings": [_shape(each) for each in seen.found],
        "suites": [
            {"suite": suite, "indexes": [_index_shape(each) for each in indexes]}
            for suite, indexes in seen.indexes.items()
        ],
        "not_read": [
            {"suite": suite, "code": error.code, "message": error.message}
            for suite, error in seen.unread.items()
        ],
        "no_archive": list(seen.no_archive),
        "no_data": list(seen.no_data),
        "layers_not_scanned": seen.layers_not_scanned,
    }


def _index_shape(index: "SignedIndex") -> dict[str, Any]:
    from herdbook.images.documents import timestamp

    return {"pocket": index.pocket, "digest": index.digest, "date": timestamp(index.date)}


def _shape(each: "Sighting") -> dict[str, Any]:
    return {
        "ecosystem": "deb",
        "suite": each.suite,
        "source": each.source,
        "held": list(each.held),
        "available": each.available,
        "rebuilt": each.rebuilt,
        "pocket": each.pocket,
        "packages": [
            {"name": package.name, "held": list(package.held), "available": package.available}
            for package in each.packages
        ],
        "images": each.images,
        "severity": each.severity or None,
        "exploited": each.exploited,
        "fixes_known": each.fixes_known,
        "fixes": [
            {"name": fix.name, "severity": fix.severity or None, "exploited": fix.exploited}
            for fix in each.fixes
        ],
    }
