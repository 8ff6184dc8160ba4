"""A line to an S3 server whose faults a test writes down."""

import http.client
import os
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

_LIMIT_SECONDS = 30
_PASSED_ON = {"content-length", "content-type", "etag", "last-modified"}


@dataclass
class Line:
    """`faults` are used up, one for each request; each may answer instead, and tells whether."""

    upstream: str
    endpoint: str = ""
    faults: "list[Callable[[Handler], bool]]" = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    always: "Callable[[Handler], bool] | None" = None


class Handler(BaseHTTPRequestHandler):
    """Passes one request on, and its answer back."""

    protocol_version = "HTTP/1.1"
    line: Line
    body: bytes = b""

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def pass_on(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """Return what the server answers."""
        host = urlsplit(self.line.upstream).netloc
        connection = http.client.HTTPConnection(host, timeout=_LIMIT_SECONDS)
        try:
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                if name.lower() != "expect":
                    connection.putheader(name, value)
            connection.endheaders(self.body)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() in _PASSED_ON - {"content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def handle_any(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.line.asked.append(f"{self.command} {self.path}")
        fault = self.line.faults.pop(0) if self.line.faults else self.line.always
        if fault is None or not fault(self):
            self.answer(*self.pass_on())

    do_GET = do_PUT = do_DELETE = do_HEAD = do_POST = handle_any  # noqa: N815 - as http.server has it


def unavailable(handler: Handler) -> bool:
    """The server is overloaded."""
    content = b"<Error><Code>ServiceUnavailable</Code><Message>Later.</Message></Error>"
    handler.answer(503, [("Content-Type", "application/xml")], content)
    return True


def silent(handler: Handler) -> bool:
    """Nothing comes back for a while, and then nothing at all."""
    time.sleep(1.5)
    handler.close_connection = True
    return True


def lost(handler: Handler) -> bool:
    """It is done, and nobody hears of it."""
    handler.pass_on()
    handler.close_connection = True
    return True


def cut_off(handler: Handler) -> bool:
    """The answer ends in the midst."""
    status, _, content = handler.pass_on()
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    handler.close_connection = True
    return True


def mangled(handler: Handler) -> bool:
    """A part of the answer is not what was sent, and TLS notices."""
    status, _, content = handler.pass_on()
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content[: len(content) // 2])
    record = b"\x17\x03\x03" + (32).to_bytes(2) + bytes(32)
    os.write(handler.connection.fileno(), record)  # past the encryption
    handler.close_connection = True
    return True


def endless(handler: Handler) -> bool:
    """There is far more than anybody wants."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(1 << 40))
    handler.end_headers()
    handler.close_connection = True
    with suppress(OSError):  # they have had enough
        for _ in range(32):
            handler.wfile.write(bytes(1 << 20))
    return True


def half_listed(handler: Handler) -> bool:
    """There is more to list, and it is not said from where on."""
    status, headers, content = handler.pass_on()
    content = content.replace(b"<IsTruncated>false<", b"<IsTruncated>true<")
    handler.answer(status, headers, content)
    return True


def damaged(handler: Handler) -> bool:
    """A bit of what is sent changes."""
    handler.body = bytes([handler.body[0] ^ 1]) + handler.body[1:]
    return False


def says(status: int, code: str, more: str = "") -> Callable[[Handler], bool]:
    """What answers as S3 has it, where no server here can be brought to say it."""

    def fault(handler: Handler) -> bool:
        content = f"<Error><Code>{code}</Code><Message>SECRET WORDS</Message>{more}</Error>"
        handler.answer(status, [("Content-Type", "application/xml")], content.encode())
        return True

    return fault


def page(status: int) -> Callable[[Handler], bool]:
    """What answers as a web server that knows nothing of S3."""

    def fault(handler: Handler) -> bool:
        handler.answer(status, [("Content-Type", "text/html")], b"<html><body/></html>")
        return True

    return fault


def an_hour_late(handler: Handler) -> bool:
    """What was signed lay about for so long."""
    date = handler.headers["X-Amz-Date"]
    earlier = f"{date[:9]}{(int(date[9:11]) + 23) % 24:02}{date[11:]}"
    handler.headers.replace_header("X-Amz-Date", earlier)
    return False


@contextmanager
def faulty_line(upstream: str, certificate: tuple[Path, Path] | None = None) -> Iterator[Line]:
    """Give a line to a server, until the block ends; with a certificate and its key, by TLS."""
    line = Line(upstream)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("LineHandler", (Handler,), {"line": line}))
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "https" if certificate else "http"
    line.endpoint = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield line
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
