"""Finds the version that people mean: by number, the newest one, or what a channel means now."""

from herdbook.actions.check_channel import refuse_misplaced
from herdbook.actions.check_revoked import is_forbidden, raise_revoked, revocation_of
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.catalogue.names import no_image, version_named
from herdbook.channels.model import Assignment, Level, check_channel
from herdbook.channels.revoking import meant
from herdbook.core.errors import InvalidInputError, NotFoundError, VerificationError
from herdbook.core.nearest import did_you_mean

_PAGE = 20


def version_meant(workshop: Workshop, name: str, *levels: Level) -> Version:
    """Return the version that `shop/web`, `shop/web:3` or `shop/web@production` names.

    A channel means the newest of its versions that may be used for all these levels, by default
    for releases. Raises as `version_named`, and NotFoundError for a channel that means nothing.
    """
    image, at, channel = name.partition("@")
    if not at:
        return version_named(workshop.versions, name)
    if ":" in image:
        raise InvalidInputError(
            f"{name!r} names both a version and a channel",
            hint="Write IMAGE:NUMBER or IMAGE@CHANNEL.",
        )
    return _verified(workshop, assigned(workshop, image, check_channel(channel), *levels))


def assigned(workshop: Workshop, image: str, channel: str, *levels: Level) -> Assignment:
    """Return the assignment that a channel means now; see `version_meant`."""
    found = present(workshop, image, channel, *levels)
    if found is not None:
        return found
    last = last_given(workshop, image, channel)
    if last:  # all that it ever meant is revoked
        forbidding = revocation_of(workshop, last.made, *(levels or (Level.RELEASES,)))
        if forbidding:
            trouble = f"No version of {image}@{channel} may be used any more: "
            raise_revoked(last.made, forbidding, trouble)
    if workshop.versions.find(image) is None:
        raise no_image(workshop.versions, image)
    known = [each.channel for each in workshop.channels.every(image)]
    raise NotFoundError(
        f"{image} has no channel {channel!r}",
        hint=did_you_mean(channel, known, f"Begin it: herdbook promote {image} {channel}"),
    )


def last_given(workshop: Workshop, image: str, channel: str) -> Assignment | None:
    """Return what a channel got last, whether or not that may be used; None for nothing."""
    return next(iter(workshop.channels.history(image, channel, 1)), None)


def present(workshop: Workshop, image: str, channel: str, *levels: Level) -> Assignment | None:
    """Return what a channel means now, or None where it means nothing."""
    wanted = levels or (Level.RELEASES,)

    def forbidden(each: Assignment) -> bool:
        return is_forbidden(workshop, each.made, *wanted)

    newest = meant(workshop.channels.history(image, channel, _PAGE), forbidden)
    return newest or meant(workshop.channels.history(image, channel)[_PAGE:], forbidden)


def _verified(workshop: Workshop, assignment: Assignment) -> Version:
    """Return an assignment's version; raises where it is not the one that was promoted."""
    refuse_misplaced(workshop, assignment)
    version = version_named(workshop.versions, assignment.label)
    if version.digest != assignment.digest:
        raise VerificationError(
            f"{assignment.label} is not what was promoted to {assignment.channel}",
            hint=f"Promote again what is meant: herdbook promote {assignment.label} "
            f"{assignment.channel}",
        )
    return version
