"""Logs people in by a code that they type elsewhere (RFC 8628), and renews that (RFC 6749)."""

from urllib.parse import urlsplit

from herdbook.core.errors import ForbiddenError, InvalidInputError, NetworkError
from herdbook.drivers.openid.answers import Answer, ask, can_be_asked
from herdbook.drivers.openid.discovery import Published
from herdbook.people.logins import Client, DeviceCode, Given, Waiting

_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_INTERVAL_SECONDS, _LONGEST_INTERVAL_SECONDS = 5.0, 60.0
_LASTS_SECONDS, _LASTS_LONGEST_SECONDS = 300.0, 3600.0
_LATER = {408, 429}
"""Statuses of a provider that has too much to do, or did not hear all that was asked."""

_WAITING = {"authorization_pending": Waiting.PENDING, "slow_down": Waiting.SLOWER}
_OVER = {
    "access_denied": "The provider let you not in, or you said no there",
    "expired_token": "The code has expired before anybody has logged in with it",
    "invalid_grant": "The login is over",
}


def begin(client: Client, published: Published) -> DeviceCode:
    """Ask for a code; see the port's promises."""
    host = urlsplit(client.url).hostname
    if not (published.device_address and published.token_address):
        raise InvalidInputError(
            f"{host} lets nobody log in by a code (RFC 8628)",
            hint="Have its administrator allow the device authorization grant.",
        )
    form = {"client_id": client.id, "scope": " ".join(_scopes(client, published))}
    answer = ask(client.url, published.device_address, form)
    code = DeviceCode(
        address=answer.text("verification_uri"),
        code=answer.text("user_code"),
        secret=answer.text("device_code"),
        interval_seconds=_interval(answer),
        lasts_seconds=min(answer.seconds("expires_in", _LASTS_SECONDS), _LASTS_LONGEST_SECONDS),
        complete_address=_shown(client, answer.text("verification_uri_complete")),
    )
    if not (answer.is_ok and code.secret and code.code and _shown(client, code.address)):
        raise InvalidInputError(
            f"{host} gives {client.id} no code: {_said(answer)}",
            hint="Have it be a public client there, with the device authorization grant.",
        )
    return code


def poll(client: Client, code: DeviceCode, published: Published) -> Given | Waiting:
    """Ask whether somebody has logged in; see the port's promises."""
    form = {"grant_type": _GRANT, "device_code": code.secret, "client_id": client.id}
    answer = ask(client.url, published.token_address, form)
    waiting = _WAITING.get(answer.text("error"))
    return waiting or _given(client, answer)


def renew(client: Client, refresh: str, published: Published) -> Given:
    """Ask for another ID token; see the port's promises."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh, "client_id": client.id}
    return _given(client, ask(client.url, published.token_address, form))


def _given(client: Client, answer: Answer) -> Given:
    host = urlsplit(client.url).hostname
    if answer.is_ok and answer.text("id_token"):
        return Given(answer.text("id_token"), answer.text("refresh_token"))
    if answer.status >= 500 or answer.status in _LATER:  # noqa: PLR2004 - not the client's fault
        raise NetworkError(
            f"The OpenID provider {host} cannot answer now: status {answer.status}",
            hint="Run the same command again in a while.",
        )
    if answer.is_ok:
        raise ForbiddenError(f"{host} gives no ID token", hint="Log in again: herdbook login")
    words = _OVER.get(answer.text("error"), "The provider refuses")
    raise ForbiddenError(f"{words} ({host}: {_said(answer)})", hint="Log in again: herdbook login")


def _scopes(client: Client, published: Published) -> list[str]:
    known = published.scopes
    return [each for each in client.scopes if each == "openid" or not known or each in known]


def _interval(answer: Answer) -> float:
    wanted = answer.seconds("interval", _INTERVAL_SECONDS)
    return min(max(wanted, 1.0), _LONGEST_INTERVAL_SECONDS)


def _shown(client: Client, address: str) -> str:
    """Return an address that people can be sent to; empty for what is none, or without TLS."""
    return address if can_be_asked(client.url, address) else ""


def _said(answer: Answer) -> str:
    words = answer.text("error_description") or answer.text("error") or f"status {answer.status}"
    return words[:300]
