"""Completes names of images, instances and so on in the shell; a failure completes nothing."""

import typer

from herdbook.core.errors import HerdbookError

_MOST = 200
"""More names than that help nobody to choose."""


def complete_image(incomplete: str) -> list[str]:
    """Return the names of images that begin like this."""
    from herdbook.cli.output import Output
    from herdbook.cli.session import open_session

    try:
        return open_session(Output(as_json=True)).versions.names(incomplete, _MOST)
    except (HerdbookError, OSError):
        return []


def complete_component(incomplete: str) -> list[str]:
    """Return the names of components that begin like this."""
    from herdbook.cli.output import Output
    from herdbook.cli.session import open_session

    try:
        return open_session(Output(as_json=True)).components.names(incomplete, _MOST)
    except (HerdbookError, OSError):
        return []


def complete_campaign(incomplete: str) -> list[str]:
    """Return the numbers of campaigns that begin like this, the newest first."""
    from herdbook.cli.output import Output
    from herdbook.cli.session import open_session

    try:
        every = open_session(Output(as_json=True)).campaigns.every()
    except (HerdbookError, OSError):
        return []
    return [number for each in every if (number := str(each.number)).startswith(incomplete)][:_MOST]


def complete_instance(incomplete: str) -> list[str]:
    """Return the names of instances that begin like this."""
    from herdbook.cli.output import Output
    from herdbook.cli.session import open_session

    try:
        engines = open_session(Output(as_json=True)).engines.values()
        names = [seen.name for engine in engines for seen in engine.observe()]
    except (HerdbookError, OSError):
        return []
    return [name for name in names if name.startswith(incomplete)]


def complete_application(incomplete: str) -> list[str]:
    """Return the names of applications that begin like this."""
    from herdbook.cli.output import Output
    from herdbook.cli.session import open_session

    try:
        every = open_session(Output(as_json=True)).fleet.every()
    except (HerdbookError, OSError):
        return []
    return [each.name for each in every if each.name.startswith(incomplete)][:_MOST]


def complete_volume(context: typer.Context, incomplete: str) -> list[str]:
    """Return the names of volumes of the application that was named before."""
    from herdbook.actions.list_data import volumes_of
    from herdbook.cli.output import Output
    from herdbook.cli.session import open_session

    try:
        workshop = open_session(Output(as_json=True))
        every = volumes_of(workshop, context.params.get("application") or "")
    except (HerdbookError, OSError):
        return []
    return [each.name for each in every if each.name.startswith(incomplete)][:_MOST]
