"""Declares a version bad, at once or by date, and says before what that reaches."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from herdbook.actions.check_revoked import is_forbidden
from herdbook.actions.name_version import version_meant
from herdbook.actions.note import entry, require_words
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.channels.model import Assignment, Level, Made, Revocation
from herdbook.channels.revoking import REINSTATE, REVOKE, meant
from herdbook.core.errors import NotFoundError
from herdbook.fleet.records import LIVE
from herdbook.people.acts import Act
from herdbook.rollouts.model import in_force


@dataclass(frozen=True)
class Fall:
    """A channel that would mean another version then; None where it would mean nothing."""

    before: Assignment
    after: Assignment | None


@dataclass(frozen=True)
class Consumer:
    """An application with a release in force that uses such a version, and how much of it runs."""

    application: str
    release: int
    component: str
    made: Made
    instances: int


@dataclass(frozen=True)
class Reach:
    """What a revocation reaches: the version and all made from it, channels and applications."""

    revocation: Revocation
    version: Version
    reached: tuple[Made, ...]
    falls: tuple[Fall, ...]
    consumers: tuple[Consumer, ...]


def plan_revocation(
    workshop: Workshop,
    name: str,
    reason: str,
    since: Mapping[Level, datetime],
    *,
    inherited: bool = True,
) -> Reach:
    """Return what revoking a version reaches once all of it holds; nothing is changed.

    What is revoked already stays so: of two dates, the earlier one holds.
    """
    require_words(reason, "--reason")
    version = version_meant(workshop, name)
    made = (version.image, version.number)
    known = workshop.channels.revocations([made]).get(made)
    dates = dict(known.since) if known else {}
    revocation = Revocation(
        version.image,
        version.number,
        workshop.clock.now(),
        workshop.actor,
        reason,
        {
            level: min(filter(None, (since.get(level), dates.get(level))))
            for level in Level
            if level in since or level in dates
        },
        inherited,
    )
    reached = _reached(workshop, made, inherited=inherited)
    return Reach(
        revocation,
        version,
        tuple(reached),
        tuple(_falls(workshop, revocation, set(reached))),
        tuple(_consumers(workshop, set(reached))),
    )


def revoke(workshop: Workshop, reach: Reach) -> None:
    """Do what was planned; raises ForbiddenError without the role for any image it reaches."""
    revocation = reach.revocation
    made = (revocation.image, revocation.version)
    images = _images_reached(workshop, made, inherited=revocation.inherited)
    require_role(workshop, Act.REVOKE, *images)
    written = entry(
        workshop,
        REVOKE,
        revocation.label,
        digest=reach.version.digest,
        reason=revocation.reason,
        since={level.value: at.isoformat() for level, at in revocation.since.items()},
        inherited=revocation.inherited,
        reached=len(reach.reached),
    )
    workshop.channels.revoke(revocation, written)


def reinstate(workshop: Workshop, name: str) -> str:
    """Take a revocation back, and return the version's label: channels mean it again.

    Raises ForbiddenError without the role for any image that it reaches.
    """
    known = {each.label: made for made, each in workshop.channels.revocations().items()}
    if (made := known.get(name)) is None:  # else also one that was forgotten meanwhile
        version = version_meant(workshop, name)
        name, made = version.label, (version.image, version.number)
    require_role(workshop, Act.REINSTATE, *_images_reached(workshop, made, inherited=False))
    written = entry(workshop, REINSTATE, name)
    if not workshop.channels.reinstate(made, written, workshop.clock.now()):
        hint = "See which are: herdbook revocations" if known else "None is."
        raise NotFoundError(f"{name} is not revoked", hint=hint)
    return name


def _reached(workshop: Workshop, made: Made, *, inherited: bool) -> list[Made]:
    return [made, *(workshop.versions.descendants(*made) if inherited else ())]


def _images_reached(workshop: Workshop, made: Made, *, inherited: bool) -> Iterable[str]:
    """Return the images that a revocation reaches, or has reached so far, its own first."""
    known = workshop.channels.revocations([made]).get(made)
    inherited = inherited or (known is not None and known.inherited)
    return dict.fromkeys(image for image, _ in _reached(workshop, made, inherited=inherited))


def _falls(workshop: Workshop, revocation: Revocation, reached: set[Made]) -> Iterator[Fall]:
    level = Level.RELEASES
    if level not in revocation.since:
        return
    now = max(revocation.since[level], workshop.clock.now())
    for image in sorted({image for image, _ in reached}):
        for head in workshop.channels.every(image):
            history = workshop.channels.history(image, head.channel)
            before = meant(history, lambda each: is_forbidden(workshop, each.made, level, at=now))
            after = meant(
                history,
                lambda each: is_forbidden(workshop, each.made, level, at=now, supposing=revocation),
            )
            if before is not None and before != after:
                yield Fall(before, after)


def _consumers(workshop: Workshop, reached: set[Made]) -> Iterator[Consumer]:
    for application in workshop.fleet.every():
        name = application.name
        records = workshop.fleet.instances(name)
        for number in sorted(in_force(application.standing, workshop.fleet.newest(name))):
            release = workshop.fleet.release(name, number)
            for component in release.settings.components if release else ():
                made = (component.instance.image, component.instance.number)
                if made in reached:
                    living = sum(
                        (each.release, each.component) == (number, component.name)
                        and each.role in LIVE
                        for each in records
                    )
                    yield Consumer(name, number, component.name, made, living)
