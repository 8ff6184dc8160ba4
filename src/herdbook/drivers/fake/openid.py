"""OpenID providers in memory: whoever is said to have logged in has, and time is the clock's."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from herdbook.core.clock import Clock
from herdbook.core.errors import (
    ForbiddenError,
    InvalidInputError,
    NetworkError,
    VerificationError,
)
from herdbook.people.logins import Client, DeviceCode, Given, IdToken, Waiting

_KEYS_LIFE_SECONDS, _KEYS_RENEW_SECONDS = 3600, 60
_LASTS_SECONDS = 600


@dataclass
class FakeProvider:
    """One provider; `clients` are those it knows, `is_up` whether it answers."""

    url: str
    clients: tuple[str, ...] = ("herdbook",)
    is_up: bool = True
    key: int = 1
    kept: tuple[float, int] | None = None
    codes: dict[str, Mapping[str, object] | None] = field(default_factory=dict)
    logins: dict[str, Mapping[str, object]] = field(default_factory=dict)


class FakeOpenIdProviders:
    """Providers by their addresses; ID tokens are signed with a number that only they know."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = count(1)
        self.known: dict[str, FakeProvider] = {}

    def open(self, url: str) -> FakeProvider:
        """Have a provider answer at an address."""
        return self.known.setdefault(url, FakeProvider(url))

    def issue(self, url: str, **claims: object) -> str:
        """Return an ID token of a provider, for ten minutes where nothing else is said."""
        now = int(self._clock.now().timestamp())
        usual = {"iss": url, "sub": "somebody", "aud": "herdbook", "iat": now}
        whole = {**usual, "exp": now + _LASTS_SECONDS, **claims}
        signed = ".".join(map(_written, ({"alg": "fake", "kid": self.known[url].key}, whole)))
        return f"{signed}.{_signature(url, self.known[url].key, signed)}"

    def log_in(self, url: str, code: str, **claims: object) -> None:
        """Have somebody log in with a code, of whom that is said."""
        self.known[url].codes[code] = claims

    def look(self, url: str) -> None:
        """See that a provider answers there."""
        self._fetch(url)

    def read(self, url: str, audiences: Collection[str], text: str) -> IdToken:
        """Return what an ID token says, once all of it is right."""
        signed, _, signature = text.rpartition(".")
        try:
            header, claims = map(_read, signed.split("."))
            key = int(str(header["kid"]))
            times = {name: float(str(claims[name])) for name in ("iat", "exp")}
        except (ValueError, KeyError) as error:
            raise ForbiddenError("This is no ID token") from error
        if key != self._key(url, key) or _signature(url, key, signed) != signature:
            raise ForbiddenError(f"This ID token was not signed by {url}")
        now = self._clock.now().timestamp()
        said = claims.get("aud")
        if claims.get("iss") != url or not set(audiences) & {
            *(said if isinstance(said, list) else [said])
        }:
            raise ForbiddenError("This ID token is for somebody else")
        if now >= times["exp"]:
            raise ForbiddenError("This ID token has expired")
        if now < times["iat"] - 30:
            raise ForbiddenError("This ID token is not valid yet")
        return IdToken(claims, _moment(times["iat"]), _moment(times["exp"]))

    def begin(self, client: Client) -> DeviceCode:
        """Begin to log somebody in."""
        provider = self._answering(client.url)
        if client.id not in provider.clients:
            raise InvalidInputError(f"{client.id} is not known there")
        number = next(self._numbers)
        provider.codes[f"CODE-{number}"] = None
        address = f"{client.url}/device"
        return DeviceCode(address, f"CODE-{number}", f"CODE-{number}", 5.0, _LASTS_SECONDS)

    def ask(self, client: Client, code: DeviceCode) -> Given | Waiting:
        """Ask once whether somebody has logged in."""
        provider = self._answering(client.url)
        if code.secret not in provider.codes:
            raise ForbiddenError("The login is over")
        claims = provider.codes[code.secret]
        if claims is None:
            return Waiting.PENDING
        del provider.codes[code.secret]
        return self._given(provider, claims)

    def renew(self, client: Client, refresh: str) -> Given:
        """Return another ID token, and a refresh token that takes the old one's place."""
        provider = self._answering(client.url)
        claims = provider.logins.pop(refresh, None)
        if claims is None:
            raise ForbiddenError("The login is over")
        return self._given(provider, claims)

    def _given(self, provider: FakeProvider, claims: Mapping[str, object]) -> Given:
        refresh = f"refresh-{next(self._numbers)}"
        provider.logins[refresh] = claims
        return Given(self.issue(provider.url, **claims), refresh)

    def _key(self, url: str, wanted: int) -> int:
        """Return the key that is believed: it is asked for again where another one is wanted."""
        provider = self.known.get(url) or FakeProvider(url, is_up=False)
        now = self._clock.now().timestamp()
        at, key = provider.kept or (0.0, 0)
        if provider.kept is None or not 0 <= now - at < _KEYS_LIFE_SECONDS:
            return self._fetch(url)
        if key != wanted and now - at >= _KEYS_RENEW_SECONDS:
            return self._fetch(url)
        return key

    def _fetch(self, url: str) -> int:
        provider = self._answering(url)
        provider.kept = (self._clock.now().timestamp(), provider.key)
        return provider.key

    def _answering(self, url: str) -> FakeProvider:
        provider = self.known.get(url.rstrip("/"))
        if provider is None or not provider.is_up:
            raise NetworkError(f"{url} does not answer")
        if provider.url != url:
            raise VerificationError(f"{url} says that it is another one")
        return provider


def _signature(url: str, key: int, signed: str) -> str:
    return hmac.new(f"{url} {key}".encode(), signed.encode(), "sha256").hexdigest()


def _written(said: Mapping[str, object]) -> str:
    return urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")


def _read(text: str) -> dict[str, object]:
    found = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    if not isinstance(found, dict):
        raise ValueError(text)  # noqa: TRY004 - one kind of what is no token
    return found


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
