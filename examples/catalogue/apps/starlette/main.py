"""Answers with Starlette, served by uvicorn."""

import os

import starlette
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route


async def index(_: Request) -> JSONResponse:
    """Say what answers here."""
    return JSONResponse(
        {"framework": "starlette", "version": starlette.__version__, "language": "python"}
    )


async def healthz(_: Request) -> PlainTextResponse:
    """Say that all is well."""
    return PlainTextResponse("ok\n")


app = Starlette(routes=[Route("/", index), Route("/healthz", healthz)])
uvicorn.run(app, host="0.0.0.0", port=int(os.environ.get("PORT", "8080")))
