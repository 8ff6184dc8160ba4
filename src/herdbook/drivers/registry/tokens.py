"""Gets leave from a registry's own authority: Basic logins and Bearer tokens.

Source: the "Token Authentication Specification" and the "OAuth2 Token Authentication" of the
Distribution project.
"""

import json
from collections.abc import Callable, Sequence
from threading import Lock
from urllib.parse import urlencode, urlsplit

from urllib3 import BaseHTTPResponse

from herdbook.core.errors import InvalidInputError, NetworkError
from herdbook.drivers.http.connections import Connections
from herdbook.drivers.registry.challenges import Challenge
from herdbook.drivers.registry.logins import Login
from herdbook.images.references import RegistryName

_CLIENT = "herdbook"
_LARGEST_ANSWER_BYTES = 1 << 20
_OK = 200
_FIRST_SERVER_ERROR = 500


class Tokens:
    """Headers that say who one is, by repository and what is to be done there.

    `logins` finds one's login. Safe to use from several threads.
    """

    def __init__(
        self, connections: Connections, logins: Callable[[RegistryName], Login | None]
    ) -> None:
        self._connections = connections
        self._logins = logins
        self._headers: dict[tuple[str, str], str] = {}
        self._asking = Lock()

    def header(self, name: RegistryName, actions: str) -> str | None:
        """Return the header that the registry let us in with before, if there was one."""
        return self._headers.get((name.repository, actions))

    def answer(
        self,
        name: RegistryName,
        actions: str,
        challenges: Sequence[Challenge],
        refused: str | None,
    ) -> str | None:
        """Return the header that meets one of the registry's challenges, or None without a login.

        `refused` is the one that did not do. Raises urllib3's HTTPError, and our errors where the
        authority does not know us.
        """
        with self._asking:
            known = self.header(name, actions)
            if known is not None and known != refused:  # another thread was quicker
                return known
            header = self._made(name, actions, {each.scheme: each for each in challenges})
            if header is None or (header == refused and header.startswith("Basic")):
                return None
            self._headers[name.repository, actions] = header
            return header

    def _made(self, name: RegistryName, actions: str, offered: dict[str, Challenge]) -> str | None:
        login = self._logins(name)
        if "bearer" in offered:
            return "Bearer " + self._token(name, actions, offered["bearer"], login)
        if "basic" in offered and login is not None:
            return login.header
        return None

    def _token(
        self, name: RegistryName, actions: str, challenge: Challenge, login: Login | None
    ) -> str:
        realm = challenge.parameters.get("realm", "")
        _require_private(realm, name)
        asked = {"scope": f"repository:{name.path}:{actions}"}
        if service := challenge.parameters.get("service"):
            asked["service"] = service
        answer = self._ask(realm, asked, login)
        with answer:
            if answer.status >= _FIRST_SERVER_ERROR:
                raise NetworkError(
                    f"The authority of {name.host} answers {answer.status}",
                    hint="Try again later.",
                )
            if answer.status != _OK:
                raise InvalidInputError(
                    f"The authority of {name.host} does not let you in ({answer.status})",
                    hint=f"Log in first: podman login {name.host}",
                )
            return _read_token(answer, name)

    def _ask(self, realm: str, asked: dict[str, str], login: Login | None) -> BaseHTTPResponse:
        if login and login.identity_token:
            form = asked | {"grant_type": "refresh_token", "client_id": _CLIENT}
            form["refresh_token"] = login.identity_token
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            return self._connections.request("POST", realm, headers, urlencode(form).encode())
        headers = {"Authorization": login.header} if login else {}
        mark = "&" if urlsplit(realm).query else "?"
        return self._connections.get(f"{realm}{mark}{urlencode(asked)}", headers)


def _read_token(answer: BaseHTTPResponse, name: RegistryName) -> str:
    content = answer.read(_LARGEST_ANSWER_BYTES)
    try:
        said = json.loads(content)
        token = said.get("token") or said["access_token"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        token = None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise InvalidInputError(f"The authority of {name.host} gives no token")
    return token


def _require_private(realm: str, name: RegistryName) -> None:
    """Refuse to tell a password to whoever listens: a registry may name any authority."""
    try:
        scheme = urlsplit(realm).scheme
    except ValueError:
        scheme = ""
    if scheme == "https" or (scheme == "http" and name.is_on_this_machine):
        return
    raise InvalidInputError(
        f"{name.host} wants your password to be sent to {realm or 'nowhere'}, unprotected",
        hint="Nothing was sent. Have whoever keeps the registry look at it.",
    )
