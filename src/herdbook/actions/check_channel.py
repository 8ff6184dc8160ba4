"""Asks whether a channel means what it was given: nothing put there, or put back, past Herdbook."""

from herdbook.actions.workshop import Workshop
from herdbook.channels.model import Assignment
from herdbook.channels.signing import FOLLOW, PROMOTE, envelope_of, put_back
from herdbook.core.errors import VerificationError
from herdbook.signatures.checking import check_signature


def why_misplaced(workshop: Workshop, assignment: Assignment) -> str:
    """Return why a channel's assignment does not count; empty where it does."""
    image, channel = assignment.image, assignment.channel
    signature = check_signature(workshop.keys.ring(), image, envelope_of(assignment))
    if signature.fault:
        return signature.fault
    newest = next(iter(workshop.channels.history(image, channel, 1)), None)
    record = workshop.audit.newest_about(assignment.place, (PROMOTE, FOLLOW))
    return put_back(newest, record)


def refuse_misplaced(workshop: Workshop, assignment: Assignment) -> None:
    """Raise VerificationError where a channel's assignment does not count."""
    if fault := why_misplaced(workshop, assignment):
        raise VerificationError(
            f"{assignment.place} is not what it was given: {fault}",
            hint="Find out who changed the register, and promote again what is meant: herdbook "
            f"promote IMAGE:NUMBER {assignment.channel}",
        )
