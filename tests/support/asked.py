"""Asks an application over HTTP without a network, one request after the other."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI

BROWSER = ("192.0.2.7", 40000)


@dataclass
class Answer:
    """What an application answered."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def code(self) -> str:
        """The code of a refusal, of the distribution specification."""
        return str(self.json["errors"][0]["code"])


def ask(app: FastAPI, path: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Ask for a path; return what is answered."""
    return asyncio.run(asked(app, path, headers))


async def asked(
    app: FastAPI,
    path: str,
    headers: Mapping[str, str] | None = None,
    client: tuple[str, int] = BROWSER,
) -> Answer:
    """Do so beside others, in a loop that runs."""
    found, path = Answer(), path or "/"
    path, _, query = path.partition("?")
    given = {"host": "localhost", **(headers or {})}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            found.status = message["status"]
            found.headers |= {key.decode(): value.decode() for key, value in message["headers"]}
        else:
            found.content += message.get("body", b"")
        await asyncio.sleep(0)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "scheme": "http",
        "headers": [(key.encode(), value.encode()) for key, value in given.items()],
        "client": client, "server": ("localhost", 80), "root_path": "",
    }  # fmt: skip
    await app(scope, receive, send)
    return found


def basic(name: str, password: str) -> dict[str, str]:
    """Say who one is, as clients of registries do."""
    return {"authorization": "Basic " + b64encode(f"{name}:{password}".encode()).decode()}
