"""Answers with Tornado and its own server."""

import asyncio
import os
import signal

import tornado
import tornado.log
import tornado.web


class Index(tornado.web.RequestHandler):
    """What answers here."""

    def get(self) -> None:
        """Answer."""
        self.write({"framework": "tornado", "version": tornado.version, "language": "python"})


class Health(tornado.web.RequestHandler):
    """Whether all is well."""

    def get(self) -> None:
        """Answer."""
        self.write("ok\n")


async def main() -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    app = tornado.web.Application([("/", Index), ("/healthz", Health)])
    app.listen(int(os.environ.get("PORT", "8080")), "0.0.0.0")
    await stop.wait()


tornado.log.enable_pretty_logging()
asyncio.run(main())
