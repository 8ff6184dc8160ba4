"""The frozen records of signed metadata: documents, drafts, and whose channels they guard."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.signatures.keys import PublicKey

ROOT, TARGETS, SNAPSHOT, TIMESTAMP = "root", "targets", "snapshot", "timestamp"
"""The roles that every repository has (The Update Framework 1.0, 2.1)."""

DIGITS = "0123456789abcdef"

BY_PEOPLE = timedelta(days=365)
"""For so long holds what people sign; they have to sign it again before."""

BY_THE_SERVER = timedelta(days=7)
"""For so long holds what the server signs: so old may be what a client is shown as new."""


@dataclass(frozen=True)
class Document:
    """What is published of a role under a version; `content` is JSON, signatures included."""

    role: str
    version: int
    content: bytes


@dataclass(frozen=True)
class Draft:
    """What is published of a role once enough have signed it; of a proposal, or of none (0)."""

    role: str
    content: bytes
    proposal: int = 0


@dataclass(frozen=True)
class Guard:
    """That `threshold` of these keys, by their names, have to sign what a channel gets.

    It holds for all images whose names fit the pattern `images`. What its channels get is kept in
    sixteen lists, each a role of its own: to sign one again concerns few others.
    """

    channel: str
    images: str
    keys: Mapping[str, PublicKey]
    threshold: int

    @property
    def role(self) -> str:
        """What the roles of its lists begin with: always the same, whoever the keys belong to."""
        return guard_role(self.channel, self.images)

    @property
    def lists(self) -> Mapping[str, str]:
        """Which paths belong into which list, by its role."""
        name = _name(self.images, self.channel)
        return {f"{self.role}-{digit}": f"{digit}.{name}" for digit in DIGITS}


@dataclass(frozen=True)
class Given:
    """What a channel of an image got: its `number`th version, `length` bytes of this digest.

    The bytes are those of the version's OCI index.
    """

    image: str
    channel: str
    number: int
    version: int
    digest: Digest
    length: int


def guard_role(channel: str, images: str) -> str:
    """Return what stands for a channel of images whose names fit a pattern."""
    return f"{channel}-{digests.short(digests.of_bytes(images.encode()))}"


def target_path(image: str, channel: str) -> str:
    """Return what a channel is called there, after the digit of its list."""
    digit = digests.hexadecimal(digests.of_bytes(f"{image}@{channel}".encode()))[0]
    return f"{digit}.{_name(image, channel)}"


def _name(image: str, channel: str) -> str:
    """Return an image's name, or a pattern of names, with a channel.

    A pattern of TUF's does not reach across a slash, ours do; and no image has a + in its name.
    """
    return f"{image.replace('/', '+')}@{channel}"
