"""Says which images applications may still need, to run or to go back to."""

from collections.abc import Iterator

from herdbook.actions.workshop import Workshop
from herdbook.fleet.applications import InstanceSpec
from herdbook.rollouts.model import in_force

_RELEASES = 5
"""So many of an application's newest releases can always be gone back to."""


def released_instances(workshop: Workshop) -> Iterator[InstanceSpec]:
    """Yield what instances of such releases are made of."""
    for application in workshop.fleet.every():
        wanted = in_force(application.standing, workshop.fleet.newest(application.name))
        for count, release in enumerate(workshop.fleet.releases(application.name)):
            if count < _RELEASES or release.number in wanted:
                yield from (each.instance for each in release.settings.components)


def released_labels(workshop: Workshop) -> set[str]:
    """Return the labels of the versions among them."""
    return {f"{each.image}:{each.number}" for each in released_instances(workshop) if each.number}
