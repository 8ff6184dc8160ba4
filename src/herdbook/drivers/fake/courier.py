"""The courier that carries nothing away: the port's promises in memory."""

from dataclasses import dataclass, field
from datetime import datetime

from herdbook.core.errors import NetworkError
from herdbook.notifications.model import Message, Subscription


@dataclass
class FakeCourier:
    """Keeps what was delivered, by subscription; those in `deaf` take nothing."""

    delivered: dict[str, list[Message]] = field(default_factory=dict)
    deaf: set[str] = field(default_factory=set)

    def deliver(
        self, subscription: Subscription, message: Message, secret: str, now: datetime
    ) -> None:
        """Take note of a message."""
        del secret, now
        if subscription.name in self.deaf:
            raise NetworkError(f"{subscription.name} does not take it")
        self.delivered.setdefault(subscription.name, []).append(message)
