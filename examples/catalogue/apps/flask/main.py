"""Answers with Flask, served by waitress."""

import os
import signal
import sys
from importlib.metadata import version

import waitress
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index() -> dict[str, str]:
    """Say what answers here."""
    return {"framework": "flask", "version": version("flask"), "language": "python"}


@app.get("/healthz")
def healthz() -> str:
    """Say that all is well."""
    return "ok\n"


signal.signal(signal.SIGTERM, lambda *_: sys.exit())
waitress.serve(app, host="0.0.0.0", port=int(os.environ.get("PORT", "8080")))
