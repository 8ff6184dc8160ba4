"""Images for services to run: pinned, and nowhere to be found."""

from collections.abc import Callable

from herdbook.compose.model import Application, Service
from herdbook.core.digests import of_bytes
from herdbook.fleet.applications import Component
from herdbook.fleet.translating import ImageFacts
from herdbook.images.bases import LockedBase
from herdbook.recipes.model import Variant

IMAGE = of_bytes(b"image")
BASE = LockedBase(reference="web", manifest=IMAGE, config=IMAGE, layers=())
FOREIGN = ImageFacts(Variant.CONTAINER, "web", 0, IMAGE, base=BASE)
OWN = ImageFacts(Variant.CONTAINER, "shop/web", 3, IMAGE)
MACHINE = ImageFacts(
    Variant.VM, "shop/db", 1, IMAGE, memory_bytes=1 << 30, cpus=2, disk_bytes=4 << 30
)

Compose = Callable[[str], Application]
OneService = Callable[[str], Service]
Translate = Callable[..., Component]
