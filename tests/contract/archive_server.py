"""A mirror on this machine: serves a folder, keeps a record, and fails as mirrors fail."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from herdbook.drivers.apt import Mirrors


@dataclass
class Mirror:
    """A server under way; a path in `cut` is served by half, and one in `failing` not at all."""

    server: ThreadingHTTPServer
    asked: list[str] = field(default_factory=list)
    cut: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)

    @property
    def mirrors(self) -> Mirrors:
        address = f"http://127.0.0.1:{self.server.server_port}"
        return Mirrors(f"{address}/main/", f"{address}/security/")

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def served(folder: Path) -> Iterator[Mirror]:
    class Handler(_Handler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    mirror = Handler.mirror = Mirror(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield mirror
    finally:
        mirror.stop()
        thread.join()


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mirror: Mirror

    def do_GET(self) -> None:
        self.mirror.asked.append(self.path)
        if self.path in self.mirror.failing:
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)
        elif self.path in self.mirror.cut:
            self._send_half()
        else:
            super().do_GET()

    def _send_half(self) -> None:
        content = Path(self.translate_path(self.path)).read_bytes()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Stay quiet: `asked` is the record."""
