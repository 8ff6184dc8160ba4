"""Decides what happens next in one slot, from what is wanted there and what was seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from herdbook.compose.deployment import Order
from herdbook.core.digests import Digest
from herdbook.fleet.balancing import FULL_WEIGHT
from herdbook.fleet.records import Life, Role, Sight
from herdbook.rollouts.operations import Admit, Drain, End, Finish, KeepWarm, Operation, Start

_LONGEST_PAUSE_SECONDS = 60.0
_FREE_ATTEMPTS = 1
"""A slot's first replacement waits for nothing; those that follow wait longer and longer."""

_PASSING = frozenset({Role.STARTING, Role.DRAINING, Role.ENDING})
"""The roles of what will soon be something else."""

_MOMENT = timedelta(seconds=1)
"""How long an instance that stopped to answer well is left to end what it has begun."""

_LINGER = timedelta(seconds=1.5)
"""How long an instance is left after its name is not answered any more: answers last a second."""


@dataclass(frozen=True)
class SlotWish:
    """What is wanted in one slot.

    `serve` is the revision that is to serve, of `release`; None where the slot is to be empty.
    `beside` may go on serving, too. With `admit` off, the new one only gets ready. What served
    before is kept running where `keep_warm` is set, and a job's record of having ended well.
    `alone` says that two of them must never run at once (they share a volume). Without
    `may_start`, the release must not be started any more. `failures` is how many failed here in a
    row, for all that is known of the revision that is wanted.
    """

    component: str
    slot: int
    serve: Digest | None
    release: int = 0
    beside: Digest | None = None
    admit: bool = True
    weight: int = 100
    keep_warm: bool = False
    alone: bool = False
    job: bool = False
    heal: bool = True
    may_start: bool = True
    order: Order = Order.START_FIRST
    settle_seconds: float = 0.0
    deadline_seconds: float = 60.0
    drain_seconds: float = 10.0
    failures: int = 0
    failed_at: datetime | None = None
    next_attempt: int = 1


@dataclass(frozen=True)
class Budget:
    """How many instances may be taken from behind the doors before something else gets there.

    Where it would take away one that is not well, only those that are behind the doors at all
    count; they are replaced a few at a time, too, or one fault of a database below would end all.
    """

    well: int
    behind: int

    def allows(self, sight: Sight) -> bool:
        """Tell whether an instance may be taken away."""
        return (self.well if sight.well else self.behind) > 0

    def without(self, sight: Sight) -> "Budget":
        """Return what is left once an instance is taken away."""
        return Budget(self.well - sight.well, self.behind - 1)


def plan_slot(
    wish: SlotWish, sights: Sequence[Sight], now: datetime, budget: Budget
) -> Iterator[Operation]:
    """Yield what is to be done in a slot now.

    The same wish with the same sights gives the same again.
    """
    slot = _Slot(wish, now, budget)
    overs = [(each, slot.over(each)) for each in sights]
    yield from (over for _, over in overs if over)
    if any(isinstance(over, Start) for _, over in overs):
        return
    alive = [each for each, over in overs if not over and each.role is not Role.ENDING]
    # What has failed is dead, but may hold a volume until it is removed.
    leaving = any(
        each.role is Role.ENDING or (over is not None and wish.alone) for each, over in overs
    )
    main = slot.main(alive)
    others = [each for each in alive if each is not main]
    if wish.serve is None:
        yield from slot.empty(alive)
    elif main is None:
        failed = sum(isinstance(over, End) and over.failed for _, over in overs)
        yield from slot.fill(others, failed, leaving=leaving)
    elif main.role is Role.DONE:
        for each in others:
            yield from slot.away(each, "the job is done", keep=wish.keep_warm)
    else:
        yield from slot.bring_up(main)
        yield from slot.replace(main, others)


def is_restless(wish: SlotWish, sights: Sequence[Sight]) -> bool:
    """Tell whether a slot will be otherwise without anybody's doing."""
    running = [each for each in sights if each.role is not Role.DONE]
    if any(each.busy or each.role in _PASSING or not each.well for each in running):
        return True
    if wish.serve is None or not wish.heal or not wish.may_start:
        return False
    return all(each.record.revision != wish.serve for each in sights)


