"""Answers with aiohttp and its own server."""

import os

import aiohttp
from aiohttp import web


async def index(_: web.Request) -> web.Response:
    """Say what answers here."""
    return web.json_response(
        {"framework": "aiohttp", "version": aiohttp.__version__, "language": "python"}
    )


async def healthz(_: web.Request) -> web.Response:
    """Say that all is well."""
    return web.Response(text="ok\n")


app = web.Application()
app.add_routes([web.get("/", index), web.get("/healthz", healthz)])
web.run_app(app, host="0.0.0.0", port=int(os.environ.get("PORT", "8080")))
