"""Decides who may do what: from grants, and from what limits whoever asks."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from herdbook.core.errors import ConflictError
from herdbook.people.acts import MAY, Act, role_for
from herdbook.people.model import (
    EVERYTHING,
    Authority,
    Grant,
    Means,
    Role,
    Standing,
    Subject,
    SubjectKind,
    covers,
    subject_of,
)

_MOST_NAMED = 5
"""So many images are named that somebody lacks the role for: a catalogue has thousands."""


@dataclass(frozen=True)
class Asker:
    """Who wants something done: as the audit calls them, by what, and in which groups they are.

    Groups are asked for only where something hangs on them: a directory service may be slow.
    """

    actor: str
    authority: Authority
    groups: Callable[[], AbstractSet[str]]


def grants_of(standing: Standing, asker: Asker) -> list[Grant]:
    """Return what somebody was granted, themselves or by a group."""
    subject = subject_of(asker.actor)
    some = any(each.subject.kind is SubjectKind.GROUP for each in standing.grants)
    groups = asker.groups() if some else frozenset()
    return [
        each
        for each in standing.grants
        if each.subject == subject
        or (each.subject.kind is SubjectKind.GROUP and each.subject.name in groups)
    ]


def why_not(standing: Standing, asker: Asker, act: Act, images: Sequence[str] = ()) -> str:
    """Return why somebody may not do something to images; empty where they may.

    Without images it is done to all there is. Where nobody was granted anything, everybody of this
    machine may do everything; robots and people of issuers may not, nor whoever is disabled, nor
    what a token is not for.
    """
    subject, authority = subject_of(asker.actor), asker.authority
    if authority.means is Means.SYSTEM:
        return ""
    if subject.kind is SubjectKind.USER and subject.name in standing.disabled:
        return f"{subject.name} is disabled"
    wanted = images or (EVERYTHING,)
    if reason := _beyond(authority, act, wanted):
        return reason
    if not standing.grants and not is_asked_from_the_first(subject):
        return ""
    granted = [each for each in grants_of(standing, asker) if each.role in MAY[act]]
    lacking = [image for image in wanted if not any(each.covers(image) for each in granted)]
    return f"that takes the role {role_for(act)} for {_called(lacking)}" if lacking else ""


def is_asked_from_the_first(subject: Subject) -> bool:
    """Tell whether somebody needs a role even where nobody was granted any."""
    return subject.kind is not SubjectKind.USER or subject.is_foreign


def may_read(standing: Standing, asker: Asker, image: str) -> bool:
    """Tell whether somebody may see an image and pull it."""
    return not why_not(standing, asker, Act.READ, (image,))


def refuse_without_admin(standing: Standing) -> None:
    """Raise ConflictError where roles hold, and no person who is not disabled may grant any.

    Groups do not count: who is in one is not always ours to say. Robots are nobody to ask, and
    whose provider does not answer any more cannot come.
    """
    people = (
        each.name
        for each in standing.admins
        if each.kind is SubjectKind.USER
        and not each.is_foreign
        and each.name not in standing.disabled
    )
    if standing.grants and not any(people):
        raise ConflictError(
            "Then no person could grant anything any more",
            hint=f"Make somebody else one first: herdbook role grant user:NAME {Role.ADMIN}",
        )


def _beyond(authority: Authority, act: Act, images: Sequence[str]) -> str:
    """Return why something is beyond what a token is for; empty where it is not."""
    if authority.role is not None and authority.role not in MAY[act]:
        return f"the token {authority.token} is for the role {authority.role} alone"
    lacking = [image for image in images if not covers(authority.images, image)]
    if lacking:
        only = f"the token {authority.token} is for {authority.images} alone"
        return f"{only}, not for {_called(lacking)}"
    return ""


def _called(images: Sequence[str]) -> str:
    named = ["everything (*)" if each == EVERYTHING else each for each in images[:_MOST_NAMED]]
    more = len(images) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
