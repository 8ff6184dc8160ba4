"""Asks whether a version is revoked, or made from one that is: the one place that is asked at."""

from datetime import datetime
from typing import NoReturn

from herdbook.actions.workshop import Workshop
from herdbook.channels.model import Level, Made, Revocation
from herdbook.channels.revoking import forbidding, in_words
from herdbook.core.errors import RevokedError


def revocation_of(workshop: Workshop, made: Made, *levels: Level) -> Revocation | None:
    """Return what forbids a version now at one of these levels, if anything does."""
    lineage = workshop.versions.lineage(*made) or [made]
    known = workshop.channels.revocations(lineage)
    now = workshop.clock.now()
    found = (forbidding(known, lineage, level, now) for level in levels) if known else ()
    return next(filter(None, found), None)


def is_forbidden(
    workshop: Workshop,
    made: Made,
    *levels: Level,
    at: datetime | None = None,
    supposing: Revocation | None = None,
) -> bool:
    """Tell whether a channel must not mean a version: it is revoked at a level, or forgotten.

    That is asked for a time, by default now, and as it would be with one more revocation.
    """
    lineage = workshop.versions.lineage(*made)
    if not lineage:
        return True
    known = dict(workshop.channels.revocations(lineage))
    if supposing is not None:
        known[supposing.image, supposing.version] = supposing
    now = at or workshop.clock.now()
    return any(forbidding(known, lineage, level, now) for level in levels)


def why_revoked(workshop: Workshop, made: Made, *levels: Level) -> str:
    """Return in words why a version must not be used for that; empty where it may."""
    found = revocation_of(workshop, made, *levels)
    return in_words(made, found) if found else ""


def refuse_revoked(workshop: Workshop, made: Made, *levels: Level) -> None:
    """Raise RevokedError where a version must not be used for that."""
    found = revocation_of(workshop, made, *levels)
    if found:
        raise_revoked(made, found)


def raise_revoked(made: Made, revocation: Revocation, trouble: str = "") -> NoReturn:
    """Raise RevokedError with what would help; `trouble` says first what follows from it."""
    raise RevokedError(
        f"{trouble}{in_words(made, revocation)}",
        hint=f"Take another version, or: herdbook reinstate {revocation.label}",
    )
