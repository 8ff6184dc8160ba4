"""The frozen record of an existing image that others are made from."""

from pydantic import Field

from herdbook.core.digests import Digest
from herdbook.packages.model import DIGEST_PATTERN, Frozen


class BaseLayer(Frozen):
    """One layer as it travels: the blob `digest`, of `size` bytes, compressed or not."""

    digest: Digest = Field(pattern=DIGEST_PATTERN)
    size: int = Field(ge=0)
    media_type: str = Field(pattern=r"^application/vnd\.[a-z0-9.+-]+$")


class LockedBase(Frozen):
    """An existing image for linux/amd64, pinned.

    `reference` is what follows `oci:` in the recipe. `manifest` and `config` name the documents of
    that one platform. `layers` are in order, the lowest first.
    """

    reference: str = Field(pattern=r"^\S+$")
    manifest: Digest = Field(pattern=DIGEST_PATTERN)
    config: Digest = Field(pattern=DIGEST_PATTERN)
    layers: tuple[BaseLayer, ...]
