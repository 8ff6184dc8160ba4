"""Destroys the data of an application that is down, for good."""

from herdbook.actions.find_application import application_named, images_in, is_up, newest_release
from herdbook.actions.mount_volumes import named_volumes
from herdbook.actions.note import note
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import ConflictError
from herdbook.people.acts import Act
from herdbook.recipes.model import Variant


def destroy(workshop: Workshop, name: str) -> list[str]:
    """Remove all volumes of an application, and its secrets; return the volumes' names.

    What is external, or another application has, too, is left. Raises ConflictError where
    something of it still runs.
    """
    application = application_named(workshop, name)
    require_role(workshop, Act.DESTROY_DATA, *images_in(newest_release(workshop, name)))
    if is_up(workshop, application):
        raise ConflictError(f"{name} still runs", hint=f"First: herdbook down {name}")
    others = {
        each
        for other in workshop.fleet.every()
        if other.name != name
        for each in _volumes(workshop, other.name, external=True)
    }
    volumes = [each for each in _volumes(workshop, name, external=False) if each not in others]
    names = sorted({volume for _, volume in volumes})
    note(workshop, Act.DESTROY_DATA.value, name, volumes=", ".join(names))
    for variant, volume in volumes:
        workshop.volumes[variant].destroy(volume)
    workshop.vault.forget(name)
    return names


def _volumes(workshop: Workshop, name: str, *, external: bool) -> dict[tuple[Variant, str], None]:
    """Return all volumes that an application's releases name, with or without external ones."""
    found = (
        (component.instance.variant, volume)
        for release in workshop.fleet.releases(name)
        for component in release.settings.components
        for use, volume in named_volumes(component)
        if external or not use.external
    )
    return dict.fromkeys(found)
