"""Calls webhooks: a signed event by POST, which is taken or not."""

from datetime import datetime
from urllib.parse import urlsplit

from urllib3 import Timeout
from urllib3.exceptions import HTTPError

from herdbook.core.errors import NetworkError
from herdbook.drivers.http.connections import Connections
from herdbook.notifications.composing import CLOUD_EVENT
from herdbook.notifications.model import Message
from herdbook.notifications.signing import headers

_SECONDS = 10.0
_TAKEN = range(200, 300)
_AGAIN = "It is tried again; see: herdbook notify ls"


def call_webhook(address: str, message: Message, secret: str, now: datetime) -> None:
    """Post an event; raises NetworkError for every answer but 2xx, and for a redirection, too.

    Nobody may send our bytes elsewhere.
    """
    said = {
        **headers(secret, message.identity, message.content, now),
        "Content-Type": CLOUD_EVENT,
        "User-Agent": "herdbook",
    }
    host = urlsplit(address).hostname
    connections = Connections({}, None)
    try:
        answer = connections.request(
            "POST", address, said, message.content, Timeout(total=_SECONDS)
        )
        status = answer.status
        answer.close()
    except HTTPError as error:
        raise NetworkError(f"{host} does not answer: {_plainly(error)}", hint=_AGAIN) from error
    finally:
        connections.close()
    if status not in _TAKEN:
        raise NetworkError(f"{host} does not take it: status {status}", hint=_AGAIN)


def _plainly(error: HTTPError) -> str:
    """Return what went wrong without the address, which may hold a secret in its path."""
    return type(error).__name__.removesuffix("Error") or "failed"
