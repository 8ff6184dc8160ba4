"""Begins rollouts and has a say in them: on, back, pause, resume, down."""

from collections.abc import Callable

from herdbook.actions.admit import refusal
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import ConflictError, NotFoundError
from herdbook.core.nearest import did_you_mean
from herdbook.fleet.applications import Release
from herdbook.rollouts.model import Rollout, RolloutState
from herdbook.rollouts.ports import Application, Changes, Happening
from herdbook.rollouts.progress import next_stage

_SEVERAL_TIMES = 10


def application_named(workshop: Workshop, name: str) -> Application:
    """Return an application; raises NotFoundError with the nearest name."""
    found = workshop.fleet.find(name)
    if found is None:
        known = [each.name for each in workshop.fleet.every()]
        raise NotFoundError(
            f"There is no application {name!r}",
            hint=did_you_mean(name, known, "Bring one up: herdbook up compose.yaml"),
        )
    return found


def roll_out(workshop: Workshop, release: Release, *, reverts: bool = False) -> Rollout | None:
    """Begin a rollout to a release; None where it runs already and nothing is under way."""
    application = application_named(workshop, release.application)
    current = workshop.fleet.newest(application.name)
    under_way = current is not None and not current.over
    if not under_way and application.standing == release.number:
        return None
    if current is not None and under_way and current.goal == release.number:
        return current
    if reason := refusal(workshop, release):
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
    return workshop.fleet.begin(rollout)


def roll_back(workshop: Workshop, name: str, number: int | None) -> Rollout | None:
    """Go back to a release of earlier, by default the one before.

    Where the rollout that is under way came from there, it is taken back: what is kept warm
    serves again.
    """
    application = application_named(workshop, name)
    current = workshop.fleet.newest(name)
    under_way = current is not None and not current.over
    if number is None:
        number = _before(workshop, application, current)
    if current is not None and under_way and current.before == number and not current.back:
        return abort(workshop, name)
    release = workshop.fleet.release(name, number)
    if release is None:
        numbers = ", ".join(str(each.number) for each in workshop.fleet.releases(name))
        raise NotFoundError(f"{name} has no release {number}", hint=f"It has: {numbers}.")
    return roll_out(workshop, release, reverts=True)


def _before(workshop: Workshop, application: Application, current: Rollout | None) -> int:
    if current is not None and not current.over:
        found = current.before
    else:
        done = [
            each.after
            for each in workshop.fleet.rollouts(application.name)
            if each.state is RolloutState.COMPLETE and each.after != application.standing
        ]
        found = done[0] if done else 0
    if not found:
        raise ConflictError(
            f"{application.name} has no release before to go back to",
            hint=f"See which there are: herdbook releases {application.name}",
        )
    return found


def resume(workshop: Workshop, name: str) -> Rollout:
    """Go on with a rollout that waits; what failed is tried again."""

    def change(rollout: Rollout) -> Rollout:
        now = workshop.clock.now()
        if rollout.state is RolloutState.ROLLBACK_PAUSED:
            return rollout.moved(RolloutState.ROLLING_BACK, now, "resumed by a person")
        resumed = rollout.moved(RolloutState.ROLLING, now, "resumed by a person")
        progress = {
            component: each.model_copy(update={"failed": (), "late": 0})
            for component, each in rollout.progress.items()
        }
        if rollout.state is RolloutState.HOLDING:
            progress = {
                component: next_stage(each) if each.reached_at else each
                for component, each in progress.items()
            }
        return resumed.model_copy(update={"progress": progress})

    return _changed(workshop, name, change)


def pause(workshop: Workshop, name: str) -> Rollout:
    """Let a rollout begin nothing new until somebody resumes it."""
    now = workshop.clock.now()
    return _changed(
        workshop, name, lambda each: each.moved(RolloutState.PAUSED, now, "paused by a person")
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

    return _changed(workshop, name, change)


def take_down(workshop: Workshop, name: str) -> None:
    """Have nothing of an application run any more; its data and its releases are kept."""
    application_named(workshop, name)
    for _ in range(_SEVERAL_TIMES):
        now = workshop.clock.now()
        current = workshop.fleet.newest(name)
        if current is not None and not current.over:
            over = current.moved(RolloutState.SUPERSEDED, now, "the application is taken down")
            if not workshop.fleet.save(over, current):
                continue  # it has gone on meanwhile
        happening = Happening(now, "taken down by a person")
        workshop.fleet.record(name, Changes(standing=0, happenings=(happening,)))
        return
    raise _changes_all_the_time(name)


def _changed(workshop: Workshop, name: str, change: Callable[[Rollout], Rollout]) -> Rollout:
    application_named(workshop, name)
    for _ in range(_SEVERAL_TIMES):
        before = workshop.fleet.newest(name)
        if before is None or before.over:
            raise ConflictError(
                f"No rollout of {name} is under way", hint=f"Begin one: herdbook up {name}"
            )
        after = change(before)
        if workshop.fleet.save(after, before):
            _tell(workshop, name, f"rollout {after.number}: {after.reason}")
            return after
    raise _changes_all_the_time(name)


def _changes_all_the_time(name: str) -> ConflictError:
    return ConflictError(f"The rollout of {name} changes all the time", hint="Try again.")


def _tell(workshop: Workshop, name: str, words: str) -> None:
    happening = Happening(workshop.clock.now(), words)
    workshop.fleet.record(name, Changes(happenings=(happening,)))
