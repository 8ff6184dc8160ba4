"""The one fact worth knowing without the register: what made an image's newest version."""

from dataclasses import dataclass
from typing import Protocol

from herdbook.core.digests import Digest


@dataclass(frozen=True)
class Stamp:
    """An image's newest version, the key of the build that made it, and the layers it needs.

    `home` is the recipe or catalogue file that the image was last built from.
    """

    image: str
    number: int
    digest: Digest
    build_key: Digest
    layers: tuple[Digest, ...] = ()
    home: str = ""


class Stamps(Protocol):
    """Keeps one stamp for each image; losing them costs time only."""

    def recall(self, image: str) -> Stamp | None:
        """Return the image's stamp, or None where it cannot be relied on."""
        ...

    def keep(self, stamp: Stamp) -> None:
        """Replace the image's stamp."""
        ...

    def forget(self, image: str) -> None:
        """Have no stamp for the image; idempotent."""
        ...
