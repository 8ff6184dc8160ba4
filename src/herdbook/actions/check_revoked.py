"""Asks whether a version is revoked, or made from one that is: the one place that is asked at."""

from collections.abc import Iterable
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


def any_revoked(workshop: Workshop, versions: Iterable[Made], *levels: Level) -> str:
    """Return why the first of several versions must not be used that must not; empty for none."""
    return next(filter(None, (why_revoked(workshop, made, *levels) for made in versions)), "")
