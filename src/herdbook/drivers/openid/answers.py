"""Asks OpenID providers over HTTP for JSON: little of it, soon, and from nowhere else."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError

from herdbook.core.errors import NetworkError, VerificationError
from herdbook.drivers.http.connections import Connections
from herdbook.drivers.http.deadlines import Deadline
from herdbook.people.issuers import is_here, is_safe

_SILENCE = Timeout(total=10.0)
_LONGEST_SECONDS = 20.0
_MOST_BYTES = 512 << 10
_PIECE_BYTES = 1 << 16
_MOST_SECONDS = 366 * 86400
_HEADERS = {"Accept": "application/json", "User-Agent": "herdbook"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_TOO_LONG = "it takes too long"
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


def ask(
    url: str,
    address: str,
    form: Mapping[str, str] | None = None,
    *,
    longest_seconds: float = _LONGEST_SECONDS,
) -> Answer:
    """Return what the provider at `url` answers at an address that it gives: a GET, or a form.

    Raises NetworkError where it is silent for ten seconds, takes longer than `longest_seconds` in
    all, or answers with what is no JSON, and VerificationError where it is nowhere to go to.
    """
    if not can_be_asked(url, address):
        raise VerificationError(
            f"The OpenID provider at {url} sends us to {address[:200]!r}: that is no address with "
            "TLS",
            hint="Have its addresses begin with https://.",
        )
    host = urlsplit(address).hostname
    body = urlencode(form).encode() if form is not None else None
    deadline = Deadline(longest_seconds)
    connections = Connections(
        {}, None, sent_on=False, proxied=not is_here(address), deadline=deadline
    )
    try:
        with (
            deadline,
            connections.request(
                "GET" if body is None else "POST",
                address,
                _HEADERS if body is None else _HEADERS | _FORM,
                body,
                _SILENCE,
            ) as answer,
        ):
            return Answer(answer.status, _object(answer.status, _content(answer, deadline)))
    except (HTTPError, OSError, ValueError, RecursionError) as error:
        why = _TOO_LONG if deadline.has_passed else _plainly(error)
        raise NetworkError(
            f"The OpenID provider {host} does not answer as one: {why}", hint=_LATER
        ) from error
    finally:
        connections.close()


def can_be_asked(url: str, address: str) -> bool:
    """Tell whether an address that the provider at `url` gives, maybe with a query, is to go to.

    One of elsewhere sends nobody to this machine without TLS: who listens there is not it.
    """
    bare, _, query = address.partition("?")
    in_the_clear = is_here(address) and not address.startswith("https:")
    return (
        is_safe(bare)
        and query.isprintable()
        and query.isascii()
        and "#" not in query
        and (is_here(url) or not in_the_clear)
    )


def _content(answer: BaseHTTPResponse, deadline: Deadline) -> bytes:
    content = b""
    for piece in answer.stream(_PIECE_BYTES, decode_content=True):
        content += piece
        if len(content) > _MOST_BYTES:
            raise ValueError("it says too much")
    if deadline.has_passed:  # what is cut off can look whole
        raise ValueError(_TOO_LONG)
    return content


def _object(status: int, content: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(content)
    except ValueError:
        raise ValueError(f"status {status}, and no JSON") from None
    if not isinstance(found, dict):
        raise ValueError(f"status {status}, and no object")  # noqa: TRY004 - told as one
    return found


def _plainly(error: Exception) -> str:
    """Return what went wrong, without the names of urllib3's own objects."""
    reason = str(getattr(error, "reason", None) or error)
    return reason.rpartition("): ")[2] or type(error).__name__
