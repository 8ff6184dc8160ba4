"""What the shop answers: its goods, whether it is well, and where it runs."""

import os
import platform
from pathlib import Path

import bottle

application = bottle.Bottle()

GOODS = [
    {"name": "halter", "price_cents": 1900},
    {"name": "cow bell", "price_cents": 4500},
    {"name": "herd book", "price_cents": 2900},
]


@application.get("/healthz")  # type: ignore[untyped-decorator]  # bottle has no types
def healthz() -> str:
    """Say that requests are answered."""
    return "ok\n"


@application.get("/")  # type: ignore[untyped-decorator]  # as above
def index() -> dict[str, object]:
    """List the goods and tell what kind of machine answers."""
    return {
        "shop": os.environ.get("SHOP_NAME", "Herdbook example shop"),
        "goods": GOODS,
        "host": platform.node(),
        "kernel": platform.release(),
        "init": Path("/proc/1/comm").read_text().strip(),
        "secrets": secrets(),
    }


def secrets() -> list[str]:
    """Name the secrets the service was given; never their values."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder or not Path(folder).is_dir():
        return []
    return sorted(path.name for path in Path(folder).iterdir())
