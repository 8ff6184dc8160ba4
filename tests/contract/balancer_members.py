"""Small HTTP servers that say who they are: the members of the balancers' contract suite."""

import json
import multiprocessing
import random
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from herdbook.fleet.balancing import Member

_READY_SECONDS = 10.0


class _Handler(BaseHTTPRequestHandler):
    """GET /?seconds=S&status=C answers after a while; `/break` hangs up without an answer."""

    protocol_version = "HTTP/1.1"
    # Else a small answer waits for the client's acknowledgement of its head.
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        query = parse_qs(asked.query)
        time.sleep(float(query.get("seconds", ["0"])[0]))
        if asked.path == "/break":
            self.close_connection = True
            return
        server = self.server
        assert isinstance(server, _Server)
        said = {
            "instance": server.instance,
            "forwarded": self.headers.get("X-Forwarded-For", ""),
            "scheme": self.headers.get("X-Forwarded-Proto", ""),
            "connection": self.client_address[1],
        }
        body = json.dumps(said).encode()
        self.send_response(int(query.get("status", ["200"])[0]))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    instance = ""

    def server_bind(self) -> None:
        # The HTTP server would look up its own name, which takes seconds in some networks.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "member", self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """Connections are reset when the balancer lets go of them: no reason for a traceback."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def members(*names: str) -> Iterator[list[Member]]:
    """Servers in this process, one for each name, which may be there more than once."""
    with_ports = []
    for name in names:
        server = _Server(("127.0.0.1", 0), _Handler)
        server.instance = name
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        with_ports.append((server, Member(name, "127.0.0.1", server.server_address[1])))
    try:
        yield [member for _, member in with_ports]
    finally:
        for server, _ in with_ports:
            server.shutdown()
            server.server_close()


@contextmanager
def members_elsewhere(*names: str) -> Iterator[list[Member]]:
    """Servers in one process of their own, for tests under load."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(names, theirs), daemon=True)
    process.start()
    try:
        assert ours.poll(30), "the members did not start"
        yield ours.recv()
    finally:
        process.kill()
        process.join()
        ours.close()
        theirs.close()


def _serve(names: tuple[str, ...], pipe: "multiprocessing.connection.Connection") -> None:
    with members(*names) as made:
        pipe.send(made)
        threading.Event().wait()


def until(found: Callable[[], object]) -> None:
    """Wait for it, as long as the slowest machine may take."""
    deadline = time.monotonic() + _READY_SECONDS
    while not found():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on; not those that outgoing connections are given."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(20_000, 32_000)  # noqa: S311 - not a secret
        with socket.socket() as probe:
            if port not in found and probe.connect_ex(("127.0.0.1", port)):
                found.append(port)
    return found
