"""The courier of this machine: by HTTP or by SMTP, as a subscription wants it."""

from datetime import datetime

from herdbook.drivers.couriers.mail import MailServer, send_mail
from herdbook.drivers.couriers.webhooks import call_webhook
from herdbook.notifications.model import Kind, Message, Subscription


class HostCourier:
    """Delivers at once or not at all; `mail_server` is an address, such as smtp://localhost:25."""

    def __init__(self, mail_server: str, sender: str) -> None:
        self._mail_server = mail_server
        self._sender = sender

    def deliver(
        self, subscription: Subscription, message: Message, secret: str, now: datetime
    ) -> None:
        """Deliver a message; see the port's promises."""
        if subscription.kind is Kind.MAIL:
            server = MailServer.parse(self._mail_server)
            send_mail(server, self._sender, subscription.address, message, now)
        else:
            call_webhook(subscription.address, message, secret, now)
