"""Providers that answer badly: nothing is believed of them, and nobody waits for long."""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_provider import DISCOVERY, Scripted, scripted_provider

from herdbook.core.clock import SystemClock
from herdbook.core.errors import (
    ForbiddenError,
    HerdbookError,
    InvalidInputError,
    NetworkError,
    VerificationError,
)
from herdbook.drivers.openid import HttpOpenIdProviders
from herdbook.drivers.openid.answers import ask
from herdbook.people.logins import Client, DeviceCode, Waiting


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    with scripted_provider() as found:
        yield found


@pytest.fixture
def providers(tmp_path: Path) -> HttpOpenIdProviders:
    return HttpOpenIdProviders(tmp_path / "keys", SystemClock())


def us(scripted: Scripted) -> Client:
    return Client(scripted.url, "herdbook", ("openid",))


def code() -> DeviceCode:
    return DeviceCode("https://id.example/device", "CODE", "secret", 5.0, 300.0)


def test_one_that_is_as_it_should_be_is(scripted: Scripted, providers: HttpOpenIdProviders) -> None:
    scripted.be_one()
    providers.look(scripted.url)


@pytest.mark.parametrize(
    ("content", "status", "kind"),
    [
        (b"<html>", 200, NetworkError),
        (b"", 200, NetworkError),
        ([], 200, NetworkError),
        (b"\xff\xfe", 200, NetworkError),
        (b"[" * 100_000, 200, NetworkError),
        ({"issuer": "x" * (600 << 10)}, 200, NetworkError),
        ({}, 503, NetworkError),
        ({}, 404, NetworkError),
        ({}, 200, VerificationError),
        ({"issuer": ["x"]}, 200, VerificationError),
    ],
)
def test_what_is_no_document_of_a_provider_is_refused(
    scripted: Scripted,
    providers: HttpOpenIdProviders,
    content: Any,
    status: int,
    kind: type[HerdbookError],
) -> None:
    scripted.say(DISCOVERY, content, status)
    with pytest.raises(kind) as caught:
        providers.look(scripted.url)
    assert caught.value.hint
    assert len(caught.value.message) < 400


def test_nobody_sends_us_elsewhere(scripted: Scripted, providers: HttpOpenIdProviders) -> None:
    scripted.be_one()
    scripted.say("/elsewhere", scripted.says[DISCOVERY][1])
    scripted.say(DISCOVERY, {}, 302, f"{scripted.url}/elsewhere")
    with pytest.raises(NetworkError, match="302"):
        providers.look(scripted.url)
    assert [path for path, _ in scripted.asked] == [DISCOVERY]


@pytest.mark.parametrize(
    "address",
    [
        "http://id.example/keys", "ftp://127.0.0.1/", "", "file:///etc/passwd", "//x/keys",
        "https://[:::::]/keys", "https://[1.2]/keys", "https://id.example:99999/keys",
    ],
)  # fmt: skip
def test_keys_come_by_tls_or_not_at_all(
    scripted: Scripted, providers: HttpOpenIdProviders, address: str
) -> None:
    scripted.be_one(jwks_uri=address)
    with pytest.raises(VerificationError, match="no address with TLS"):
        providers.look(scripted.url)


@pytest.mark.parametrize("keys", [{}, {"keys": []}, {"keys": "x"}, {"keys": None}])
def test_without_keys_it_is_none(
    scripted: Scripted, providers: HttpOpenIdProviders, keys: Any
) -> None:
    scripted.be_one()
    scripted.say("/keys", keys)
    with pytest.raises(VerificationError, match="no keys"):
        providers.look(scripted.url)


def test_one_without_the_device_grant_says_so(
    scripted: Scripted, providers: HttpOpenIdProviders
) -> None:
    scripted.be_one(device_authorization_endpoint=None)
    with pytest.raises(InvalidInputError, match="RFC 8628"):
        providers.begin(us(scripted))


@pytest.mark.parametrize("address", ["http://evil.example/", "javascript:alert(1)", "", None, 5])
def test_people_are_sent_nowhere_without_tls(
    scripted: Scripted, providers: HttpOpenIdProviders, address: Any
) -> None:
    scripted.be_one()
    said = {"device_code": "x", "user_code": "A-B", "verification_uri": address}
    scripted.say("/device", {**said, "expires_in": 60})
    with pytest.raises(InvalidInputError, match="no code"):
        providers.begin(us(scripted))


