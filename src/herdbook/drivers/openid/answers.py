"""Asks OpenID providers over HTTP for JSON: little of it, soon, and from nowhere else."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError

from herdbook.core.errors import NetworkError, VerificationError
from herdbook.drivers.http.connections import Connections
from herdbook.people.issuers import is_safe

_LIMIT = Timeout(total=10.0)
_MOST_SECONDS_IN_ALL = 20.0
_MOST_BYTES = 512 << 10
_PIECE_BYTES = 1 << 16
_MOST_SECONDS = 366 * 86400
_HEADERS = {"Accept": "application/json", "User-Agent": "herdbook"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_LATER = "Nobody is let in until it does. Check the network, then run the same command again."


@dataclass(frozen=True)
class Answer:
    """What a provider answers: a status, and a JSON object."""

    status: int
    content: Mapping[str, object]

    @property
    def is_ok(self) -> bool:
        """Whether it is what was asked for."""
        return self.status == 200  # noqa: PLR2004 - the one status that has it

    def text(self, name: str) -> str:
        """Return a member that is a text; empty where there is none."""
        found = self.content.get(name)
        return found if isinstance(found, str) else ""

    def seconds(self, name: str, otherwise: float) -> float:
        """Return a member that is a number of seconds, in a year at most."""
        found = self.content.get(name)
        if isinstance(found, bool) or not isinstance(found, int | float):
            return otherwise
        return float(found) if 0 <= found < _MOST_SECONDS else otherwise


def ask(address: str, form: Mapping[str, str] | None = None) -> Answer:
    """Return what a provider answers to a GET, or to a form.

    Raises NetworkError where it does not answer within ten seconds, or with what is no JSON.
    """
    host = urlsplit(address).hostname
    if not can_be_asked(address):
        raise VerificationError(
            f"The OpenID provider sends us to {host or 'nowhere'} without TLS",
            hint="Have its addresses begin with https://.",
        )
    body = urlencode(form).encode() if form is not None else None
    connections = Connections({}, None, sent_on=False)
    try:
        with connections.request(
            "GET" if body is None else "POST",
            address,
            _HEADERS if body is None else _HEADERS | _FORM,
            body,
            _LIMIT,
        ) as answer:
            return Answer(answer.status, _object(answer))
    except (HTTPError, OSError, ValueError, RecursionError) as error:
        raise NetworkError(
            f"The OpenID provider {host} does not answer as one: {_plainly(error)}", hint=_LATER
        ) from error
    finally:
        connections.close()


def can_be_asked(address: str) -> bool:
    """Tell whether an address that a provider gives, maybe with a query, is one to go to."""
    bare, _, query = address.partition("?")
    return is_safe(bare) and query.isprintable() and query.isascii() and "#" not in query


def _object(answer: BaseHTTPResponse) -> Mapping[str, object]:
    content, until = b"", time.monotonic() + _MOST_SECONDS_IN_ALL
    for piece in answer.stream(_PIECE_BYTES, decode_content=True):
        content += piece
        if len(content) > _MOST_BYTES:
            raise ValueError("it says too much")
        if time.monotonic() > until:  # bit by bit, each in time
            raise ValueError("it takes too long")
    try:
        found = json.loads(content)
    except ValueError:
        raise ValueError(f"status {answer.status}, and no JSON") from None
    if not isinstance(found, dict):
        raise ValueError(f"status {answer.status}, and no object")  # noqa: TRY004 - told as one
    return found


def _plainly(error: Exception) -> str:
    """Return what went wrong, without the names of urllib3's own objects."""
    reason = str(getattr(error, "reason", None) or error)
    return reason.rpartition("): ")[2] or type(error).__name__
