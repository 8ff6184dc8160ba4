"""Begins rollouts and has a say in them: on, back, pause, resume, down."""

from collections.abc import Callable

from herdbook.actions.admit import refusal
from herdbook.actions.find_application import application_named, images_in, newest_release
from herdbook.actions.note import note
from herdbook.actions.require_role import require_role
from herdbook.actions.tell import tell
from herdbook.actions.workshop import Workshop
from herdbook.channels.model import Level
from herdbook.core.errors import ConflictError, NotFoundError
from herdbook.fleet.applications import Release
from herdbook.people.acts import Act
from herdbook.rollouts.model import Rollout, RolloutState, under_way
from herdbook.rollouts.ports import Application, Changes, Happening
from herdbook.rollouts.progress import resumed

_SEVERAL_TIMES = 10


def roll_out(workshop: Workshop, release: Release, *, reverts: bool = False) -> Rollout | None:
    """Begin a rollout to a release; None where it runs already and nothing is under way."""
    application = application_named(workshop, release.application)
    stands = images_in(workshop.fleet.release(application.name, application.standing))
    require_role(workshop, Act.ROLL_OUT, *dict.fromkeys([*images_in(release), *stands]))
    current = under_way(workshop.fleet.newest(application.name))
    if current is None and application.standing == release.number:
        return None
    if current is not None and current.goal == release.number:
        return current
    if reason := refusal(workshop, release, Level.RELEASES, Level.RESTARTS):
        raise ConflictError(
            f"Release {release.number} of {application.name} must not run: {reason}",
            hint=f"See the others: herdbook releases {application.name}",
        )
    now = workshop.clock.now()
    rollout = Rollout(
        application=application.name,
        number=0,
        before=application.standing,
        after=release.number,
        state=RolloutState.ROLLING,
        began_at=now,
        since=now,
        reverts=reverts,
    )
    note(workshop, Act.ROLL_OUT.value, application.name, release=release.number, reverts=reverts)
    return workshop.fleet.begin(rollout)


def roll_back(workshop: Workshop, name: str, number: int | None) -> Rollout | None:
    """Go back to a release of earlier, by default the one before.

    Where the rollout that is under way came from there, it is taken back: what is kept warm
    serves again.
    """
    application = application_named(workshop, name)
    current = under_way(workshop.fleet.newest(name))
    if number is None:
        number = _before(workshop, application, current)
    if current is not None and current.before == number and not current.back:
        return abort(workshop, name)
    release = workshop.fleet.release(name, number)
    if release is None:
        numbers = ", ".join(str(each.number) for each in workshop.fleet.releases(name))
        raise NotFoundError(f"{name} has no release {number}", hint=f"It has: {numbers}.")
    return roll_out(workshop, release, reverts=True)


def _before(workshop: Workshop, application: Application, current: Rollout | None) -> int:
    if current is not None:
        found = current.before
    else:
        found = next(iter(stood_before(workshop, application)), 0)
    if not found:
        raise ConflictError(
            f"{application.name} has no release before to go back to",
            hint=f"See which there are: herdbook releases {application.name}",
        )
    return found


def stood_before(workshop: Workshop, application: Application) -> list[int]:
    """Return the releases that stood before the one that does now, each once, the newest first."""
    return list(
        dict.fromkeys(
            each.after
            for each in workshop.fleet.rollouts(application.name)
            if each.state is RolloutState.COMPLETE and each.after != application.standing
        )
    )


def resume(workshop: Workshop, name: str) -> Rollout:
    """Go on with a rollout that waits; what failed is tried again."""
    now = workshop.clock.now()
    return _changed(
        workshop, name, Act.RESUME, lambda each: resumed(each, now, "resumed by a person")
    )


def pause(workshop: Workshop, name: str) -> Rollout:
    """Let a rollout begin nothing new until somebody resumes it."""
    now = workshop.clock.now()
    return _changed(
        workshop,
        name,
        Act.PAUSE,
        lambda each: each.moved(RolloutState.PAUSED, now, "paused by a person"),
    )


def abort(workshop: Workshop, name: str) -> Rollout:
    """Take a rollout back."""

    def change(rollout: Rollout) -> Rollout:
        if not rollout.before:
            raise ConflictError(
                f"Nothing of {name} ran before this rollout",
                hint=f"Take it down: herdbook down {name}",
            )
        now = workshop.clock.now()
        return rollout.moved(RolloutState.ROLLING_BACK, now, "aborted by a person")

    return _changed(workshop, name, Act.ABORT, change)


def take_down(workshop: Workshop, name: str) -> None:
    """Have nothing of an application run any more; its data and its releases are kept."""
    application_named(workshop, name)
    require_role(workshop, Act.TAKE_DOWN, *images_in(newest_release(workshop, name)))
    note(workshop, Act.TAKE_DOWN.value, name)
    for _ in range(_SEVERAL_TIMES):
        now = workshop.clock.now()
        current = under_way(workshop.fleet.newest(name))
        if current is not None:
            over = current.moved(RolloutState.SUPERSEDED, now, "the application is taken down")
            if not workshop.fleet.save(over, current):
                continue  # it has gone on meanwhile
        happening = Happening(now, "taken down by a person")
        workshop.fleet.record(name, Changes(standing=0, happenings=(happening,)))
        return
    raise _changes_all_the_time(name)


def _changed(
    workshop: Workshop, name: str, act: Act, change: Callable[[Rollout], Rollout]
) -> Rollout:
    application_named(workshop, name)
    require_role(workshop, act, *images_in(newest_release(workshop, name)))
    for _ in range(_SEVERAL_TIMES):
        before = under_way(workshop.fleet.newest(name))
        if before is None:
            raise ConflictError(
                f"No rollout of {name} is under way", hint=f"Begin one: herdbook up {name}"
            )
        after = change(before)
        note(workshop, act.value, name, rollout=after.number)
        if workshop.fleet.save(after, before):
            tell(workshop, name, f"rollout {after.number}: {after.reason}")
            return after
    raise _changes_all_the_time(name)


def _changes_all_the_time(name: str) -> ConflictError:
    return ConflictError(f"The rollout of {name} changes all the time", hint="Try again.")
