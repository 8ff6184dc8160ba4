"""Providers that answer badly: nothing is believed of them, and nobody waits for long."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from herdbook.core.clock import SystemClock
from herdbook.core.errors import (
    ForbiddenError,
    HerdbookError,
    InvalidInputError,
    NetworkError,
    VerificationError,
)
from herdbook.drivers.openid import HttpOpenIdProviders
from herdbook.people.logins import Client, DeviceCode, Waiting

DISCOVERY = "/.well-known/openid-configuration"


@dataclass
class Scripted:
    """A server that says what it is told to: status, content and where else to go, by path."""

    server: ThreadingHTTPServer
    says: dict[str, tuple[int, Any, str]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def say(self, path: str, content: Any, status: int = 200, location: str = "") -> None:
        self.says[path] = (status, content, location)

    def be_one(self, **changed: Any) -> None:
        """Be a provider, but for what is changed of its document."""
        whole = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "token_endpoint": f"{self.url}/token",
            "device_authorization_endpoint": f"{self.url}/device",
            **changed,
        }
        self.say(DISCOVERY, whole)
        self.say("/keys", {"keys": [{"kty": "RSA", "kid": "one", "n": "A", "e": "AQAB"}]})


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers["Content-Length"] or 0)
            found.asked.append((self.path, self.rfile.read(length).decode()))
            status, content, location = found.says.get(self.path, (404, {}, ""))
            written = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            try:
                self.wfile.write(written)
            except OSError:
                self.close_connection = True

        do_GET = do_POST = _answer  # noqa: N815 - as the standard library calls them

        def log_message(self, *_: Any) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Scripted(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


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
    "address", ["http://id.example/keys", "ftp://127.0.0.1/", "", "file:///etc/passwd", "//x/keys"]
)
def test_keys_come_by_tls_or_not_at_all(
    scripted: Scripted, providers: HttpOpenIdProviders, address: str
) -> None:
    scripted.be_one(jwks_uri=address)
    with pytest.raises(VerificationError, match="without TLS"):
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
