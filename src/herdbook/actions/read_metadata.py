"""Reads signed metadata as a client would believe it: nothing that too few have signed."""

from dataclasses import dataclass
from functools import cached_property

from tuf.api.metadata import Metadata, Root, Targets

from herdbook.actions.workshop import Workshop
from herdbook.channels.model import Assignment
from herdbook.core.errors import VerificationError
from herdbook.metadata.composing import given_by
from herdbook.metadata.model import ROOT, TARGETS, target_path
from herdbook.metadata.signing import read, standing, trusted_root

_MEND = "Somebody has changed the register: lay it back from a backup."


@dataclass(frozen=True)
class Guarded:
    """A channel that so many have to sign for: the guard's role, and the list it is kept in."""

    role: str
    guard: Targets
    list_role: str


class Published:
    """What is published, verified from the pinned root on; each part is read when it is asked for.

    Raises VerificationError for what is not signed by enough.
    """

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop

    @cached_property
    def root(self) -> Metadata[Root] | None:
        """The newest root; None where nobody holds any."""
        pinned = self._workshop.anchor.pinned()
        if pinned is None:
            return None
        first = read(pinned, Root).signed.version
        known = reversed(self._workshop.metadata.history(ROOT))
        return trusted_root(pinned, [each.content for each in known if each.version > first])

    @cached_property
    def targets(self) -> Metadata[Targets] | None:
        """Which channels are guarded; None where nothing says so."""
        return self.verified(TARGETS, self.root.signed) if self.root else None

    def guard(self, role: str) -> Metadata[Targets] | None:
        """Return a guard's role; None where it is not published."""
        return self.verified(role, self.targets.signed) if self.targets else None

    def guarded(self, image: str, channel: str) -> Guarded | None:
        """Return what guards a channel; None where nobody has to sign for it."""
        delegations = self.targets.signed.delegations if self.targets else None
        if delegations is None:
            return None
        path = target_path(image, channel)
        for role, _terminating in delegations.get_roles_for_target(path):
            if found := self.guard(role):
                return Guarded(role, found.signed, list_role(found.signed, path))
        return None

    def verified(self, role: str, delegator: Root | Targets) -> Metadata[Targets] | None:
        """Return the newest of a role; None where there is none."""
        document = self._workshop.metadata.newest(role)
        if document is None:
            return None
        found = read(document.content, Targets)
        who = standing(delegator, role, found)
        if not who.enough:
            raise VerificationError(f"Too few have signed {role}: {who.in_words()}", hint=_MEND)
        return found


def list_role(guard: Targets, path: str) -> str:
    """Return the list in which a guard keeps what a channel got."""
    lists = guard.delegations.succinct_roles if guard.delegations else None
    if lists is None:
        raise VerificationError("A guard's role names no lists", hint=_MEND)
    return lists.get_role_for_target(path)


def is_list_of(guard: Targets, role: str) -> bool:
    """Tell whether a role is one of a guard's lists, and not somebody else's of a like name."""
    lists = guard.delegations.succinct_roles if guard.delegations else None
    return lists is not None and lists.is_delegated_role(role)


def why_unsigned(workshop: Workshop, assignment: Assignment) -> str:
    """Return why too few have signed that a channel gets what it got; empty where they have."""
    published = Published(workshop)
    guarded = published.guarded(assignment.image, assignment.channel)
    if guarded is None:
        return ""
    register, role = workshop.metadata, guarded.list_role
    document = register.newest(role)
    while document is not None:  # mostly it is the newest; where that is revoked, one before
        found = read(document.content, Targets)
        given = given_by(found.signed, assignment.image, assignment.channel)
        if given is None or given.number < assignment.number:
            break
        if given.number == assignment.number:
            who = standing(guarded.guard, role, found)
            if not who.enough:
                return f"too few have signed it: {who.in_words()}"
            same = (given.version, given.digest) == (assignment.version, assignment.digest)
            return "" if same else f"what was signed for it is version {given.version}"
        document = register.find(role, document.version - 1)
    return "nobody has signed that it gets that"
