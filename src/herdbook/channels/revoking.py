"""Decides what a revocation means: for the version, for what was made from it, and from when."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from herdbook.audit.chain import Record
from herdbook.channels.model import Assignment, Level, Made, Revocation


def forbidding(
    revocations: Mapping[Made, Revocation], lineage: Sequence[Made], level: Level, now: datetime
) -> Revocation | None:
    """Return what forbids a version at a level, if anything does.

    `lineage` is the version itself, then the one that it was made from, and so on.
    """
    for distance, made in enumerate(lineage):
        found = revocations.get(made)
        if found and (found.inherited or distance == 0) and found.holds(level, now):
            return found
    return None


def in_words(made: Made, revocation: Revocation) -> str:
    """Say of a version why it must not be used."""
    label = f"{made[0]}:{made[1]}"
    if made == (revocation.image, revocation.version):
        return f"{label} is revoked: {revocation.reason}"
    return f"{label} is made from {revocation.label}, which is revoked: {revocation.reason}"


def meant(
    history: Sequence[Assignment], forbidden: Callable[[Assignment], bool]
) -> Assignment | None:
    """Return what a channel means: the newest that is not forbidden. `history` begins with it.

    So nothing has to be moved when a version is revoked, or on the day it will be; and where it
    is reinstated, the channel means it again.
    """
    return next((each for each in history if not forbidden(each)), None)


REVOKE, REINSTATE = "revoke", "reinstate"
"""What the audit says is done to a version that is declared bad, or good again."""


def contradicts(revocation: Revocation | None, record: Record | None, label: str) -> str:
    """Return where the register and the audit say other things of a version; else empty.

    `record` is the newest one of it that says either.
    """
    by_audit = record is not None and record.verb == REVOKE
    if by_audit == (revocation is not None):
        return ""
    if by_audit:
        return f"by the audit {label} is revoked, and the register does not say so"
    return f"the register says that {label} is revoked, and the audit knows nothing of that"
