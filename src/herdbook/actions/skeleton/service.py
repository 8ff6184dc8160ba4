"""A service to start from: answers every request, with nothing but Python's own library."""

import os
import socketserver
from http.server import BaseHTTPRequestHandler


class Handler(BaseHTTPRequestHandler):
    """Answers with one line."""

    def do_GET(self) -> None:
        """Answer a request."""
        body = b"Hello from Herdbook\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


# Not http.server.HTTPServer: that one looks its own name up, which can take seconds.
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
