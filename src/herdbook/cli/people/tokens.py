"""Commands about tokens: create, which shows one once, ls and revoke."""

from datetime import datetime
from typing import Annotated

import typer

from herdbook.cli.completion import complete_subject, complete_token
from herdbook.cli.options import AsJson
from herdbook.cli.output import Output
from herdbook.people.model import Role, SubjectKind, read_subject


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    token = typer.Typer(help="Tokens, for robots and for people elsewhere.", no_args_is_help=True)
    token.command()(create)
    token.command()(ls)
    token.command()(revoke)
    app.add_typer(token, name="token")


def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called in lists.")],
    whom: Annotated[
        str,
        typer.Option(
            "--for",
            metavar="SUBJECT",
            help="robot:NAME or user:NAME.",
            autocompletion=complete_subject,
        ),
    ],
    days: Annotated[int, typer.Option(help="So long can it be used.")] = 90,
    images: Annotated[
        str, typer.Option(metavar="PATTERN", help="For no other images than these.")
    ] = "*",
    role: Annotated[
        Role | None, typer.Option(help="For nothing that takes another role.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a token and show it, once: nobody can find it out again."""
    from herdbook.actions.keep_tokens import TokenWish, create_token
    from herdbook.cli.people.shapes import token_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    subject = read_subject(whom, SubjectKind.USER, SubjectKind.ROBOT)
    workshop = open_session(output)
    made = create_token(workshop, TokenWish(name, subject, days, images, role))
    if as_json:
        output.json({**token_shape(made.token, workshop.clock.now()), "token": made.text})
        return
    output.text(made.text)
    output.note(
        f"It is shown this once, and acts as {subject.actor} until "
        f"{made.token.expires_at:%Y-%m-%d}: HERDBOOK_TOKEN=... herdbook whoami"
    )
    if subject.kind is SubjectKind.ROBOT:
        output.note(f"A robot may do what it is granted: herdbook role grant {subject} ROLE")


def ls(
    every: Annotated[bool, typer.Option("--all", help="Also those that are revoked.")] = False,
    as_json: AsJson = False,
) -> None:
    """List tokens, for whom they are, and when they were used last."""
    from herdbook.cli.people.shapes import token_shape
    from herdbook.cli.session import open_session
    from herdbook.people.model import TokenState

    output = Output(as_json=as_json)
    workshop = open_session(output)
    now = workshop.clock.now()
    found = [
        each
        for each in workshop.people.tokens()
        if every or each.state(now) is not TokenState.REVOKED
    ]
    if as_json:
        output.json([token_shape(each, now) for each in found])
        return
    if not found:
        output.note("There is none. Make one: herdbook token create NAME --for robot:NAME")
        return
    output.table(
        ["name", "id", "for", "role", "images", "state", "until", "used"],
        [
            [
                each.name,
                each.id,
                str(each.subject),
                each.role.value if each.role else "any",
                each.images,
                each.state(now).value,
                f"{each.expires_at:%Y-%m-%d}",
                _moment(each.used_at),
            ]
            for each in found
        ],
    )


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M}" if at else "never"


def revoke(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Or its id.", autocompletion=complete_token)
    ],
    as_json: AsJson = False,
) -> None:
    """Have a token be used no more."""
    from herdbook.actions.keep_tokens import revoke_token
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    found = revoke_token(open_session(output), name)
    if as_json:
        output.json({"revoked": found.name, "id": found.id})
    else:
        output.text(f"the token {found.name} of {found.subject} is worth nothing any more")
