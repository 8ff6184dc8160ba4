"""Checks ID tokens: signature, who signed, for whom, and when; the only user of joserfc."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import (
    ExpiredTokenError,
    InvalidClaimError,
    JoseError,
    MissingClaimError,
)
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey
from joserfc.jws import JWSRegistry, extract_compact

from herdbook.core.errors import ForbiddenError
from herdbook.people.id_tokens import MOST_CHARACTERS
from herdbook.people.logins import IdToken

_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), RSAKey.key_type),
    **dict.fromkeys(("ES256", "ES384", "ES512"), ECKey.key_type),
    "Ed25519": OKPKey.key_type,
}
"""Signatures that are believed, and which kind of key makes them: those alone that only the
provider can make. Never `none`, and none by a secret (HS256 and the like): the public key is no
secret, but would do for one."""

_LEEWAY_SECONDS = 30
_LEAST_RSA_BITS = 2048
_TYPES = {"", "jwt"}
_ANEW = "Have another one given out by its issuer."
_LIMITS = JWSRegistry(algorithms=list(_KINDS), strict_check_header=False)
_LIMITS.max_header_length = 4096

_WRONG = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What joserfc raises for what others wrote: it takes much of that to be of the right kind."""

_Key = RSAKey | ECKey | OKPKey


@dataclass(frozen=True)
class Signed:
    """By what an ID token says that it is signed, before any of it is believed."""

    algorithm: str
    key_id: str | None


def signed_by(text: str) -> Signed:
    """Return by what an ID token says it is signed; raises ForbiddenError where that is nothing."""
    if len(text) > MOST_CHARACTERS:
        raise _refusal("This ID token is longer than any")
    try:
        header = extract_compact(text.encode(), registry=_LIMITS).headers()
    except _WRONG as error:
        raise _refusal("This is no ID token") from error
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in _KINDS:
        raise _refusal(f"ID tokens signed by {str(algorithm)[:20]!r} are not believed")
    if "crit" in header:  # what has to be understood, and is not by us (RFC 7515, 4.1.11)
        raise _refusal("This ID token asks for more than we know of")
    if str(header.get("typ", "")).lower() not in _TYPES:
        raise _refusal("This is a token of another kind than ID tokens")
    return Signed(algorithm, key_id if isinstance(key_id, str) else None)


def key_of(signed: Signed, published: Iterable[Mapping[str, Any]]) -> _Key | None:
    """Return the key that an ID token is signed with; None where it is not among them.

    Without a name of its key, it is the only one of its kind, or none.
    """
    wanted = _KINDS[signed.algorithm]
    fitting = [
        each
        for each in published
        if each.get("kty") == wanted
        and each.get("use", "sig") == "sig"
        and each.get("alg", signed.algorithm) == signed.algorithm
        and signed.key_id in (None, each.get("kid"))
        and not _is_short(each)
    ]
    if len(fitting) != 1:
        return None
    try:
        key = JWKRegistry.import_key(dict(fitting[0]))
    except _WRONG:
        return None
    return key if isinstance(key, RSAKey | ECKey | OKPKey) else None


def checked(
    text: str, signed: Signed, key: _Key, url: str, audiences: Collection[str], now: datetime
) -> IdToken:
    """Return what an ID token says; raises ForbiddenError where anything about it is not right."""
    try:
        token = jwt.decode(text, key, algorithms=[signed.algorithm], registry=_LIMITS)
    except _WRONG as error:
        raise _refusal(f"This ID token was not signed by {url}, or was changed since") from error
    rules = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=_LEEWAY_SECONDS,
        iss={"essential": True, "value": url},
        aud={"essential": True, "values": sorted(audiences)},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        rules.validate(token.claims)
        if "events" in token.claims:  # a logout token (OpenID Back-Channel Logout, 2.4)
            raise _refusal("This is a token of another kind than ID tokens")
        return IdToken(token.claims, _moment(token.claims["iat"]), _moment(token.claims["exp"]))
    except ExpiredTokenError as error:
        raise _refusal("This ID token has expired") from error
    except MissingClaimError as error:
        raise _refusal(f"This ID token does not say {error.claim}") from error
    except InvalidClaimError as error:
        raise _refusal(_wrong(error.claim, token.claims, audiences)) from error
    except (OverflowError, ValueError, OSError) as error:  # a time that no calendar has
        raise _refusal("This ID token has no time that can be meant") from error


def _is_short(published: Mapping[str, Any]) -> bool:
    """Tell whether an RSA key could be found out: its modulus is in base64, six bits a letter."""
    if published.get("kty") != RSAKey.key_type:
        return False
    return len(str(published.get("n", "")).lstrip("A")) * 6 < _LEAST_RSA_BITS


def _wrong(claim: str, claims: Mapping[str, Any], audiences: Collection[str]) -> str:
    if claim in {"nbf", "iat"}:
        return "This ID token is not valid yet: its issuer's clock, or ours, may be wrong"
    if claim == "aud":
        whom = " or ".join(sorted(audiences))
        return f"This ID token is for {str(claims.get('aud'))[:200]!r}, not for {whom}"
    return f"What this ID token says of {claim} is not right"


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _refusal(message: str) -> ForbiddenError:
    return ForbiddenError(message, hint=_ANEW)
