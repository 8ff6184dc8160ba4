"""Commands about one's own login at an OpenID provider: login and logout."""

from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.completion import complete_issuer
from herdbook.cli.options import AsJson
from herdbook.cli.output import Output

if TYPE_CHECKING:
    from herdbook.people.logins import DeviceCode


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(login)
    app.command()(logout)


def login(
    issuer: Annotated[
        str,
        typer.Argument(
            metavar="[ISSUER]",
            help="Where; need not be said where there is one.",
            autocompletion=complete_issuer,
            show_default=False,
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Log in at an OpenID provider, in a browser anywhere; the next commands are yours, as that."""
    from herdbook.actions.log_in import log_in
    from herdbook.cli.people.shapes import session_shape
    from herdbook.cli.session import open_session
    from herdbook.server.settings import load_settings

    output = Output(as_json=as_json)

    def tell(code: "DeviceCode") -> None:
        output.demand(f"Open {code.address} and type {code.code}")
        if code.complete_address:
            output.demand(f"or open {code.complete_address} and compare {code.code}")

    done = log_in(open_session(output, heed_login=False), issuer, tell)
    if load_settings().token is not None:
        output.note("HERDBOOK_TOKEN is set: as long as it is, commands act as it says, not as you.")
    actor, until = done.identity.actor, done.token.expires_at
    if as_json:
        output.json(session_shape(actor, done.issuer.name, until))
        return
    output.text(f"You are {actor} now, at this register and on this machine")
    output.note(
        f"What you may do: herdbook whoami. Until {until:%Y-%m-%d %H:%M} UTC, and on where "
        "the provider lets it be renewed. To end it: herdbook logout"
    )


def logout(as_json: AsJson = False) -> None:
    """End your login: the next commands are by you as a user of this machine."""
    from herdbook.actions.log_in import log_out
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    ended = log_out(open_session(output, heed_login=False).sessions)
    if as_json:
        output.json({"ended": ended})
    else:
        output.text("logged out" if ended else "you were not logged in")
