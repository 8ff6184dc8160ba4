"""Starts the shop's web service on the port the recipe names."""

import os

import waitress

from web.application import application

port = int(os.environ["PORT"])
print(f"The shop opens on port {port}", flush=True)  # noqa: T201 - a service's log
waitress.serve(application, host="0.0.0.0", port=port, threads=4)
