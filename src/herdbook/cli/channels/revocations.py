"""Commands that declare versions bad: revoke, reinstate, revocations."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.options import AsJson, ImageName
from herdbook.cli.output import Output
from herdbook.core.durations import duration_of
from herdbook.core.errors import InvalidInputError

if TYPE_CHECKING:
    from herdbook.actions.revoke import Reach
    from herdbook.channels.model import Level, Revocation

_WHEN = "now, in a while (36h, 14d), or a date (2027-01-31)"
_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(revoke)
    app.command()(reinstate)
    app.command()(revocations)


def revoke(  # noqa: PLR0913, PLR0917 - each is an option
    image: ImageName,
    reason: Annotated[str, typer.Option(help="What is wrong with it.", metavar="TEXT")],
    at: Annotated[
        str, typer.Option(help=f"Nothing new is made or released of it: {_WHEN}.", metavar="WHEN")
    ] = "now",
    restarts: Annotated[
        str, typer.Option(help="No instance is started from it any more.", metavar="WHEN")
    ] = "",
    running: Annotated[
        str, typer.Option(help="What runs goes back to another release.", metavar="WHEN")
    ] = "",
    alone: Annotated[
        bool, typer.Option("--alone", help="What was made from it is not as bad.")
    ] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Show what it reaches, no more.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask on a terminal.")] = False,
    as_json: AsJson = False,
) -> None:
    """Declare a version bad, at once or by date; what it reaches is shown first."""
    from herdbook.actions.revoke import plan_revocation
    from herdbook.actions.revoke import revoke as act
    from herdbook.cli.channels.shapes import reach_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    since = levels_of(at, restarts, running, workshop.clock.now())
    reach = plan_revocation(workshop, image, reason, since, inherited=not alone)
    if not as_json:
        print_reach(output, reach)
    ask = not (plan or yes or as_json) and sys.stdin.isatty()
    done = not plan and (not ask or typer.confirm("Revoke?", default=False, err=True))
    if done:
        act(workshop, reach)
    if as_json:
        output.json(reach_shape(reach, done=done))
    elif done:
        output.text(f"{reach.revocation.label} is revoked")
        output.note(f"To take that back: herdbook reinstate {reach.revocation.label}")
    else:
        output.note("Nothing was revoked.")


def reinstate(image: ImageName, as_json: AsJson = False) -> None:
    """Take a revocation back: channels mean the version again."""
    from herdbook.actions.revoke import reinstate as act
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    label = act(open_session(output), image)
    if as_json:
        output.json({"reinstated": label})
    else:
        output.text(f"{label} may be used again")


def revocations(as_json: AsJson = False) -> None:
    """List the versions that are revoked, or will be."""
    from herdbook.cli.channels.shapes import revocation_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    found = list(workshop.channels.revocations().values())
    if as_json:
        output.json([revocation_shape(each) for each in found])
        return
    if not found:
        output.note("Nothing is revoked.")
        return
    now = workshop.clock.now()
    output.table(
        ["version", "by", "not for", "reason"],
        [[each.label, each.who, _levels(each, now), each.reason] for each in found],
    )


def _levels(revocation: "Revocation", now: datetime) -> str:
    words = (
        level.value if at <= now else f"{level.value} from {at:%Y-%m-%d %H:%M}"
        for level, at in revocation.since.items()
    )
    return ", ".join(words)


def levels_of(at: str, restarts: str, running: str, now: datetime) -> Mapping["Level", datetime]:
    """Return from when a version must not be used for what; raises InvalidInputError.

    A later level is never reached before an earlier one.
    """
    from herdbook.channels.model import Level

    first = moment_of(at, now)
    since = {Level.BUILDS: first, Level.RELEASES: first}
    # What runs on must be replaced by something else: it is not started again, either.
    if starts := restarts or running:
        since[Level.RESTARTS] = _not_before(moment_of(starts, now), first, "--restarts", "--at")
    if running:
        before = since[Level.RESTARTS]
        since[Level.RUNNING] = _not_before(
            moment_of(running, now), before, "--running", "--restarts"
        )
    return since


def _not_before(moment: datetime, other: datetime, option: str, first: str) -> datetime:
    if moment < other:
        raise InvalidInputError(
            f"{option} ({moment:%Y-%m-%d %H:%M}) is before {first} ({other:%Y-%m-%d %H:%M})",
            hint=f"Give {first} the earlier time, or {option} the later one.",
        )
    return moment


def moment_of(text: str, now: datetime) -> datetime:
    """Return the time that `now`, `36h` or `2027-01-31` means; raises InvalidInputError."""
    if text == "now":
        return now
    try:
        given = datetime.fromisoformat(text)
        return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        try:
            return now + duration_of(text)
        except ValueError:
            raise InvalidInputError(f"{text!r} is no time", hint=f"Write when: {_WHEN}.") from None


def print_reach(output: Output, reach: "Reach") -> None:
    """Show what a revocation reaches."""
    label, *made_from = (f"{image}:{number}" for image, number in reach.reached)
    output.text(f"{label}: {reach.revocation.reason}")
    for level, at in reach.revocation.since.items():
        output.text(f"  not for {level.value} from {at:%Y-%m-%d %H:%M} UTC")
    if made_from:
        more = len(made_from) - _SHOWN
        shown = ", ".join(made_from[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        output.text(f"made from it: {shown}")
    for fall in reach.falls:
        after = f"means {fall.after.label} then" if fall.after else "means nothing then"
        name = f"{fall.before.image}@{fall.before.channel}"
        output.text(f"{name} is {fall.before.label}, and {after}")
    if reach.consumers:
        output.table(
            ["application", "#release", "service", "version", "#instances"],
            [
                [
                    each.application,
                    str(each.release),
                    each.component,
                    f"{each.made[0]}:{each.made[1]}",
                    str(each.instances),
                ]
                for each in reach.consumers
            ],
        )
    else:
        output.text("No application uses it.")
