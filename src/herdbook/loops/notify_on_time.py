"""Tells subscribers of what was written down, each in its own time, beside all else."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event

from herdbook.actions.tell_subscribers import tell_subscriber
from herdbook.actions.workshop import Workshop
from herdbook.notifications.deciding import is_due
from herdbook.notifications.model import Course

_EVERY_SECONDS = 1.0
_AT_ONCE = 4


@dataclass
class NoticesOnTime:
    """All subscriptions; `turn` is called often and returns at once.

    They have threads of their own: who is slow to listen keeps no instance from being started.
    """

    workshop: Workshop
    say: Callable[[str], None]
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_AT_ONCE))
    _under_way: "dict[str, Future[Course]]" = field(default_factory=dict)
    _troubles: dict[str, str] = field(default_factory=dict)
    _looked_at: float | None = None
    _ended: Event = field(default_factory=Event)

    def turn(self) -> None:
        """Take note of who was told, and begin to tell those who are due."""
        for name in [name for name, future in self._under_way.items() if future.done()]:
            future = self._under_way.pop(name)
            fault = future.exception()
            self._take_note(name, str(fault) if fault else future.result().trouble)
        now = self.workshop.clock.monotonic_seconds()
        if self._looked_at is not None and now < self._looked_at + _EVERY_SECONDS:
            return
        self._looked_at = now
        every = self.workshop.subscriptions.every()
        head = self.workshop.audit.head().number if every else 0
        time = self.workshop.clock.now()
        for subscription, course in every:
            waits = course.number < head and is_due(course, time)
            if waits and subscription.name not in self._under_way:
                self._under_way[subscription.name] = self._pool.submit(
                    tell_subscriber, self.workshop, subscription, course, self._ended.is_set
                )

    def close(self) -> None:
        """Begin nothing more; a message under way is over within seconds."""
        self._ended.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _take_note(self, name: str, trouble: str) -> None:
        if trouble and self._troubles.get(name) != trouble:
            self.say(f"{name} is not told: {trouble}")
        self._troubles[name] = trouble
