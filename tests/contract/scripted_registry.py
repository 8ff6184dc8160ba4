"""A small registry on this machine whose faults a test writes down."""

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from herdbook.core import digests
from herdbook.images.documents import INDEX
from herdbook.images.references import RegistryName, registry_name

LOGIN = base64.b64encode(b"someone:secret").decode()


class Script:
    """A small registry whose faults a test writes down: what it has, was sent, and does wrong.

    `faults` are looked up by method and how often that was asked; each gets the handler, and tells
    whether it has answered instead.
    """

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.upload = bytearray()
        self.asked: list[str] = []
        self.counts: Counter[str] = Counter()
        self.faults: dict[tuple[str, int], Callable[[Handler], bool]] = {}
        self.received_bytes = 0
        self.token = ""
        self.host = ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def handle_one(self) -> None:
        script, path = self.script, urlsplit(self.path).path
        script.counts[self.command] += 1
        script.asked.append(f"{self.command} {self.path}")
        fault = script.faults.get((self.command, script.counts[self.command]))
        if fault is not None and fault(self):
            return
        if path == "/token":
            self._token()
        elif script.token and self.headers["Authorization"] != f"Bearer {script.token}":
            challenge = f'Bearer realm="http://{script.host}/token",service="a, b"'
            self.answer(401, WWW_Authenticate=challenge)
        elif "/uploads/" in path:
            self._upload()
        elif "/blobs/" in path:
            self._give(script.blobs.get(path.rpartition("/")[2]))
        elif "/manifests/" in path:
            self._give(script.manifests.get(path.rpartition("/")[2]))
        else:
            self.answer(404)

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = handle_one  # noqa: N815 - the library's names

    def _token(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        if self.headers["Authorization"] != f"Basic {LOGIN}":
            self.answer(401)
            return
        assert asked["service"] == ["a, b"]
        assert asked["scope"] == ["repository:shop/web:pull,push"]
        self.answer(200, json.dumps({"token": self.script.token}).encode())

    def _give(self, content: bytes | None) -> None:
        if content is None:
            self.answer(404)
        elif asked := self.headers["Range"]:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            part = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.answer(206, content[start:], Content_Range=part)
        else:
            self.answer(200, content, Content_Type=INDEX)

    def _upload(self) -> None:
        script = self.script
        if self.command == "POST":
            script.upload.clear()
        elif self.command in ("PATCH", "PUT"):
            self.take(int(self.headers["Content-Length"]))
        if self.command == "PUT":
            digest = parse_qs(urlsplit(self.path).query)["digest"][0]
            if digests.of_bytes(bytes(script.upload)) != digest:
                self.answer(400)
                return
            script.blobs[digest] = bytes(script.upload)
            self.answer(201)
            return
        told = {"Location": "/v2/shop/web/blobs/uploads/one?state=a%2Fb"}
        if script.upload:
            told["Range"] = f"0-{len(script.upload) - 1}"
        self.answer(204 if self.command == "GET" else 202, b"", **told)

    def take(self, size: int) -> None:
        """Keep so many bytes of what is sent."""
        content = self.rfile.read(size)
        self.script.received_bytes += len(content)
        self.script.upload += content


@contextmanager
def serving(script: Script) -> Iterator[RegistryName]:
    handler = type("Scripted", (Handler,), {"script": script})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        script.host = f"127.0.0.1:{server.server_address[1]}"
        yield registry_name(f"{script.host}/shop/web:1")
        server.shutdown()
