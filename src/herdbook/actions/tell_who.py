"""Tells whoever gives the command who they are here, by what, and what they may do."""

from dataclasses import dataclass

from herdbook.actions.require_role import asker_of
from herdbook.actions.workshop import Workshop
from herdbook.people.deciding import grants_of, is_asked_from_the_first
from herdbook.people.model import Authority, Grant, SubjectKind, subject_of


@dataclass(frozen=True)
class Who:
    """Who gives a command; without `roles_hold`, nobody is asked for a role."""

    actor: str
    authority: Authority
    groups: tuple[str, ...]
    grants: tuple[Grant, ...]
    roles_hold: bool
    disabled: bool


def tell_who(workshop: Workshop) -> Who:
    """Return who gives this command."""
    standing, actor = workshop.people.standing(), workshop.actor
    subject, asked = subject_of(actor), asker_of(workshop)
    return Who(
        actor,
        workshop.authority,
        tuple(sorted(asked.groups())),
        tuple(grants_of(standing, asked)),
        roles_hold=bool(standing.grants) or is_asked_from_the_first(subject),
        disabled=subject.kind is SubjectKind.USER and subject.name in standing.disabled,
    )
