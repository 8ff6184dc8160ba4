"""Asks, at the beginning of each verb, whether whoever gives the command has the role for it."""

from collections.abc import Set as AbstractSet
from contextlib import suppress

from herdbook.actions.note import note
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import ForbiddenError
from herdbook.people.acts import Act, role_for
from herdbook.people.deciding import Asker, why_not
from herdbook.people.model import (
    EVERYTHING,
    Authority,
    Means,
    Standing,
    is_foreign_name,
    subject_of,
)

REFUSED = "refused"
"""What the audit says of what somebody wanted to do and may not."""

SYSTEM = Authority(Means.SYSTEM)
"""By what Herdbook does what it does by itself, or goes on with what somebody began who may."""


def require_role(workshop: Workshop, act: Act, *images: str) -> None:
    """Raise ForbiddenError, and write it down, where whoever gives the command may not do that.

    Without images, it is done to all there is.
    """
    if workshop.authority.means is Means.SYSTEM:
        return
    standing = workshop.people.standing()
    reason = why_not(standing, asker_of(workshop), act, images)
    if reason:
        with suppress(Exception):  # it is refused, whether or not that can be written
            note(workshop, REFUSED, _about(images), act=act.value, reason=reason)
        raise _refusal(standing, workshop.actor, act, images, reason)


def asker_of(workshop: Workshop) -> Asker:
    """Return whoever gives the command, as it is decided about them."""
    return asker(workshop, workshop.actor, workshop.authority)


def asker(workshop: Workshop, actor: str, authority: Authority) -> Asker:
    """Return somebody who wants something, as it is decided about them."""
    return Asker(actor, authority, lambda: _groups(workshop, actor, authority))


def why_barred(workshop: Workshop, act: Act, actor: str, image: str) -> str:
    """Return why somebody may not do something (any more), whatever they act by; empty if so."""
    found = asker(workshop, actor, Authority())
    return why_not(workshop.people.standing(), found, act, (image,))


def _groups(workshop: Workshop, actor: str, authority: Authority) -> AbstractSet[str]:
    """Return somebody's groups; of an issuer's, those that it says now, not those it said once."""
    known = workshop.groups_of(actor)
    if authority.groups is None:
        return known
    return {each for each in known if not is_foreign_name(each)} | authority.groups


def _about(images: tuple[str, ...]) -> str:
    """Return what images are told as: a catalogue has thousands."""
    if not images:
        return EVERYTHING
    return images[0] if len(images) == 1 else f"{images[0]} and {len(images) - 1} more"


def _refusal(
    standing: Standing, actor: str, act: Act, images: tuple[str, ...], reason: str
) -> ForbiddenError:
    what = act.value.replace("-", " ")
    on = f" ({_about(images)})" if images else ""
    whom = ", ".join(str(each) for each in standing.admins) or "everybody on this machine"
    pattern = images[0] if len(images) == 1 else EVERYTHING
    command = f"herdbook role grant {subject_of(actor)} {role_for(act)} --images '{pattern}'"
    return ForbiddenError(
        f"{actor} may not {what}{on}: {reason}",
        hint=f"Who may grant roles: {whom}. That would be: {command}",
    )
