"""Says of a release what in it is known to be exploited: nothing goes back to that by itself."""

from collections.abc import Iterator

from herdbook.actions.find_vulnerabilities import find_vulnerabilities
from herdbook.actions.workshop import Workshop
from herdbook.fleet.applications import InstanceSpec, Release

_SHOWN = 3


def why_exposed(workshop: Workshop, release: Release) -> str:
    """Return what is known to be exploited in a release, by what was imported until now."""
    specs = (each.instance for each in release.settings.components)
    names = sorted({name for each in specs for name in _exploited(workshop, each)})
    if not names:
        return ""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more} in it is known to be exploited"


def _exploited(workshop: Workshop, spec: InstanceSpec) -> Iterator[str]:
    """Yield what is known to be exploited in an image of ours; of others nothing is known."""
    version = workshop.versions.find(spec.image, spec.number) if spec.base is None else None
    if version is not None:
        yield from (
            each.name for each in find_vulnerabilities(workshop, version).open if each.exploited
        )
