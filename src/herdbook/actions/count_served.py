"""Counts how long versions have truly served: what a soak asks for."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from herdbook.actions.tend_application import Tending
from herdbook.actions.workshop import Workshop
from herdbook.channels.model import Made
from herdbook.fleet.records import Role

_EVERY_SECONDS = 30.0
_LONGEST_SECONDS = 90.0
"""After a longer time between two looks, nobody knows what served meanwhile: nothing is counted."""


@dataclass
class ServedTime:
    """Adds up, for each version of ours, the time in which an instance of it served.

    Time counts where it served both at one look and at the next.
    """

    workshop: Workshop
    _looked_at: float | None = None
    _served: frozenset[Made] = frozenset()

    def turn(self, tended: Iterable[Tending]) -> None:
        """Look, if it is time to."""
        now = self.workshop.clock.monotonic_seconds()
        if self._looked_at is not None and now < self._looked_at + _EVERY_SECONDS:
            return
        serving = frozenset(made for each in tended for made in _serving(each))
        seconds = now - self._looked_at if self._looked_at is not None else 0.0
        both = serving & self._served
        self._looked_at, self._served = now, serving
        if both and seconds <= _LONGEST_SECONDS:
            self.workshop.channels.add_served(both, timedelta(seconds=seconds))


def _serving(tending: Tending) -> Iterable[Made]:
    for record in tending.records.values():
        component = tending.component(record)
        serves = record.role is Role.SERVING and tending.eyes.lives(record.name)
        if serves and component and component.instance.number:  # others' images have no number
            yield component.instance.image, component.instance.number
