"""Commands about applications: up, down, releases, rollback, rollout, exec."""

from pathlib import Path
from typing import Annotated

import typer

from herdbook.cli.applications import data, serving
from herdbook.cli.options import ApplicationName, AsJson
from herdbook.cli.output import Output

_NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait for the rollout's end.")]

rollout_commands = typer.Typer(
    name="rollout", help="Rollouts: see one, and have a say in it.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(up)
    app.command()(down)
    app.command()(releases)
    app.command()(rollback)
    # What follows the instance is the command's, its options, too.
    own = {"ignore_unknown_options": True, "allow_interspersed_args": False}
    app.command("exec", context_settings=own)(execute)
    for command in (show, pause, resume, abort):
        rollout_commands.command()(command)
    app.add_typer(rollout_commands)
    data.register(app)
    serving.register(app)


def up(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="[FILE]...", help="Compose files; those of this folder by default."),
    ] = [],  # noqa: B006 - typer copies it
    project: Annotated[str, typer.Option("--name", help="The application's name.")] = "",
    profile: Annotated[list[str], typer.Option(help="A profile to enable.")] = [],  # noqa: B006
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse what Herdbook does not do.")
    ] = False,
    no_wait: _NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Bring an application up, or to what its files say now."""
    from herdbook.actions.release_application import release_application
    from herdbook.actions.roll_out import roll_out
    from herdbook.cli.applications.following import follow
    from herdbook.cli.applications.reading import read_files
    from herdbook.cli.session import open_session
    from herdbook.server.parts import host_network
    from herdbook.server.serve import ensure_home
    from herdbook.server.settings import load_settings

    output = Output(as_json=as_json)
    composed = read_files(files, project, profile, output, strict=strict)
    workshop = open_session(output)
    ensure_home(load_settings(), workshop)
    release = release_application(workshop, host_network(), composed)
    rollout = roll_out(workshop, release)
    if rollout is None:
        output.note(f"{release.application} runs release {release.number} already.")
    follow(workshop, output, release.application, rollout, wait=not no_wait)


def down(
    application: ApplicationName,
    destroy_data: Annotated[
        str, typer.Option(metavar="NAME", help="Remove its volumes, too: say its name again.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Take an application down; its data, releases and secrets are kept."""
    from herdbook.actions.destroy_data import destroy
    from herdbook.actions.find_application import application_named
    from herdbook.actions.roll_out import take_down
    from herdbook.cli.applications.following import wait_until_down
    from herdbook.cli.session import open_session
    from herdbook.core.errors import InvalidInputError
    from herdbook.server.serve import ensure_home
    from herdbook.server.settings import load_settings

    output = Output(as_json=as_json)
    if destroy_data and destroy_data != application:
        raise InvalidInputError(
            f"--destroy-data {destroy_data!r} is not the application's name",
            hint=f"To remove its data for good: herdbook down {application} "
            f"--destroy-data {application}",
        )
    workshop = open_session(output)
    application_named(workshop, application)
    ensure_home(load_settings(), workshop)
    take_down(workshop, application)
    wait_until_down(workshop, application)
    destroyed = destroy(workshop, application) if destroy_data else []
    if as_json:
        output.json({"application": application, "destroyed": destroyed})
        return
    output.text(f"{application} is down")
    if destroyed:
        output.text(f"destroyed: {', '.join(destroyed)}")


def releases(application: ApplicationName, as_json: AsJson = False) -> None:
    """List the releases of an application, the newest first."""
    from herdbook.actions.find_application import application_named
    from herdbook.cli.applications.shapes import release_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    standing = application_named(workshop, application).standing
    found = workshop.fleet.releases(application)
    if as_json:
        output.json([release_shape(each, standing) for each in found])
        return
    output.table(
        ["#release", "made", "state", "images"],
        [
            [
                str(each.number),
                f"{each.made_at:%Y-%m-%d %H:%M:%S}",
                "running" if each.number == standing else "",
                ", ".join(
                    f"{part.instance.image}:{part.instance.number}"
                    if part.instance.number
                    else part.instance.image
                    for part in each.settings.components
                ),
            ]
            for each in found
        ],
    )


def rollback(
    application: ApplicationName,
    release: Annotated[
        int | None, typer.Argument(metavar="[RELEASE]", min=1, show_default=False)
    ] = None,
    no_wait: _NoWait = False,
    as_json: AsJson = False,
) -> None:
    """Go back to a release of earlier, whole: images, settings and secrets."""
    from herdbook.actions.roll_out import roll_back
    from herdbook.cli.applications.following import follow
    from herdbook.cli.session import open_session
    from herdbook.server.serve import ensure_home
    from herdbook.server.settings import load_settings

    output = Output(as_json=as_json)
    workshop = open_session(output)
    ensure_home(load_settings(), workshop)
    rollout = roll_back(workshop, application, release)
    if rollout is None:
        output.note(f"{application} runs that release already.")
    follow(workshop, output, application, rollout, wait=not no_wait)


def execute(
    instance: Annotated[str, typer.Argument(metavar="INSTANCE")],
    command: Annotated[list[str], typer.Argument(metavar="COMMAND...")],
) -> None:
    """Run a command inside an instance, as its service runs."""
    import os
    import sys

    from herdbook.actions.execute import execute as act
    from herdbook.cli.session import open_session

    workshop = open_session(Output(as_json=False))
    arguments = act(workshop, instance, command, terminal=sys.stdin.isatty())
    sys.stdout.flush()
    os.execvp(arguments[0], arguments)  # noqa: S606 - the person's own command takes over


def show(application: ApplicationName, as_json: AsJson = False) -> None:
    """Show where an application's newest rollout is, and what happened in it."""
    from herdbook.cli.applications.status_page import show_rollout
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    show_rollout(open_session(output), output, application)


def pause(application: ApplicationName, as_json: AsJson = False) -> None:
    """Let a rollout begin nothing new until it is resumed."""
    _say("pause", application, as_json=as_json)


def resume(application: ApplicationName, as_json: AsJson = False) -> None:
    """Go on with a rollout that waits; what failed is tried again."""
    _say("resume", application, as_json=as_json)


def abort(application: ApplicationName, as_json: AsJson = False) -> None:
    """Take a rollout back."""
    _say("abort", application, as_json=as_json)


def _say(word: str, application: str, *, as_json: bool) -> None:
    from herdbook.actions import roll_out
    from herdbook.cli.applications.shapes import rollout_shape
    from herdbook.cli.session import open_session
    from herdbook.server.serve import ensure_home, ensure_served
    from herdbook.server.settings import load_settings

    output = Output(as_json=as_json)
    workshop = open_session(output)
    ensure_home(load_settings(), workshop)
    act = {"pause": roll_out.pause, "resume": roll_out.resume, "abort": roll_out.abort}[word]
    rollout = act(workshop, application)
    ensure_served(load_settings())
    if as_json:
        output.json(rollout_shape(rollout))
    else:
        output.text(f"rollout {rollout.number} of {application} is {rollout.state}")
