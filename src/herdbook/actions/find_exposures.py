"""Finds releases that nothing goes back to by itself: what they have is known to be exploited."""

from collections.abc import Callable, Iterator, Mapping

from herdbook.actions.find_vulnerabilities import find_vulnerabilities
from herdbook.actions.workshop import Workshop
from herdbook.fleet.applications import InstanceSpec, Release
from herdbook.rollouts.model import Rollout, under_way

_SHOWN = 3


def exposed_releases(
    workshop: Workshop, rollout: Rollout | None, find: Callable[[int], Release | None]
) -> Mapping[int, str]:
    """Return the release that a rollout would be taken back to, and what speaks against that.

    Nothing where it is taken back already, by itself or because a person said so.
    """
    current = under_way(rollout)
    if current is None or current.back or not current.before:
        return {}
    release = find(current.before)
    components = release.settings.components if release else ()
    names = sorted({name for each in components for name in _exploited(workshop, each.instance)})
    if not names:
        return {}
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return {current.before: f"{', '.join(names[:_SHOWN])}{more} in it is known to be exploited"}


def _exploited(workshop: Workshop, spec: InstanceSpec) -> Iterator[str]:
    """Yield what is known to be exploited in an image of ours; of others nothing is known."""
    version = workshop.versions.find(spec.image, spec.number) if spec.base is None else None
    if version is not None:
        yield from (
            each.name for each in find_vulnerabilities(workshop, version).open if each.exploited
        )
