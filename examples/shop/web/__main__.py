"""Starts the shop's web service on the port the recipe names."""

import os

import waitress

from web.application import application

waitress.serve(application, host="0.0.0.0", port=int(os.environ["PORT"]), threads=4)
