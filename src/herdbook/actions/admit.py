"""Says whether a release may run: the one place that approvals and revocations are asked at."""

from collections.abc import Sequence

from herdbook.actions.check_revoked import why_revoked
from herdbook.actions.workshop import Workshop
from herdbook.channels.model import Level
from herdbook.fleet.applications import InstanceSpec, Release


def refusal(workshop: Workshop, release: Release, *levels: Level) -> str:
    """Return why a release must not be used for these levels (any more); empty if it may."""
    specs = (component.instance for component in release.settings.components)
    return next(filter(None, (_refusal(workshop, each, levels) for each in specs)), "")


def _refusal(workshop: Workshop, spec: InstanceSpec, levels: Sequence[Level]) -> str:
    """Return why an image must not run. One of elsewhere is what its digest says, and no more."""
    if spec.base is not None:
        return ""
    version = workshop.versions.find(spec.image, spec.number)
    if version is None:
        return f"{spec.image}:{spec.number} is not in the register any more"
    if version.digest != spec.digest:
        return f"{version.label} is not the one that was released"
    return why_revoked(workshop, (spec.image, spec.number), *levels)
