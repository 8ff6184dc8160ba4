"""An ID token is believed only where its signature, its issuer, its audience and its times are."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from herdbook.core.errors import ForbiddenError
from herdbook.drivers.openid.id_tokens import checked, key_of, signed_by
from herdbook.people.logins import IdToken

URL = "https://id.example"
NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
OTHER = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
CLAIMS = {"iss": URL, "sub": "anna", "aud": "herdbook", "iat": SECONDS, "exp": SECONDS + 300}

Keys = RSAKey | ECKey | OKPKey


def published(*keys: Keys) -> list[dict[str, Any]]:
    return [dict(each.as_dict(private=False)) for each in keys or (KEY,)]


def signed(
    claims: Mapping[str, Any] | None = None,
    key: Any = KEY,
    header: Mapping[str, Any] | None = None,
    **changed: Any,
) -> str:
    """A token; a claim that is None is left out."""
    whole = {**CLAIMS, **(claims or {}), **changed}
    said = {"alg": "RS256", "kid": "one", **(header or {})}
    content = json.dumps({name: each for name, each in whole.items() if each is not None})
    registry = jws.JWSRegistry(algorithms=[said["alg"]], strict_check_header=False)
    return jws.serialize_compact(said, content, key, registry=registry)


def read(text: str, keys: list[dict[str, Any]] | None = None, now: datetime = NOW) -> IdToken:
    """What the driver does with a token, but for fetching keys."""
    about = signed_by(text)
    key = key_of(about, published() if keys is None else keys)
    if key is None:
        raise ForbiddenError("unknown key")
    return checked(text, about, key, URL, ["herdbook"], now)


def unsigned(header: Mapping[str, Any], signature: str = "") -> str:
    parts = (urlsafe_b64encode(json.dumps(each).encode()).decode() for each in (header, CLAIMS))
    return ".".join(each.rstrip("=") for each in parts) + f".{signature}"


def refused(text: str, words: str, keys: list[dict[str, Any]] | None = None) -> None:
    with pytest.raises(ForbiddenError, match=words) as caught:
        read(text, keys)
    assert caught.value.hint or caught.value.message == "unknown key"
    assert text not in caught.value.message


def test_a_right_one_is_believed() -> None:
    found = read(signed())
    assert found.claims == CLAIMS
    assert found.expires_at.timestamp() == SECONDS + 300
    assert read(signed(aud=["other", "herdbook"])).claims["sub"] == "anna"


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        *((name, KEY) for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        ("ES256", ECKey.generate_key("P-256", {"kid": "one"})),
        ("ES384", ECKey.generate_key("P-384", {"kid": "one"})),
        ("ES512", ECKey.generate_key("P-521", {"kid": "one"})),
        ("Ed25519", OKPKey.generate_key("Ed25519", {"kid": "one"})),
    ],
)
def test_signatures_by_a_private_key_are_believed(algorithm: str, key: Keys) -> None:
    keys = published(key)
    keys[0].pop("alg", None)
    header = {"alg": algorithm}
    bare = type(key).import_key({n: v for n, v in key.as_dict(private=True).items() if n != "alg"})
    assert read(signed(key=bare, header=header), keys).claims["sub"] == "anna"


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("signature", ["", "AAAA"])
def test_none_is_no_signature(algorithm: str, signature: str) -> None:
    refused(unsigned({"alg": algorithm, "kid": "one"}, signature), "not believed|no ID token")


@pytest.mark.parametrize("form", ["pem", "der", "json"])
def test_the_public_key_is_no_secret_to_sign_with(form: str) -> None:
    """The old trick: HS256, keyed with what the provider publishes."""
    if form == "json":
        secret = json.dumps(published()[0]).encode()
    else:
        secret = KEY.as_pem(private=False) if form == "pem" else KEY.as_der(private=False)
    forged = unsigned({"alg": "HS256", "kid": "one"}).removesuffix(".")
    digest = hmac.digest(bytes(secret), forged.encode(), "sha256")
    signature = urlsafe_b64encode(digest).decode().rstrip("=")
    refused(f"{forged}.{signature}", "'HS256' are not believed")


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512", "RSA-OAEP", "dir", "XY", 5, None])
def test_other_algorithms_are_refused(algorithm: Any) -> None:
    refused(unsigned({"alg": algorithm, "kid": "one"}, "AAAA"), "not believed|no ID token")


def test_a_secret_among_the_published_keys_is_none_to_check_with() -> None:
    secret = OctKey.generate_key(256, {"kid": "one"})
    keys = [dict(secret.as_dict(private=True))]
    refused(signed(key=secret, header={"alg": "HS256"}), "not believed", keys)
    refused(signed(), "unknown key", keys)


def test_who_has_another_key_cannot_sign() -> None:
    refused(signed(key=OTHER), "was not signed by https://id.example")


def test_a_key_in_the_token_itself_says_nothing() -> None:
    mine = dict(OTHER.as_dict(private=False))
    for header in ({"jwk": mine}, {"jku": "https://evil.example/keys"}, {"x5u": "https://evil/x"}):
        refused(signed(key=OTHER, header=header), "was not signed|no ID token")


@pytest.mark.parametrize("part", [0, 1, 2])
def test_what_was_changed_is_refused(part: int) -> None:
    parts = signed().split(".")
    other = signed(sub="mallory", header={"typ": "JWT"}, key=OTHER).split(".")
    parts[part] = other[part]
    refused(".".join(parts), "was not signed|no ID token")


def test_a_key_that_is_not_known_is_refused() -> None:
    refused(signed(header={"kid": "two"}), "unknown key")
    refused(signed(), "unknown key", [])


def test_without_a_name_of_its_key_it_is_the_only_one() -> None:
    text = jwt.encode({"alg": "RS256"}, dict(CLAIMS), KEY)
    assert read(text).claims["sub"] == "anna"
    two = published(KEY, RSAKey.generate_key(2048, {"kid": "two"}))
    refused(text, "unknown key", two)


def test_keys_for_something_else_are_none_to_check_with() -> None:
    [key] = published()
    for changed in ({"use": "enc"}, {"alg": "RS512"}, {"kty": "EC"}, {"n": "AA"}, {"n": 5}):
        refused(signed(), "unknown key|was not signed", [{**key, **changed}])
    assert read(signed(), [{**key, "use": "enc", "kid": "other"}, key]).claims == CLAIMS


def test_a_key_of_another_kind_than_the_signature_is_refused() -> None:
    curve = ECKey.generate_key("P-384", {"kid": "one"})
    exchange = OKPKey.generate_key("X25519", {"kid": "one"})
    refused(unsigned({"alg": "ES256", "kid": "one"}, "A" * 86), "was not signed", published(curve))
    refused(
        unsigned({"alg": "Ed25519", "kid": "one"}, "A" * 86), "was not signed", published(exchange)
    )


def test_a_short_key_is_none() -> None:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    short = generate_private_key(65537, 1024)  # noqa: S505 - that is what is refused
    numbers = short.public_key().public_numbers()
    [key] = published()
    size = (numbers.n.bit_length() + 7) // 8
    shortened = urlsafe_b64encode(numbers.n.to_bytes(size, "big")).decode().rstrip("=")
    refused(signed(), "unknown key", [{**key, "n": shortened}])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"exp": SECONDS - 31}, "expired"),
        ({"exp": SECONDS - 30}, "expired"),
        ({"nbf": SECONDS + 31}, "not valid yet"),
        ({"iat": SECONDS + 31}, "not valid yet"),
        ({"iss": "https://evil.example"}, "iss is not right"),
        ({"iss": f"{URL}/"}, "iss is not right"),
        ({"iss": [URL]}, "iss is not right"),
        ({"aud": "other"}, "for 'other', not for herdbook"),
        ({"aud": ["a", "b"]}, "not for herdbook"),
        ({"aud": []}, "not for herdbook"),
        ({"aud": "herdbook2"}, "not for herdbook"),
        ({"aud": {"herdbook": 1}}, "not for herdbook"),
        ({"sub": ""}, "sub is not right"),
        ({"sub": 5}, "sub is not right"),
        ({"exp": "tomorrow"}, "exp is not right"),
        ({"exp": True}, "exp is not right"),
        ({"exp": 10**30}, "no time"),
        ({"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}, "another kind"),
        *(({name: None}, f"does not say {name}") for name in ("iss", "sub", "aud", "iat", "exp")),
    ],
)
def test_what_it_says_has_to_be_right(changed: Mapping[str, Any], words: str) -> None:
    refused(signed(changed), words)


def test_clocks_may_differ_by_half_a_minute() -> None:
    for changed in ({"exp": SECONDS - 29}, {"nbf": SECONDS + 30}, {"iat": SECONDS + 30}):
        assert read(signed(changed)).claims["sub"] == "anna"


def test_tokens_of_other_kinds_are_refused() -> None:
    for kind in ("at+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt"):
        refused(signed(header={"typ": kind}), "another kind")
    assert read(signed(header={"typ": "jwt"})).claims == CLAIMS


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "..", "eyJ", "eyJhbGciOiJSUzI1NiJ9", "eyJhbGciOiJSUzI1NiJ9..", "a.b.c.d.e",
        "eyJhbGciOiJSUzI1NiJ9.W10.AAAA", "\0.\0.\0", "é.é.é", "W10.e30.AA", "bnVsbA.e30.AA",
        "e" * 20_000, "eyJ" + "[" * 3000 + ".e30.AA",
    ],
)  # fmt: skip
def test_what_is_no_token_is_refused_and_nothing_breaks(text: str) -> None:
    with pytest.raises(ForbiddenError):
        read(text)


def test_claims_that_are_no_object_are_refused() -> None:
    registry = jws.JWSRegistry(algorithms=["RS256"])
    for content in ("[]", "5", "null", "{", "[" * 5000):
        text = jws.serialize_compact(
            {"alg": "RS256", "kid": "one"}, content, KEY, registry=registry
        )
        refused(text, "was not signed|no ID token")


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "EC", "kid": "one", "crv": "P-1", "x": "AA", "y": "AA"},
        {"kty": "EC", "kid": "one", "crv": 5, "x": 5, "y": None},
        {"kty": "EC", "kid": "one"},
    ],
)
def test_a_key_that_can_be_none_is_none(key: dict[str, Any]) -> None:
    text = signed(key=ECKey.generate_key("P-256", {"kid": "one"}), header={"alg": "ES256"})
    refused(text, "unknown key", [key])


@pytest.mark.parametrize("crit", [5, None, [], ["exp"], ["b64"]])
def test_what_has_to_be_understood_and_is_not_is_refused(crit: Any) -> None:
    header = {"alg": "RS256", "kid": "one", "crit": crit, "exp": 1, "b64": False}
    refused(unsigned(header, "AAAA"), "asks for more|no ID token")
