"""Says anew in time which signed metadata is the newest, so that clients go on believing it."""

from collections.abc import Callable
from dataclasses import dataclass

from herdbook.actions.publish_metadata import refresh
from herdbook.actions.workshop import Workshop

_EVERY_SECONDS = 600.0


@dataclass
class MetadataOnTime:
    """Looks every ten minutes, and says what was done."""

    workshop: Workshop
    say: Callable[[str], None]
    _looked_at: float | None = None

    def turn(self) -> None:
        """Look, if it is time to."""
        now = self.workshop.clock.monotonic_seconds()
        if self._looked_at is not None and now < self._looked_at + _EVERY_SECONDS:
            return
        self._looked_at = now
        if refresh(self.workshop):
            self.say("signed metadata is said to be the newest for another while")
