"""The ports to subscriptions, and to what carries messages."""

from datetime import datetime
from typing import Protocol

from herdbook.audit.chain import Entry
from herdbook.notifications.model import Course, Message, Subscription


class Subscriptions(Protocol):
    """Who is told of what; each change by a person is kept together with its audit record."""

    def every(self) -> list[tuple[Subscription, Course]]:
        """Return all, by their names, with how far they are."""
        ...

    def add(self, subscription: Subscription, entry: Entry, at: datetime) -> None:
        """Keep one, which is told of what comes after it; raises ConflictError for a taken name."""
        ...

    def remove(self, name: str, entry: Entry, at: datetime) -> bool:
        """Remove one; tell whether it was there."""
        ...

    def keep(self, subscription: Subscription, before: Course, after: Course) -> bool:
        """Keep how far one is, if it is as it was before; tell whether it was."""
        ...


class Courier(Protocol):
    """Carries one message to where somebody is told, once; whoever asks tries again."""

    def deliver(
        self, subscription: Subscription, message: Message, secret: str, now: datetime
    ) -> None:
        """Deliver a message, signed with a secret where that is its kind's way.

        Raises NetworkError where it is not taken, InvalidInputError where that can never be.
        """
        ...
