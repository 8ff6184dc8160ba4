"""What is done is told to who subscribed, by the running server, also after it was killed."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
from applications import wait_for
from standardwebhooks.webhooks import Webhook
from tiny import Tiny, assert_clear, copied_state

pytestmark = [pytest.mark.root, pytest.mark.archive]

NETWORK, INVALID = 7, 3


class Handler(BaseHTTPRequestHandler):
    """Keeps what it is sent."""

    got: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.append(({name.lower(): each for name, each in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_a_webhook_is_told_what_was_done_while_nobody_served(tiny: Tiny, tmp_path: Path) -> None:
    herdbook = copied_state(tiny.state, tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as receiver:
        Thread(target=receiver.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{receiver.server_address[1]}/hook"
        assert_clear(herdbook.run("notify", "add", "chat"), INVALID, "--webhook ADDRESS")
        secret = herdbook.json("notify", "add", "chat", "--webhook", address, "--event", "promote")[
            "secret"
        ]
        herdbook.must("notify", "test", "chat")
        herdbook.must("promote", "t/tiny:1", "production", "--why", "it is good")
        herdbook.must("hold", "t/tiny@production", "--why", "nobody asked for that")
        with herdbook.running("serve") as server:
            wait_for(lambda: len(Handler.got) == 2, 60, "it is told")
            server.kill()
        trial, told = (Webhook(secret).verify(body, headers) for headers, body in Handler.got)
        assert trial["type"] == "io.herdbook.test"
        assert (told["type"], told["subject"]) == ("io.herdbook.promote", "t/tiny@production")
        assert told["data"]["details"]["why"] == "it is good"
        receiver.shutdown()
    refused = herdbook.run("notify", "test", "chat")
    assert_clear(refused, NETWORK, "does not answer")
    with herdbook.running("serve"):
        wait_for(lambda: herdbook.json("notify", "ls")[0]["waiting"] == 0, 60, "it went on")
    assert len(Handler.got) == 2
    assert secret.encode() not in json.dumps(herdbook.json("notify", "ls")).encode()
    herdbook.must("notify", "rm", "chat")
    assert herdbook.json("notify", "ls") == []
