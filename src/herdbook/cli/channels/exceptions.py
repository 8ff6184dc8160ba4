"""Commands of whoever answers for findings until a day: exception add, ls, end."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.channels.revocations import moment_of
from herdbook.cli.options import AsJson
from herdbook.cli.output import Output

if TYPE_CHECKING:
    from herdbook.channels.exceptions import GateException


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    exception = typer.Typer(
        help="Let a finding not speak against promotions until a day.", no_args_is_help=True
    )
    exception.command()(add)
    exception.command()(ls)
    exception.command()(end)
    app.add_typer(exception, name="exception")


def add(  # noqa: PLR0913, PLR0917 - each is an option
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A vulnerability, a licence, or unknown.")
    ],
    images: Annotated[str, typer.Option(help="For which images: a name, or a pattern with *.")],
    owner: Annotated[str, typer.Option(help="Who answers for it.", metavar="WHO")],
    until: Annotated[
        str, typer.Option(help="Until when: 2027-01-31, or 90d; a year at most.", metavar="DATE")
    ],
    why: Annotated[str, typer.Option(help="Why that is all right until then.", metavar="TEXT")],
    component: Annotated[
        str, typer.Option(help="Only in this component.", metavar="NAME", show_default=False)
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Answer for a finding: until that day it does not speak against a promotion."""
    from herdbook.actions.answer_for import Answer, add_exception
    from herdbook.cli.channels.gate_shapes import exception_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    day = moment_of(until, workshop.clock.now())
    made = add_exception(workshop, Answer(name, images, owner, day, why, component))
    if as_json:
        output.json(exception_shape(made, made.at))
        return
    output.text(f"exception {made.number}: {_about(made)} until {made.until:%Y-%m-%d %H:%M} UTC")
    output.note(f"To end it before: herdbook exception end {made.number} --why TEXT")


def ls(
    every: Annotated[bool, typer.Option("--all", help="Also what is over.")] = False,
    as_json: AsJson = False,
) -> None:
    """List exceptions, and who answers for them."""
    from herdbook.actions.answer_for import why_void
    from herdbook.cli.channels.gate_shapes import exception_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    now = workshop.clock.now()
    found = [each for each in workshop.channels.exceptions() if every or each.holds(now)]
    void = {each.number: why_void(workshop, each) for each in found if each.holds(now)}
    if as_json:
        shapes = [exception_shape(each, now, void.get(each.number, "")) for each in found]
        output.json(shapes)
        return
    if not found:
        output.note("There are no exceptions.")
        return
    output.table(
        ["#", "for", "owner", "until", "state", "why"],
        [
            [
                str(each.number),
                _about(each),
                each.owner,
                f"{each.until:%Y-%m-%d %H:%M}",
                _state(each, now, void.get(each.number, "")),
                each.why,
            ]
            for each in found
        ],
    )


def end(
    number: Annotated[int, typer.Argument(metavar="NUMBER", min=1)],
    why: Annotated[str, typer.Option(help="For whoever looks at it later.", metavar="TEXT")],
    as_json: AsJson = False,
) -> None:
    """End an exception before its day: what it is about counts again."""
    from herdbook.actions.answer_for import end_exception
    from herdbook.cli.channels.gate_shapes import exception_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    ended = end_exception(workshop, number, why)
    if as_json:
        output.json(exception_shape(ended, workshop.clock.now()))
    else:
        output.text(f"exception {number} is ended: {_about(ended)} counts again")


def _about(exception: "GateException") -> str:
    inside = f" in {exception.component}" if exception.component else ""
    return f"{exception.name}{inside} of {exception.images}"


def _state(exception: "GateException", now: datetime, void: str) -> str:
    if exception.ended_at is not None:
        return f"ended by {exception.ended_by}"
    if not exception.holds(now):
        return "expired"
    return f"void: {void}" if void else "holds"
