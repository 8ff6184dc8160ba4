"""Grants roles and withdraws them; whoever grants the first one becomes an admin by that."""

from dataclasses import dataclass

from herdbook.actions.note import entry
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.audit.chain import Entry
from herdbook.core.errors import NotFoundError
from herdbook.people.acts import Act
from herdbook.people.model import (
    EVERYTHING,
    Grant,
    Role,
    Subject,
    checked_pattern,
    subject_of,
)


@dataclass(frozen=True)
class Granted:
    """What was granted; `own` is what whoever granted it got by that, as the first to do so."""

    grant: Grant
    own: Grant | None


def grant_role(workshop: Workshop, subject: Subject, role: Role, images: str) -> Granted:
    """Grant somebody a role for images; from the first one on, roles are asked for.

    So that nobody locks themselves out, whoever gives that command becomes admin of everything.
    Raises ForbiddenError where they may not.
    """
    require_role(workshop, Act.GRANT_ROLE)
    made = _grant(workshop, subject, role, checked_pattern(images))
    own = None
    if not workshop.people.standing().grants:
        own = _grant(workshop, subject_of(workshop.actor), Role.ADMIN, EVERYTHING)
        if (made.subject, made.role, made.images) == (own.subject, own.role, own.images):
            own = None  # that is what is granted anyhow
    grants = [each for each in (own, made) if each]
    written = [_entry(workshop, Act.GRANT_ROLE, each) for each in grants]
    workshop.people.grant(grants, written, made.at)
    return Granted(made, own)


def withdraw_role(workshop: Workshop, subject: Subject, role: Role, images: str) -> Grant:
    """Withdraw what somebody was granted.

    Raises NotFoundError where they were not, ConflictError where no admin would be left.
    """
    require_role(workshop, Act.WITHDRAW_ROLE)
    grant = _grant(workshop, subject, role, images)
    written = _entry(workshop, Act.WITHDRAW_ROLE, grant)
    if not workshop.people.withdraw(grant, written, grant.at):
        raise NotFoundError(
            f"{subject} was not granted {role} for {images}",
            hint="See what was granted: herdbook role ls",
        )
    return grant


def _grant(workshop: Workshop, subject: Subject, role: Role, images: str) -> Grant:
    return Grant(subject, role, images, workshop.clock.now(), workshop.actor)


def _entry(workshop: Workshop, act: Act, grant: Grant) -> Entry:
    subject = str(grant.subject)
    return entry(workshop, act.value, subject, role=grant.role.value, images=grant.images)
