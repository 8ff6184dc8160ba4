"""Finds an application in the register: by its name, with what of it is up, and what came last."""

from herdbook.actions.workshop import Workshop
from herdbook.core.errors import NotFoundError
from herdbook.core.nearest import did_you_mean
from herdbook.fleet.applications import Release
from herdbook.rollouts.ports import Application


def application_named(workshop: Workshop, name: str) -> Application:
    """Return an application; raises NotFoundError with the nearest name."""
    found = workshop.fleet.find(name)
    if found is None:
        known = [each.name for each in workshop.fleet.every()]
        raise NotFoundError(
            f"There is no application {name!r}",
            hint=did_you_mean(name, known, "Bring one up: herdbook up compose.yaml"),
        )
    return found


def is_up(workshop: Workshop, application: Application | None) -> bool:
    """Tell whether anything of an application is to run, or is still there."""
    if application is None:
        return False
    return bool(application.standing or workshop.fleet.instances(application.name))


def left_of(workshop: Workshop, name: str) -> list[str]:
    """Return what is still there of an application that goes down: instances, then networks.

    The networks are the last of it that is taken away.
    """
    networks = application_named(workshop, name).networks.values()
    return [
        *(each.name for each in workshop.fleet.instances(name)),
        *(each.name for each in networks if workshop.switch.is_laid(each.name)),
    ]


def images_in(release: Release | None) -> list[str]:
    """Return the images that a release runs, each once; none where there is no release."""
    components = release.settings.components if release else ()
    return sorted({each.instance.image for each in components})


def newest_release(workshop: Workshop, name: str) -> Release | None:
    """Return the newest release of an application, whether it stands or not; None for none."""
    return next(iter(workshop.fleet.releases(name, most=1)), None)
