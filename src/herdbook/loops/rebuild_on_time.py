"""Rebuilds what was approved, one after the other, beside all else, and says what came of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Thread

from herdbook.actions.note import note
from herdbook.actions.rebuild_proposal import (
    REBUILD_FAILED,
    Rebuilt,
    is_to_be_rebuilt,
    rebuild_proposal,
)
from herdbook.actions.workshop import Workshop
from herdbook.channels.proposals import Proposal
from herdbook.core.errors import (
    HerdbookError,
    NetworkError,
    NoSpaceError,
    TimeoutExpiredError,
)
from herdbook.core.progress import NoProgress

_EVERY_SECONDS = 2.0
_ASK_AGAIN_SECONDS = 30.0
"""So long after approvals that do not count, whatever they rest on may have changed."""

_FOR_A_WHILE = (NetworkError, NoSpaceError, TimeoutExpiredError)
_AGAIN = timedelta(hours=1)
"""After what may be over by itself; else nobody tries again before somebody else approves."""


@dataclass
class RebuildsOnTime:
    """The proposals that are approved and wait to be rebuilt; `turn` returns at once.

    A build ends with the program, whatever it does then, as where that is killed: nothing of it is
    to be seen, and whoever is the server next begins anew.
    """

    workshop: Workshop
    say: Callable[[str], None]
    _failed: dict[int, tuple[int, datetime | None]] = field(default_factory=dict)
    _asked_at: dict[int, tuple[int, float]] = field(default_factory=dict)
    _under_way: Thread | None = None
    _looked_at: float | None = None

    def turn(self) -> None:
        """Begin to rebuild the next one, where nothing is being rebuilt."""
        if self._under_way is not None and self._under_way.is_alive():
            return
        now = self.workshop.clock.monotonic_seconds()
        if self._looked_at is not None and now < self._looked_at + _EVERY_SECONDS:
            return
        self._looked_at = now
        found = next(self._due(), None)
        if found is not None:
            self._under_way = Thread(target=self._rebuild, args=(found,), daemon=True)
            self._under_way.start()

    def _due(self) -> Iterator[Proposal]:
        for each in reversed(self.workshop.channels.proposals()):
            if not each.waits_to_be_rebuilt:
                continue
            given = len(self.workshop.channels.approvals(each.number))
            if self._has_failed(each, given) or not self._is_time_to_ask(each, given):
                continue
            try:
                if is_to_be_rebuilt(self.workshop, each):
                    yield each
            except HerdbookError as error:  # it was forgotten, or changed past us
                self._fail(each, error)

    def _has_failed(self, proposal: Proposal, given: int) -> bool:
        """Tell whether it failed with these approvals, and it is not time to try again."""
        then, again = self._failed.get(proposal.number, (-1, None))
        return then == given and (again is None or self.workshop.clock.now() < again)

    def _is_time_to_ask(self, proposal: Proposal, given: int) -> bool:
        now = self.workshop.clock.monotonic_seconds()
        then, at = self._asked_at.get(proposal.number, (-1, now))
        if then == given and now < at + _ASK_AGAIN_SECONDS:
            return False
        self._asked_at[proposal.number] = given, now
        return True

    def _rebuild(self, proposal: Proposal) -> None:
        workshop = replace(self.workshop, progress=NoProgress())
        try:
            self.say(_in_words(rebuild_proposal(workshop, proposal.number)))
        except HerdbookError as error:
            self._fail(proposal, error)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not go unseen in a thread
            self.say(f"proposal {proposal.number}: a fault in Herdbook: {error!r}")
            self._remember(proposal, None)

    def _fail(self, proposal: Proposal, error: HerdbookError) -> None:
        found = self.workshop.channels.proposal(proposal.number)
        if found is None or found != proposal:
            return  # somebody else has rebuilt it, or it is over
        for_a_while = isinstance(error, _FOR_A_WHILE)
        self._remember(proposal, self.workshop.clock.now() + _AGAIN if for_a_while else None)
        self.say(f"proposal {proposal.number} cannot be rebuilt: {error.message}")
        place = f"{proposal.image}@{proposal.channel}"
        number, reason = proposal.number, error.message
        note(self.workshop, REBUILD_FAILED, place, proposal=number, reason=reason)

    def _remember(self, proposal: Proposal, again: datetime | None) -> None:
        given = len(self.workshop.channels.approvals(proposal.number))
        self._failed[proposal.number] = given, again


def _in_words(found: Rebuilt) -> str:
    how = "as it was proposed, bit by bit" if found.is_identical else "NOT what was proposed"
    return f"proposal {found.proposal.number} is rebuilt: {found.version.label}, {how}"
