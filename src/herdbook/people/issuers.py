"""OpenID providers whose ID tokens are believed, and on which conditions they are whom."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv6Address

from herdbook.core.errors import InvalidInputError
from herdbook.people.model import Subject, SubjectKind

SUBJECT_CLAIM = "sub"
"""What a provider calls somebody by for good; every other claim may change."""

_MAIL, _MAIL_VERIFIED = "email", "email_verified"

_NAME = re.compile(r"[a-z][a-z0-9-]{0,19}")
_TAKEN = frozenset(SubjectKind)
_CLAIM = re.compile(r"[^\s=\x00-\x1f\x7f]{1,200}")
_SAID_OF_ALL = {"iss", "aud", "azp", "exp", "nbf", "iat", "jti"}
"""Claims by which tokens of one provider do not differ, or differ each time."""

_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?"
    r"(/[!-~]*)?"
)
_NO_ADDRESS = "?#@"
_HERE = {"localhost", "127.0.0.1", "::1"}
_LAST_PORT = 65535
_MOST_CHARACTERS = 500


@dataclass(frozen=True, order=True)
class Condition:
    """That a claim says exactly this, or, where it is a list, has it in it."""

    claim: str
    value: str

    def __str__(self) -> str:
        return f"{self.claim}={self.value}"

    def holds(self, claims: Mapping[str, object]) -> bool:
        """Tell whether it does for these claims; an address of mail counts once it is verified."""
        if self.claim == _MAIL and _as_text(claims.get(_MAIL_VERIFIED)) != "true":
            return False
        said = claims.get(self.claim)
        values = said if isinstance(said, list) else [said]
        return self.value in {_as_text(each) for each in values}


@dataclass(frozen=True)
class ClaimMapping:
    """That whose token meets all conditions is this robot, or this user of ours."""

    subject: Subject
    conditions: tuple[Condition, ...]

    def fits(self, claims: Mapping[str, object]) -> bool:
        """Tell whether a token with these claims is theirs."""
        return bool(self.conditions) and all(each.holds(claims) for each in self.conditions)


@dataclass(frozen=True)
class Issuer:
    """An OpenID provider, by a name that its people and groups carry: `corp:anna`.

    People's tokens are for the client `client_id`, robots' for `audience`, too; either may be
    empty. `name_claim` says what people are called, `groups_claim` in which groups they are, if
    any; `required` has to hold for all of them. `scopes` are asked for beside the usual ones.
    """

    name: str
    url: str
    at: datetime
    who: str
    client_id: str = ""
    audience: str = ""
    name_claim: str = SUBJECT_CLAIM
    groups_claim: str = ""
    required: tuple[Condition, ...] = ()
    scopes: tuple[str, ...] = ()
    mappings: tuple[ClaimMapping, ...] = ()

    @property
    def audiences(self) -> tuple[str, ...]:
        """For whom a token has to be."""
        return tuple(each for each in (self.client_id, self.audience) if each)


@dataclass(frozen=True)
class Person:
    """Somebody of an issuer who has come at least once, and is bound to what it calls them by.

    `groups` are what their newest token, of `said_at`, says.
    """

    issuer: str
    name: str
    subject: str
    groups: tuple[str, ...]
    said_at: datetime
    at: datetime
    disabled: bool = field(default=False)

    @property
    def actor(self) -> str:
        """Who that is in the audit, in grants and groups."""
        return f"{self.issuer}:{self.name}"


def checked_issuer_name(name: str) -> str:
    """Return a name for an issuer as it is; raises InvalidInputError for what can be none."""
    if not _NAME.fullmatch(name) or name in _TAKEN:
        raise InvalidInputError(
            f"{name!r} is no name for an issuer",
            hint="Lower-case letters, digits and - are, at most 20, but not user, group or robot.",
        )
    return name


def checked_url(url: str) -> str:
    """Return the address of a provider as it is, to the letter; raises InvalidInputError.

    Its keys decide who is believed: they come by TLS, or from this machine.
    """
    if not is_safe(url):
        raise InvalidInputError(
            f"{url[:_MOST_CHARACTERS]!r} is no address of an OpenID provider",
            hint="Write https://HOST/PATH, as it is in its tokens (`iss`); http is for localhost.",
        )
    return url


def is_safe(url: str) -> bool:
    """Tell whether nobody between us and an address, without a query, can change what it says."""
    if len(url) > _MOST_CHARACTERS or any(each in url for each in _NO_ADDRESS):
        return False
    found = _ADDRESS.fullmatch(url)
    if found is None or not _is_right(found["host"], found["port"]):
        return False
    return found["scheme"] == "https" or is_here(url)


def is_here(url: str) -> bool:
    """Tell whether a well-formed address, which may have a query, is of this machine alone."""
    found = _ADDRESS.match(url)
    return found is not None and found["host"].strip("[]").lower() in _HERE


def _is_right(host: str, port: str | None) -> bool:
    """Tell whether what is written like a host and a port can be one."""
    if port and not 0 < int(port) <= _LAST_PORT:
        return False
    if not host.startswith("["):
        return True
    try:
        return bool(IPv6Address(host.strip("[]")))
    except ValueError:
        return False


def read_condition(text: str) -> Condition:
    """Read `CLAIM=VALUE`; raises InvalidInputError, also for what tells no token from another."""
    claim, equals, value = text.partition("=")
    if not (equals and value and _CLAIM.fullmatch(claim)) or len(value) > _MOST_CHARACTERS:
        raise InvalidInputError(
            f"{text[:_MOST_CHARACTERS]!r} is no condition",
            hint="Write CLAIM=VALUE: sub=repo:acme/shop:ref:refs/heads/main",
        )
    if claim in _SAID_OF_ALL:
        raise InvalidInputError(
            f"{claim} says nothing of who somebody is",
            hint="Name a claim that differs from one to the next: sub, repository, ref ...",
        )
    return Condition(claim, value)


def _as_text(said: object) -> str | None:
    """Return a claim as it is written in a condition; None for what cannot be in one."""
    if isinstance(said, bool):
        return "true" if said else "false"
    return str(said) if isinstance(said, str | int) else None
