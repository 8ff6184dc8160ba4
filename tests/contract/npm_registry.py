"""An npm registry on this machine: serves tarballs, keeps a record, fails as registries fail."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Registry:
    """A server under way.

    `files` are served by path. A path in `cut` is served by half, and one in `busy` not until it
    was asked for that often. With `authorization`, whoever does not send that gets nothing;
    `sent_on` maps paths to where their answer is found.
    """

    server: ThreadingHTTPServer
    files: dict[str, bytes] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    busy: dict[str, int] = field(default_factory=dict)
    sent_on: dict[str, str] = field(default_factory=dict)
    authorization: str | None = None
    asked: list[str] = field(default_factory=list)
    heard: list[str | None] = field(default_factory=list)
    connections: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def describe(self, package: str, version: str, path: str) -> None:
        """Tell at a package's path where a version's tarball is."""
        told = {"versions": {version: {"dist": {"tarball": self.address + path}}}}
        self.files[package] = json.dumps(told).encode()


@contextmanager
def served() -> Iterator[Registry]:
    class Handler(_Handler):
        """One for each server: it is the class that knows the registry."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    registry = Handler.registry = Registry(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: Registry

    def setup(self) -> None:
        super().setup()
        self.registry.connections += 1

    def do_GET(self) -> None:
        registry = self.registry
        registry.asked.append(self.path)
        registry.heard.append(self.headers["Authorization"])
        if registry.authorization not in (None, self.headers["Authorization"]):
            self._answer(HTTPStatus.UNAUTHORIZED)
        elif registry.busy.get(self.path, 0) > 0:
            registry.busy[self.path] -= 1
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE)
        elif self.path in registry.sent_on:
            self._answer(HTTPStatus.FOUND, location=registry.sent_on[self.path])
        elif self.path not in registry.files:
            self._answer(HTTPStatus.NOT_FOUND)
        else:
            self._answer(HTTPStatus.OK, registry.files[self.path])

    def _answer(self, status: HTTPStatus, content: bytes = b"", location: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        if self.path in self.registry.cut:
            content, self.close_connection = content[: len(content) // 2], True
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Stay quiet: `asked` is the record."""
