"""Asks whether a channel means what it was given: nothing put there, or put back, past Herdbook."""

from herdbook.actions.read_metadata import why_unsigned
from herdbook.actions.workshop import Workshop
from herdbook.channels.model import Assignment, Made
from herdbook.channels.revoking import REINSTATE, REVOKE, contradicts
from herdbook.channels.signing import FOLLOW, PROMOTE, envelope_of, gap, put_back
from herdbook.core.errors import VerificationError
from herdbook.signatures.checking import check_signature


def why_misplaced(workshop: Workshop, assignment: Assignment) -> str:
    """Return why a channel's assignment does not count; empty where it does."""
    image, channel = assignment.image, assignment.channel
    signature = check_signature(workshop.keys.ring(), image, envelope_of(assignment))
    if signature.fault:
        return signature.fault
    newest, *_ = workshop.channels.history(image, channel, 1)
    history = workshop.channels.history(image, channel, newest.number - assignment.number + 1)
    since = [each for each in history if each.number >= assignment.number]
    record = workshop.audit.newest_about(assignment.place, (PROMOTE, FOLLOW))
    bad = (why_misjudged(workshop, each) for each in {each.made for each in since})
    unsigned = why_unsigned(workshop, assignment)
    return unsigned or gap(since) or put_back(newest, record) or next(filter(None, bad), "")


def why_misjudged(workshop: Workshop, made: Made) -> str:
    """Return where register and audit say other things of a version, or of what it is made from."""
    lineage = workshop.versions.lineage(*made) or [made]
    known = workshop.channels.revocations(lineage)
    workshop.audit.head()  # whose seal tells whether somebody has cut it off
    for image, number in lineage:
        label = f"{image}:{number}"
        record = workshop.audit.newest_about(label, (REVOKE, REINSTATE))
        if fault := contradicts(known.get((image, number)), record, label):
            return fault
    return ""


def refuse_misplaced(workshop: Workshop, assignment: Assignment) -> None:
    """Raise VerificationError where a channel's assignment does not count."""
    if fault := why_misplaced(workshop, assignment):
        raise VerificationError(
            f"{assignment.place} is not what it was given: {fault}",
            hint="Find out what is wrong (herdbook channel history, herdbook audit verify), and "
            f"promote again what is meant: herdbook promote {assignment.label} "
            f"{assignment.channel}",
        )
