"""Logging in at an OpenID provider by the device grant (RFC 8628), and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


@dataclass(frozen=True)
class IdToken:
    """What an ID token says that was checked."""

    claims: Mapping[str, object]
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Client:
    """Who we are for a provider: a public client, which has no secret.

    `scopes` are wished for; what the provider does not know of is left out.
    """

    url: str
    id: str
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class DeviceCode:
    """Where somebody goes to log in, and what they type there.

    `complete_address`, if any, has the code in it; `secret` is between us and the provider. It is
    asked for every `interval_seconds`, and lasts for `lasts_seconds`.
    """

    address: str
    code: str
    secret: str = field(repr=False)
    interval_seconds: float
    lasts_seconds: float
    complete_address: str = ""


class Waiting(Enum):
    """Nobody has logged in yet: ask again, or less often."""

    PENDING = "pending"
    SLOWER = "slower"


@dataclass(frozen=True)
class Given:
    """What a provider gives to who has logged in; `refresh` is empty where it ends with that."""

    id_token: str = field(repr=False)
    refresh: str = field(default="", repr=False)


@dataclass(frozen=True)
class Session:
    """A login of one user of this machine; `called` is who it is for the issuer, for good."""

    issuer: str
    called: str
    expires_at: datetime
    id_token: str = field(repr=False)
    refresh: str = field(default="", repr=False)
