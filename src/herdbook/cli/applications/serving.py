"""The command that keeps applications as they are wanted: serve."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.options import AsJson
from herdbook.cli.output import Output

if TYPE_CHECKING:
    from herdbook.server.settings import Settings


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(serve)


def serve(  # noqa: PLR0913, PLR0917 - typer turns parameters into options
    stop: Annotated[bool, typer.Option("--stop", help="End the server that runs.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Say which server works.")] = False,
    move_here: Annotated[
        bool,
        typer.Option(
            "--move-here", help="Start here what ran on another machine, which is gone for good."
        ),
    ] = False,
    listen: Annotated[
        str,
        typer.Option(metavar="ADDRESS:PORT", help="Give out images there, as a registry does."),
    ] = "",
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Speak TLS there, with this certificate.")
    ] = None,
    key: Annotated[Path | None, typer.Option(metavar="FILE", help="The certificate's key.")] = None,
    require_login: Annotated[
        bool, typer.Option("--require-login", help="Give images only to who may read them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Keep all applications as they are wanted, until it is ended; they go on without it."""
    from dataclasses import replace

    from herdbook.actions.move_home import move_home
    from herdbook.api.answering import answering
    from herdbook.cli.session import open_session
    from herdbook.server.serve import end_server, is_in_background
    from herdbook.server.serve import serve as act
    from herdbook.server.settings import load_settings

    output = Output(as_json=False)
    settings = load_settings()
    if stop:
        output.text("the server has ended" if end_server(settings) else "no server ran")
        return
    if status:
        _show_status(settings, Output(as_json=as_json))
        return
    settings = replace(
        settings,
        listen=listen or settings.listen,
        certificate=certificate or settings.certificate,
        key=key or settings.key,
        require_login=require_login or settings.require_login,
    )
    # A server acts as itself: it must not end, nor not begin, with somebody's token or session.
    workshop = open_session(Output(as_json=True), heed_login=move_here)
    if move_here:
        move_home(workshop)
    must = not is_in_background(settings)
    view = answering(settings, workshop, output.text, must=must)
    act(settings, workshop, output.text, view, move=move_here)


def _show_status(settings: "Settings", output: Output) -> None:
    from herdbook.cli.applications.shapes import status_shape
    from herdbook.cli.session import open_session
    from herdbook.server.status import status_of

    found = status_of(settings, open_session(Output(as_json=True)))
    if output.as_json:
        output.json(status_shape(found))
    else:
        output.text(found.words)
