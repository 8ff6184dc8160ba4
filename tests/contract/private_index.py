"""A Python package index on this machine that only answers who knows the password."""

import base64
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

WHEEL = "tiny_private-1.0-py3-none-any.whl"
USER, PASSWORD = "builder", "open/sesame+41c7"


def wheel() -> bytes:
    """Return the smallest wheel."""
    info = "tiny_private-1.0.dist-info"
    files = {
        "tiny_private.py": "",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: tiny-private\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": f"tiny_private.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n",
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return made.getvalue()


class _Index(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        known = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {known}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.end_headers()
            return
        listing = f'<a href="/files/{WHEEL}">{WHEEL}</a>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(wheel() if self.path.endswith(".whl") else listing)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def private_index() -> Iterator[str]:
    """Serve the index until the block ends; yields its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Index) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/simple"
        finally:
            server.shutdown()
