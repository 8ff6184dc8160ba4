"""Answers with FastAPI, served by uvicorn."""

import os

import fastapi
import uvicorn

app = fastapi.FastAPI()


@app.get("/")
async def index() -> dict[str, str]:
    """Say what answers here."""
    return {"framework": "fastapi", "version": fastapi.__version__, "language": "python"}


@app.get("/healthz")
async def healthz() -> str:
    """Say that all is well."""
    return "ok"


uvicorn.run(app, host="0.0.0.0", port=int(os.environ.get("PORT", "8080")))