@dataclass(frozen=True)
class _Slot:
    wish: SlotWish
    now: datetime
    budget: Budget

    def over(self, sight: Sight) -> Operation | None:
        """Return what ends an instance that has ended, or was to end."""
        if sight.busy or sight.role is Role.DONE:
            return None
        if sight.role is Role.ENDING:
            return End(sight.name, sight.record.reason or "it was to end")
        if sight.life is Life.FAILED:
            return End(sight.name, sight.complaint or "it failed", failed=True)
        if sight.life is Life.ENDED:
            return self._ended(sight)
        return self._absent(sight) if sight.life is Life.ABSENT else None

    def _ended(self, sight: Sight) -> Operation:
        if self.wish.job and sight.record.revision == self.wish.serve:
            return Finish(sight.name, "the job ended well")
        return End(sight.name, "it ended by itself", failed=not self.wish.job)

    def _absent(self, sight: Sight) -> Operation:
        record = sight.record
        if record.role is not Role.STARTING:
            return End(sight.name, "it is gone", failed=True)
        if record.revision != self.wish.serve or not self.wish.may_start:
            return End(sight.name, "it is not wanted any more")
        # Written down, but never done: whoever wrote it was killed.
        return Start(
            record.component,
            record.slot,
            record.attempt,
            record.revision,
            self.wish.release,
            record.reason or "starting it was cut off",
        )

    def main(self, alive: Sequence[Sight]) -> Sight | None:
        """Return the instance that is nearest to what is wanted."""
        ranks = {Role.DONE: 0, Role.SERVING: 1, Role.WARM: 2, Role.DRAINING: 3, Role.STARTING: 4}
        wanted = [each for each in alive if each.record.revision == self.wish.serve]
        wanted.sort(
            key=lambda each: (
                each.role is not Role.DONE,
                not each.well,
                ranks[each.role],
                each.record.attempt,
            )
        )
        return wanted[0] if wanted else None

    def fill(self, others: Sequence[Sight], failed: int, *, leaving: bool) -> Iterator[Operation]:
        """Start what is wanted, once all is gone that has to be; `failed` were found dead now."""
        wish = self.wish
        stops_first = wish.alone or (wish.order is Order.STOP_FIRST and wish.beside is None)
        live = [each for each in others if each.role is not Role.DONE]
        if not wish.may_start:
            return
        if stops_first and live:
            yield from self._make_room(live)
        elif not (stops_first and leaving):
            yield from self._begin(wish.failures + failed, failed)

    def _make_room(self, live: Sequence[Sight]) -> Iterator[Operation]:
        for each in live:
            if each.role is not Role.SERVING or self.budget.allows(each):
                why = "what replaces it cannot run beside it"
                yield from self.away(each, why, keep=False)

    def _begin(self, failures: int, failed: int) -> Iterator[Operation]:
        wish = self.wish
        if wish.serve is None or not self._may_try(failures, failed):
            return
        reason = "nothing of this revision is there"
        if failures:
            reason = f"the one before failed ({failures} in a row)"
        yield Start(wish.component, wish.slot, wish.next_attempt, wish.serve, wish.release, reason)

    def _may_try(self, failures: int, failed: int) -> bool:
        if failures and not self.wish.heal:
            return False
        if failures <= _FREE_ATTEMPTS:
            return True
        since = self.now if failed else self.wish.failed_at or self.now
        return self.now >= since + pause_after(failures)

    def bring_up(self, main: Sight) -> Iterator[Operation]:
        """Bring the wanted instance behind the doors once it is well, or give it up."""
        if main.busy or self.wish.job:
            return
        if main.role is Role.SERVING:
            yield from self._keep_up(main)
        elif main.well:
            if self.wish.admit and self._has_settled(main):
                yield Admit(main.name, self.wish.weight, "it is well")
        elif main.role is not Role.STARTING:
            if not self._may_still_answer(main):
                yield End(main.name, main.complaint or "it is not well any more", failed=True)
        elif self._late(main):
            complaint = main.complaint or "it does not answer"
            limit = f"{self.wish.deadline_seconds:g} s"
            yield End(main.name, f"not well within {limit}: {complaint}", failed=True)

    def _may_still_answer(self, main: Sight) -> bool:
        """Tell whether one that is not well is left a moment: it may be slow, not dead."""
        if main.role is not Role.DRAINING or main.sessions == 0:
            return False
        return self.now < main.record.since + min(_MOMENT, self._drain_time)

    def _keep_up(self, main: Sight) -> Iterator[Operation]:
        if not main.well:
            if self.budget.allows(main):
                yield Drain(main.name, f"it is not well: {main.complaint or 'it does not answer'}")
        elif self.wish.admit and main.record.weight != self.wish.weight:
            yield Admit(main.name, self.wish.weight, f"its share is {self.wish.weight} now")

    def _has_settled(self, main: Sight) -> bool:
        if main.role is not Role.STARTING:
            return True  # it has served before
        since = main.well_since or self.now
        return self.now >= since + timedelta(seconds=self.wish.settle_seconds)

    def _late(self, main: Sight) -> bool:
        since = max(main.record.since, main.started_at or main.record.since)
        return self.now >= since + timedelta(seconds=self.wish.deadline_seconds)

    def replace(self, main: Sight, others: Sequence[Sight]) -> Iterator[Operation]:
        """Take the others away once the wanted instance serves."""
        wish = self.wish
        for each in others:
            if each.record.revision == wish.serve:  # a second attempt: one is enough
                if main.serves or each.role is Role.STARTING:
                    yield from self.away(each, f"{main.name} is there", keep=False)
            elif each.record.revision == wish.beside:
                yield from self._go_on(each)
            elif main.serves or wish.job or each.role is not Role.SERVING:
                yield from self.away(each, f"{main.name} takes its place", keep=wish.keep_warm)

    def _go_on(self, old: Sight) -> Iterator[Operation]:
        if old.role is Role.SERVING and old.well and old.record.weight != FULL_WEIGHT:
            yield Admit(old.name, FULL_WEIGHT, "it takes its whole share")
        elif old.role in {Role.WARM, Role.DRAINING} and old.well:
            yield Admit(old.name, FULL_WEIGHT, "it goes on beside the new one")

    def empty(self, sights: Sequence[Sight]) -> Iterator[Operation]:
        """Take all of them away from a slot that is not needed."""
        for each in sights:
            if not each.serves or self.budget.allows(each):
                why = "the slot is not needed any more"
                yield from self.away(each, why, keep=self.wish.keep_warm)

    def away(self, sight: Sight, reason: str, *, keep: bool) -> Iterator[Operation]:
        """Take an instance away, one step after the other."""
        if sight.busy:
            return
        if sight.role is Role.SERVING:
            yield Drain(sight.name, reason)
        elif sight.role is Role.DRAINING:
            yield from self._after_draining(sight, reason, keep=keep)
        elif not (keep and sight.role in {Role.WARM, Role.DONE}):
            yield End(sight.name, reason)

    def _after_draining(self, sight: Sight, reason: str, *, keep: bool) -> Iterator[Operation]:
        if not self._drained(sight):
            return
        if keep and sight.well:
            yield KeepWarm(sight.name, "in case it is needed again")
        elif not sight.well or self.now >= sight.record.since + _LINGER:
            yield End(sight.name, reason)

    def _drained(self, sight: Sight) -> bool:
        if not sight.well:
            return True
        return sight.sessions == 0 or self.now >= sight.record.since + self._drain_time

    @property
    def _drain_time(self) -> timedelta:
        return timedelta(seconds=self.wish.drain_seconds)


def pause_after(failures: int) -> timedelta:
    """Return how long a slot waits after so many failures in a row: 1 s, 2 s, 4 s ... 60 s."""
    exponent = max(failures - _FREE_ATTEMPTS - 1, 0)
    return timedelta(seconds=min(2.0 ** min(exponent, 10), _LONGEST_PAUSE_SECONDS))
