"""Commands about who may do what: role grant, revoke and ls, and whoami."""

from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.completion import complete_subject
from herdbook.cli.options import AsJson
from herdbook.cli.output import Output
from herdbook.people.model import Role, read_subject

if TYPE_CHECKING:
    from herdbook.actions.tell_who import Who

_Subject = Annotated[
    str,
    typer.Argument(
        metavar="SUBJECT",
        help="user:NAME, group:NAME or robot:NAME.",
        autocompletion=complete_subject,
    ),
]
_Role = Annotated[Role, typer.Argument(metavar="ROLE", help=f"One of: {', '.join(Role)}.")]
_Images = Annotated[
    str, typer.Option(metavar="PATTERN", help="For which images: a name, or a pattern with *.")
]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    role = typer.Typer(help="Say who may do what.", no_args_is_help=True)
    role.command()(grant)
    role.command()(revoke)
    role.command()(ls)
    app.add_typer(role, name="role")
    app.command()(whoami)


def grant(subject: _Subject, role: _Role, images: _Images = "*", as_json: AsJson = False) -> None:
    """Grant somebody a role; from the first one on, everybody needs one."""
    from herdbook.actions.grant_roles import grant_role
    from herdbook.cli.people.shapes import grant_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    whom = read_subject(subject)
    done = grant_role(open_session(output), whom, role, images)
    if as_json:
        own = grant_shape(done.own) if done.own else None
        output.json({**grant_shape(done.grant), "own": own})
        return
    output.text(f"{subject} is {role} for {images}")
    if done.own:
        output.text(
            f"{done.own.subject} is admin for everything: whoever grants the first role is, so "
            "that nobody locks themselves out"
        )
        output.note("From now on everybody needs a role: see who has one with herdbook role ls")


def revoke(subject: _Subject, role: _Role, images: _Images = "*", as_json: AsJson = False) -> None:
    """Withdraw a role that somebody was granted."""
    from herdbook.actions.grant_roles import withdraw_role
    from herdbook.cli.people.shapes import grant_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    whom = read_subject(subject)
    done = withdraw_role(open_session(output), whom, role, images)
    if as_json:
        output.json(grant_shape(done))
    else:
        output.text(f"{subject} is no longer {role} for {images}")


def ls(as_json: AsJson = False) -> None:
    """List who was granted what."""
    from herdbook.cli.people.shapes import grant_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    found = open_session(output).people.standing().grants
    if as_json:
        output.json([grant_shape(each) for each in found])
        return
    if not found:
        output.note("Nobody was granted anything: everybody on this machine may do everything.")
        return
    output.table(
        ["who", "role", "images", "since", "by"],
        [
            [str(each.subject), each.role.value, each.images, f"{each.at:%Y-%m-%d}", each.who]
            for each in found
        ],
    )


def whoami(as_json: AsJson = False) -> None:
    """Say who you are here, by what, and what your roles are."""
    from herdbook.actions.tell_who import tell_who
    from herdbook.cli.people.shapes import who_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    found = tell_who(open_session(output))
    if as_json:
        output.json(who_shape(found))
    else:
        _print(output, found)


def _print(output: Output, who: "Who") -> None:
    authority = who.authority
    limits = ""
    if authority.token:
        role = f" as {authority.role}" if authority.role else ""
        limits = f" {authority.token}, for {authority.images}{role}"
    if authority.issuer:
        called = f", called {authority.called} there" if authority.called else ""
        until = f", until {authority.until:%Y-%m-%d %H:%M} UTC" if authority.until else ""
        limits = f" of {authority.issuer}{called}{until}"
    output.text(f"{who.actor}, by {authority.means}{limits}")
    output.text(f"groups: {', '.join(who.groups) or 'none'}")
    for each in who.grants:
        by = "" if each.subject.actor == who.actor else f" (by {each.subject})"
        output.text(f"{each.role} for {each.images}{by}")
    if who.disabled:
        output.text("disabled: nothing may be done")
    elif not who.roles_hold:
        output.text("nobody was granted anything: you may do everything")
    elif not who.grants:
        output.text("no role: only reading on this machine")
