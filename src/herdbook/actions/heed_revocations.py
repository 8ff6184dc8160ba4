"""Sees to it that what is revoked is not started again, and does not run on where it must not."""

from collections.abc import Callable, Mapping

from herdbook.actions.admit import refusal
from herdbook.actions.roll_out import roll_out, stood_before
from herdbook.actions.workshop import Workshop
from herdbook.channels.model import Level
from herdbook.fleet.applications import Release
from herdbook.rollouts.model import Rollout, in_force, under_way
from herdbook.rollouts.ports import Application

Find = Callable[[int], Release | None]

_NEW = (Level.RELEASES, Level.RESTARTS)


def forbidden_now(workshop: Workshop) -> frozenset[tuple[str, int, Level, bool]]:
    """Return all that is revoked now: where it changes, whatever runs has to be looked at anew."""
    now = workshop.clock.now()
    return frozenset(
        (*made, level, revocation.inherited)
        for made, revocation in workshop.channels.revocations().items()
        for level in revocation.since
        if revocation.holds(level, now)
    )


def refused_releases(
    workshop: Workshop, application: Application, rollout: Rollout | None, find: Find
) -> tuple[Mapping[int, str], Mapping[int, str]]:
    """Return which releases in force must not be started, and to which no rollout leads, and why.

    Of a rollout, both its releases: what is revoked is not gone back to, either.
    """
    numbers = in_force(application.standing, rollout)
    found = {number: release for number in numbers if (release := find(number)) is not None}

    def forbidden(*levels: Level) -> Mapping[int, str]:
        reasons = {number: refusal(workshop, each, *levels) for number, each in found.items()}
        return {number: reason for number, reason in reasons.items() if reason}

    return forbidden(Level.RESTARTS), forbidden(Level.RELEASES) if under_way(rollout) else {}


def why_replaced(
    workshop: Workshop, application: Application, rollout: Rollout | None, find: Find
) -> str:
    """Return why what runs must not run on; empty where it may, or is being replaced."""
    standing = None if under_way(rollout) else find(application.standing)
    return refusal(workshop, standing, Level.RUNNING) if standing else ""


def replace_revoked(workshop: Workshop, application: Application) -> Rollout | None:
    """Go back to the newest release that once stood and may; None where there is none."""
    for number in stood_before(workshop, application):
        release = workshop.fleet.release(application.name, number)
        if release and not refusal(workshop, release, *_NEW, Level.RUNNING):
            return roll_out(workshop, release, reverts=True)
    return None
