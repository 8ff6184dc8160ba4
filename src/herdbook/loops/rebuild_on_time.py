"""Rebuilds what was approved, one after the other, beside all else, and says what came of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Thread

from herdbook.actions.note import note
from herdbook.actions.rebuild_proposal import Rebuilt, is_to_be_rebuilt, rebuild_proposal
from herdbook.actions.workshop import Workshop
from herdbook.channels.proposals import Proposal
from herdbook.core.errors import HerdbookError
from herdbook.core.progress import NoProgress

_EVERY_SECONDS = 2.0
_AGAIN = timedelta(hours=1)
"""After a failure: whoever mends what was wrong before that can have it rebuilt by hand."""


@dataclass
class RebuildsOnTime:
    """The proposals that are approved and wait to be rebuilt; `turn` returns at once.

    A build ends with the program, whatever it does then, as where that is killed: nothing of it is
    to be seen, and whoever is the server next begins anew.
    """

    workshop: Workshop
    say: Callable[[str], None]
    _failed_at: dict[int, datetime] = field(default_factory=dict)
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
        now = self.workshop.clock.now()
        for each in reversed(self.workshop.channels.proposals()):
            failed = self._failed_at.get(each.number)
            if not each.waits_to_be_rebuilt or (failed and now < failed + _AGAIN):
                continue
            try:
                if is_to_be_rebuilt(self.workshop, each):
                    yield each
            except HerdbookError as error:  # it was forgotten, or changed past us
                self._fail(each, error)

    def _rebuild(self, proposal: Proposal) -> None:
        workshop = replace(self.workshop, progress=NoProgress())
        try:
            self.say(_in_words(rebuild_proposal(workshop, proposal.number)))
        except HerdbookError as error:
            self._fail(proposal, error)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not go unseen in a thread
            self.say(f"proposal {proposal.number}: a fault in Herdbook: {error!r}")
            self._failed_at[proposal.number] = self.workshop.clock.now()

    def _fail(self, proposal: Proposal, error: HerdbookError) -> None:
        self._failed_at[proposal.number] = self.workshop.clock.now()
        self.say(f"proposal {proposal.number} cannot be rebuilt: {error.message}")
        place = f"{proposal.image}@{proposal.channel}"
        number, reason = proposal.number, error.message
        note(self.workshop, "rebuild-failed", place, proposal=number, reason=reason)


def _in_words(found: Rebuilt) -> str:
    how = "as it was proposed, bit by bit" if found.is_identical else "NOT what was proposed"
    return f"proposal {found.proposal.number} is rebuilt: {found.version.label}, {how}"
