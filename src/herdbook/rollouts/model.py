"""A rollout: from which release to which, how far it is, and where it can go from there."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from herdbook.core.errors import ConflictError
from herdbook.fleet.applications import Settled


class RolloutState(StrEnum):
    """Where a rollout is."""

    ROLLING = "rolling"
    HOLDING = "holding"
    """Old and new serve side by side until a person says `resume`."""
    PAUSED = "paused"
    """Something failed, or a person said so; nothing new is begun."""
    FROZEN = "frozen"
    """Something failed that cannot be taken back: a person decides."""
    BAKING = "baking"
    """All is new; the old ones are kept running in case that was wrong."""
    COMPLETE = "complete"
    ROLLING_BACK = "rolling back"
    ROLLED_BACK = "rolled back"
    ROLLBACK_PAUSED = "rollback paused"
    """Going back failed, too: nothing is tried by itself any more."""
    SUPERSEDED = "superseded"
    """A newer one goes on from where it was."""


_S = RolloutState

MOVES: Mapping[RolloutState, frozenset[RolloutState]] = {
    _S.ROLLING: frozenset(
        {_S.HOLDING, _S.PAUSED, _S.FROZEN, _S.BAKING, _S.ROLLING_BACK, _S.SUPERSEDED}
    ),
    _S.HOLDING: frozenset({_S.ROLLING, _S.PAUSED, _S.FROZEN, _S.ROLLING_BACK, _S.SUPERSEDED}),
    _S.PAUSED: frozenset({_S.ROLLING, _S.ROLLING_BACK, _S.SUPERSEDED}),
    _S.FROZEN: frozenset({_S.ROLLING, _S.ROLLING_BACK, _S.SUPERSEDED}),
    _S.BAKING: frozenset({_S.COMPLETE, _S.PAUSED, _S.FROZEN, _S.ROLLING_BACK, _S.SUPERSEDED}),
    _S.COMPLETE: frozenset(),
    _S.ROLLING_BACK: frozenset({_S.ROLLED_BACK, _S.ROLLBACK_PAUSED, _S.SUPERSEDED}),
    _S.ROLLED_BACK: frozenset(),
    _S.ROLLBACK_PAUSED: frozenset({_S.ROLLING_BACK, _S.SUPERSEDED}),
    _S.SUPERSEDED: frozenset(),
}
"""From where one gets to where."""

OVER = frozenset({_S.COMPLETE, _S.ROLLED_BACK, _S.SUPERSEDED})
"""Where a rollout has ended."""

WAITING = frozenset({_S.HOLDING, _S.PAUSED, _S.FROZEN, _S.ROLLBACK_PAUSED})
"""Where a rollout waits for a person."""

BACK = frozenset({_S.ROLLING_BACK, _S.ROLLED_BACK, _S.ROLLBACK_PAUSED})
"""Where the way leads back to the release before."""


class Progress(Settled):
    """How far one component is.

    `stage` counts the stages that are over; the present one began at `since`, and `reached_at` is
    when all of it served.
    `failed` are the slots whose new instances failed as they came up or soon after, each counted
    once; `late` counts those that failed when they had served for a while.
    """

    stage: int = 0
    since: datetime | None = None
    reached_at: datetime | None = None
    failed: tuple[int, ...] = ()
    late: int = 0


class Rollout(Settled):
    """A rollout; `progress` is by component, in the order in which they are rolled out.

    `before` is 0 where nothing ran before. `reverts` says that a person asked for a release of
    earlier: it takes the short way, too. `saved` counts its changes, so that two who change it at
    once are told apart.
    """

    application: str
    number: int
    before: int
    after: int
    state: RolloutState
    began_at: datetime
    since: datetime
    reason: str = ""
    progress: Mapping[str, Progress] = {}
    reverts: bool = False
    saved: int = 0

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state in OVER

    @property
    def waits(self) -> bool:
        """Whether it waits for a person."""
        return self.state in WAITING

    @property
    def back(self) -> bool:
        """Whether it leads back to the release before."""
        return self.state in BACK

    @property
    def short(self) -> bool:
        """Whether it takes the short way: no canary, and as many at once as going back allows."""
        return self.back or self.reverts

    @property
    def goal(self) -> int:
        """The release it leads to now; 0 for none."""
        return self.before if self.state in BACK else self.after

    def of(self, component: str) -> Progress:
        """Return how far a component is."""
        return self.progress.get(component, Progress())

    def with_progress(self, component: str, progress: Progress) -> "Rollout":
        """Return the rollout with one component's progress."""
        return self.model_copy(update={"progress": {**self.progress, component: progress}})

    def moved(self, state: RolloutState, now: datetime, reason: str) -> "Rollout":
        """Return the rollout in another state; raises ConflictError where that cannot be."""
        if state not in MOVES[self.state]:
            raise ConflictError(
                f"The rollout of {self.application} is {self.state}: it cannot become {state}",
                hint=f"See where it is: herdbook rollout show {self.application}",
            )
        fresh = {} if state is _S.ROLLING_BACK else self.progress
        return self.model_copy(
            update={"state": state, "since": now, "reason": reason, "progress": fresh}
        )


def under_way(rollout: Rollout | None) -> Rollout | None:
    """Return a rollout that has not ended; None for another one, or for none."""
    return None if rollout is None or rollout.over else rollout


def in_force(standing: int, rollout: Rollout | None) -> frozenset[int]:
    """Return the releases that run or may: the one that stands, those of a rollout under way."""
    current = under_way(rollout)
    return frozenset({standing, *((current.before, current.after) if current else ())}) - {0}
