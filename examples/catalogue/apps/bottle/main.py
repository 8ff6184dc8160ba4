"""Answers with Bottle, served by waitress."""

import os
import signal
import sys

import bottle

app = bottle.Bottle()


@app.get("/")
def index() -> dict[str, str]:
    """Say what answers here."""
    return {"framework": "bottle", "version": bottle.__version__, "language": "python"}


@app.get("/healthz")
def healthz() -> str:
    """Say that all is well."""
    return "ok\n"


signal.signal(signal.SIGTERM, lambda *_: sys.exit())
bottle.run(app, "waitress", host="0.0.0.0", port=int(os.environ.get("PORT", "8080")))
