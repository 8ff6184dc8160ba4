"""Reads signed metadata: nothing that too few have signed, nor that was put back since.

A client believes the same documents, but remembers by itself what it has seen, and believes nothing
that has expired; the register goes on with that until it is signed again.
"""

from dataclasses import dataclass
from functools import cached_property

from tuf.api.metadata import Metadata, Root, Targets

from herdbook.actions.workshop import Workshop
from herdbook.channels.model import Assignment
from herdbook.core.errors import VerificationError
from herdbook.metadata.composing import given_by
from herdbook.metadata.model import ROOT, TARGETS, Document, target_path
from herdbook.metadata.publishing import PUBLISH, put_back, subject_of
from herdbook.metadata.signing import read, standing, trusted_root

_MEND = (
    "Lay register and keys back from a backup; herdbook audit verify says whether more is wrong."
)


@dataclass(frozen=True)
class Guarded:
    """A channel that so many have to sign for: the list it is kept in, and who says so."""

    list_role: str
    targets: Targets


class Published:
    """What is published, verified from the pinned root on; each part is read when it is asked for.

    Raises VerificationError for what is not signed by enough, or not what was published last.
    """

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop

    @cached_property
    def root(self) -> Metadata[Root] | None:
        """The newest root; None where nobody holds any."""
        pinned = self._workshop.anchor.pinned()
        newest = self.newest(ROOT)
        if pinned is None:
            if newest is not None:
                raise VerificationError(
                    "The register has signed metadata, and no root is pinned here",
                    hint="Lay keys/root.json back from a backup, or from where that was set up.",
                )
            return None
        first = read(pinned, Root).signed.version
        known = reversed(self._workshop.metadata.history(ROOT)) if newest else ()
        return trusted_root(pinned, [each.content for each in known if each.version > first])

    @cached_property
    def targets(self) -> Metadata[Targets] | None:
        """Which channels are guarded; None where nobody holds a root, or it was just begun."""
        if self.root is None or self._workshop.metadata.newest(ROOT) is None:
            return None
        document = self.newest(TARGETS)
        if document is None:
            raise VerificationError("The register has a root, and nothing below it", hint=_MEND)
        return _verified(document, self.root.signed)

    def guarded(self, image: str, channel: str) -> Guarded | None:
        """Return what guards a channel; None where nobody has to sign for it."""
        delegations = self.targets.signed.delegations if self.targets else None
        if self.targets is None or delegations is None:
            return None
        roles = delegations.get_roles_for_target(target_path(image, channel))
        role = next((role for role, _terminating in roles), None)
        return Guarded(role, self.targets.signed) if role else None

    @property
    def roles(self) -> frozenset[str]:
        """The roles that there may be something of: targets, and all lists by them."""
        delegations = self.targets.signed.delegations if self.targets else None
        lists = delegations.roles or {} if delegations else {}
        return frozenset({TARGETS, *lists}) if self.targets else frozenset()

    def newest(self, role: str) -> Document | None:
        """Return the newest document of a role, as the audit knows it; None where there is none."""
        document = self._workshop.metadata.newest(role)
        record = self._workshop.audit.newest_about(subject_of(role), (PUBLISH,))
        if fault := put_back(document, record):
            raise VerificationError(f"The signed {role} cannot be believed: {fault}", hint=_MEND)
        return document


def _verified(document: Document, delegator: Root) -> Metadata[Targets]:
    found = read(document.content, Targets)
    who = standing(delegator, document.role, found)
    if not who.enough:
        raise VerificationError(
            f"Too few have signed {document.role}: {who.in_words()}", hint=_MEND
        )
    return found


def why_unsigned(workshop: Workshop, assignment: Assignment) -> str:
    """Return why too few have signed that a channel gets what it got; empty where they have."""
    published = Published(workshop)
    guarded = published.guarded(assignment.image, assignment.channel)
    if guarded is None:
        return ""
    role = guarded.list_role
    document = published.newest(role)
    while document is not None:  # mostly it is the newest; where that is revoked, one before
        found = read(document.content, Targets)
        given = given_by(found.signed, assignment.image, assignment.channel)
        if given is None or given.number < assignment.number:
            break
        if given.number == assignment.number:
            who = standing(guarded.targets, role, found)
            if not who.enough:
                return f"too few have signed it: {who.in_words()}"
            same = (given.version, given.digest) == (assignment.version, assignment.digest)
            return "" if same else f"what was signed for it is version {given.version}"
        document = workshop.metadata.find(role, document.version - 1)
    return "nobody has signed that it gets that"
