"""An OpenID provider that says what it is told to, wrong as it may be."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from herdbook.core.clock import SystemClock

DISCOVERY = "/.well-known/openid-configuration"


@dataclass
class Scripted:
    """A server that says what it is told to: status, content and where else to go, by path.

    What it says at the path `drips` never ends.
    """

    server: "ScriptedServer"
    says: dict[str, tuple[int, Any, str]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    drips: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))

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
        self.say("/keys", {"keys": [self.key.as_dict(private=False)]})

    def id_token(self, **claims: Any) -> str:
        """Return an ID token of this one, for an hour from now."""
        now = int(SystemClock().now().timestamp())
        usual = {"iss": self.url, "aud": "herdbook", "iat": now, "exp": now + 3600}
        return jwt.encode({"alg": "RS256", "kid": "one"}, {**usual, **claims}, self.key)


class ScriptedServer(ThreadingHTTPServer):
    """Answers each in a thread of its own."""

    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.ended = threading.Event()

    def drip(self, listener: BufferedIOBase) -> None:
        """Say one letter of a header after the other, each in time, until nobody listens."""
        with suppress(OSError):
            listener.write(b"HTTP/1.1 200 OK\r\nX: ")
            while not self.ended.wait(0.1):
                listener.write(b"x")


@contextmanager
def scripted_provider() -> Iterator[Scripted]:
    """Run one on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers["Content-Length"] or 0)
            found.asked.append((self.path, self.rfile.read(length).decode()))
            status, content, location = found.says.get(self.path, (404, {}, ""))
            written = content if isinstance(content, bytes) else json.dumps(content).encode()
            if self.path == found.drips:
                server.drip(self.wfile)
                self.close_connection = True
                return
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

    server = ScriptedServer(("127.0.0.1", 0), Handler)
    found = Scripted(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
