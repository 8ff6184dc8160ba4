"""Finds out what an OpenID provider has: its keys and the addresses to ask at (Discovery 1.0)."""

from dataclasses import dataclass
from typing import Any

from herdbook.core.errors import NetworkError, VerificationError
from herdbook.drivers.openid.answers import Answer, ask

_PATH = "/.well-known/openid-configuration"
_MOST_KEYS = 100


@dataclass(frozen=True)
class Published:
    """What a provider publishes of itself."""

    keys: tuple[dict[str, Any], ...]
    token_address: str = ""
    device_address: str = ""
    scopes: tuple[str, ...] = ()


def published_by(url: str) -> Published:
    """Return what the provider at an address publishes; raises NetworkError, VerificationError."""
    found = _asked(url, url.rstrip("/") + _PATH)
    if found.text("issuer") != url:
        raise VerificationError(
            f"The OpenID provider at {url} says that it is another one: {found.text('issuer')!r}",
            hint="Write its address as it does, to the last letter.",
        )
    keys = _asked(url, found.text("jwks_uri")).content.get("keys")
    if not isinstance(keys, list) or not keys:
        raise VerificationError(
            f"The OpenID provider at {url} publishes no keys", hint="Ask whoever runs it."
        )
    scopes = found.content.get("scopes_supported")
    return Published(
        keys=tuple(each for each in keys[:_MOST_KEYS] if isinstance(each, dict)),
        token_address=found.text("token_endpoint"),
        device_address=found.text("device_authorization_endpoint"),
        scopes=tuple(each for each in scopes if isinstance(each, str))
        if isinstance(scopes, list)
        else (),
    )


def _asked(url: str, address: str) -> Answer:
    found = ask(url, address)
    if not found.is_ok:
        raise NetworkError(
            f"{address} answers with status {found.status}",
            hint="Is that an OpenID provider, and its whole address?",
        )
    return found