def test_what_it_wishes_for_is_within_reason(
    scripted: Scripted, providers: HttpOpenIdProviders
) -> None:
    scripted.be_one(scopes_supported=["openid"])
    said = {"device_code": "x", "user_code": "A-B", "verification_uri": "https://a.example/"}
    for wish, interval in ((0, 1.0), (-5, 5.0), (10**9, 5.0), ("x", 5.0), (True, 5.0), (500, 60.0)):
        scripted.say("/device", {**said, "expires_in": 10**6, "interval": wish})
        found = providers.begin(us(scripted))
        assert (found.interval_seconds, found.lasts_seconds) == (interval, 3600.0)
    assert scripted.asked[-1][1] == "client_id=herdbook&scope=openid"


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (400, {"error": "access_denied"}, ForbiddenError),
        (400, {"error": "expired_token"}, ForbiddenError),
        (400, {"error": "invalid_client", "error_description": "x" * 10_000}, ForbiddenError),
        (200, {}, ForbiddenError),
        (200, {"id_token": 5}, ForbiddenError),
        (408, {}, NetworkError),
        (429, {"error": "too_many"}, NetworkError),
        (500, {}, NetworkError),
        (502, b"<html>", NetworkError),
    ],
)
def test_what_gives_no_id_token_lets_nobody_in(
    scripted: Scripted,
    providers: HttpOpenIdProviders,
    status: int,
    said: Any,
    kind: type[HerdbookError],
) -> None:
    scripted.be_one()
    scripted.say("/token", said, status)
    with pytest.raises(kind) as caught:
        providers.ask(us(scripted), code())
    assert len(caught.value.message) < 500
    assert "secret" not in caught.value.message


def test_it_is_waited_for_as_the_provider_wishes(
    scripted: Scripted, providers: HttpOpenIdProviders
) -> None:
    scripted.be_one()
    scripted.say("/token", {"error": "slow_down"}, 400)
    assert providers.ask(us(scripted), code()) is Waiting.SLOWER


def test_where_nobody_listens_it_is_said_soon(providers: HttpOpenIdProviders) -> None:
    began = time.monotonic()
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1 does not answer"):
        providers.look("http://127.0.0.1:9")
    assert time.monotonic() - began < 5


def test_one_that_says_little_at_a_time_is_not_listened_to_for_ever(scripted: Scripted) -> None:
    """Each letter is in time, and there is always another one."""
    scripted.drips = "/keys"
    began = time.monotonic()
    with pytest.raises(NetworkError, match="too long"):
        ask(scripted.url, f"{scripted.url}/keys", longest_seconds=0.5)
    assert time.monotonic() - began < 5


def test_a_provider_of_elsewhere_sends_nobody_to_this_machine_in_the_clear(
    scripted: Scripted,
) -> None:
    """Whoever listens here would have its tokens, and could give keys in its name."""
    for address in (f"{scripted.url}/keys", "http://LOCALHOST/keys", "http://[::1]/keys"):
        with pytest.raises(VerificationError):
            ask("https://id.example", address)
    assert scripted.asked == []


def test_no_proxy_is_asked_for_what_is_on_this_machine(
    scripted: Scripted, providers: HttpOpenIdProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would look on its own."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    scripted.be_one()
    providers.look(scripted.url)


@pytest.mark.parametrize("header", [{"crit": 5}, {"crit": ["b64"]}, {"kid": {}}, {"b64": 5}])
def test_a_token_with_any_header_is_refused_in_words(
    scripted: Scripted, providers: HttpOpenIdProviders, header: dict[str, Any]
) -> None:
    scripted.be_one()
    written = json.dumps({"alg": "RS256", "kid": "one", **header}).encode()
    first = urlsafe_b64encode(written).decode().rstrip("=")
    text = ".".join([first, *scripted.id_token(sub="1").split(".")[1:]])
    with pytest.raises(ForbiddenError):
        providers.read(scripted.url, ["herdbook"], text)
