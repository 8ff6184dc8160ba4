"""Commands about people with passwords: user add, passwd, ls, disable, enable."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.completion import complete_user
from herdbook.cli.options import AsJson
from herdbook.cli.output import Output
from herdbook.core.errors import InvalidInputError

if TYPE_CHECKING:
    from herdbook.actions.workshop import Workshop
    from herdbook.people.issuers import Person
    from herdbook.people.model import User

_Name = Annotated[str, typer.Argument(metavar="NAME", autocompletion=complete_user)]
_FromInput = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]
_MOST_CHARACTERS = 4096


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    user = typer.Typer(help="People who log in with a password.", no_args_is_help=True)
    user.command()(add)
    user.command()(passwd)
    user.command()(ls)
    user.command()(disable)
    user.command()(enable)
    app.add_typer(user, name="user")


def add(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    password_stdin: _FromInput = False,
    as_json: AsJson = False,
) -> None:
    """Add somebody who logs in with a password."""
    from herdbook.actions.keep_people import add_user
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    _print(output, add_user(workshop, name, _password(from_input=password_stdin)), f"added {name}")


def passwd(name: _Name, password_stdin: _FromInput = False, as_json: AsJson = False) -> None:
    """Give somebody, or yourself, another password."""
    from herdbook.actions.keep_people import require_may_set_password, set_password
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    require_may_set_password(workshop, name)  # before a password is asked for
    changed = set_password(workshop, name, _password(from_input=password_stdin))
    _print(output, changed, f"{name} has another password")


def ls(as_json: AsJson = False) -> None:
    """List the people who log in with a password."""
    from herdbook.cli.people.shapes import user_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    found = open_session(output).people.users()
    if as_json:
        output.json([user_shape(each) for each in found])
        return
    if not found:
        output.note("Nobody logs in with a password. Add somebody: herdbook user add NAME")
        return
    output.table(
        ["name", "state", "since", "by"],
        [
            [each.name, "disabled" if each.disabled else "", f"{each.at:%Y-%m-%d}", each.who]
            for each in found
        ],
    )


def disable(name: _Name, as_json: AsJson = False) -> None:
    """Have somebody do nothing any more, by password or any token; also ISSUER:NAME."""
    from herdbook.actions.keep_people import disable_user

    _change(disable_user, name, f"{name} may do nothing any more", as_json=as_json)


def enable(name: _Name, as_json: AsJson = False) -> None:
    """Let somebody who was disabled act again."""
    from herdbook.actions.keep_people import enable_user

    _change(enable_user, name, f"{name} may act again", as_json=as_json)


def _change(
    act: "Callable[[Workshop, str], User | Person]", name: str, words: str, *, as_json: bool
) -> None:
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    _print(output, act(open_session(output), name), words)


def _print(output: Output, user: "User | Person", words: str) -> None:
    from herdbook.cli.people.shapes import person_shape, user_shape
    from herdbook.people.model import User

    if output.as_json:
        output.json(user_shape(user) if isinstance(user, User) else person_shape(user))
    else:
        output.text(words)


def _password(*, from_input: bool) -> str:
    """Return a password from standard input, or asked for twice; never from the command line."""
    if from_input:
        return sys.stdin.read(_MOST_CHARACTERS).removesuffix("\n").removesuffix("\r")
    if not sys.stdin.isatty():
        raise InvalidInputError(
            "There is no terminal to ask for a password at",
            hint="Give it on standard input: --password-stdin < FILE",
        )
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
