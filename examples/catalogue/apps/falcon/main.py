"""Answers with Falcon, served by waitress."""

import os
import signal
import sys

import falcon
import waitress


class Index:
    """What answers here."""

    def on_get(self, _: falcon.Request, response: falcon.Response) -> None:
        """Answer."""
        response.media = {
            "framework": "falcon",
            "version": falcon.__version__,
            "language": "python",
        }


class Health:
    """Whether all is well."""

    def on_get(self, _: falcon.Request, response: falcon.Response) -> None:
        """Answer."""
        response.content_type = falcon.MEDIA_TEXT
        response.text = "ok\n"


app = falcon.App()
app.add_route("/", Index())
app.add_route("/healthz", Health())
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
waitress.serve(app, host="0.0.0.0", port=int(os.environ.get("PORT", "8080")))
