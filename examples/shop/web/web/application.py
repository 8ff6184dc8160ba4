"""What the shop answers: its goods, who has called, whether it is well, and where it runs."""

import os
import platform
from pathlib import Path

import bottle

from web.events import heard, publish
from web.visits import VISITS, CountingError

application = bottle.Bottle()

GOODS = [
    {"name": "halter", "price_cents": 1900},
    {"name": "cow bell", "price_cents": 4500},
    {"name": "herd book", "price_cents": 2900},
]


@application.get("/healthz")  # type: ignore[untyped-decorator]  # bottle has no types
def healthz() -> str:
    """Say that requests are answered, and what is missing.

    Without its database the shop still sells: another instance could do no better, and to replace
    all of them would be no help.
    """
    try:
        VISITS.total()
    except CountingError as error:
        return f"degraded: {error}\n"
    return "ok\n" if heard() else "degraded: the broker does not answer\n"


@application.get("/")  # type: ignore[untyped-decorator]  # as above
def index() -> dict[str, object]:
    """Greet, count the visit, list the goods and tell what kind of machine answers."""
    shop = os.environ.get("SHOP_NAME", "Herdbook example shop")
    init = Path("/proc/1/comm").read_text().strip()
    kind = "vm" if init == "systemd" else "container"
    try:
        visits = VISITS.count(kind)
    except CountingError:
        visits = {}
    return {
        "shop": shop,
        "version": os.environ.get("PAGE_VERSION", "1"),
        "greeting": os.environ.get("GREETING", "Welcome to {shop}").format(shop=shop),
        "goods": GOODS,
        "visits": sum(visits.values()) if visits else None,
        "visits_by_kind": visits,
        "event_published": publish(f"visit {kind}"),
        "host": platform.node(),
        "kind": kind,
        "kernel": platform.release(),
        "init": init,
        "secrets": secrets(),
    }


def secrets() -> list[str]:
    """Name the secrets the service was given; never their values."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder or not Path(folder).is_dir():
        return []
    return sorted(path.name for path in Path(folder).iterdir())
