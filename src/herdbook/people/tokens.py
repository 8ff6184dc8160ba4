"""Makes tokens and reads them: `hbt_`, a name to find it by, 256 random bits and a checksum.

Of a token only SHA-256 is kept. A password needs a slow hash, because people choose few of those
that there could be; of 256 random bits, all that nobody could try, however fast. The prefix and the
checksum let scanners find one that has leaked, without asking us and without false alarms.
"""

import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field

from herdbook.core import digests
from herdbook.core.digests import Digest

PREFIX = "hbt_"

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_LENGTH = 10
_SECRET_BITS = 256
_SECRET_LENGTH = 43  # 62 ** 43 > 2 ** 256
_CHECKSUM_LENGTH = 6  # 62 ** 6 > 2 ** 32
_TOKEN = re.compile(
    rf"{PREFIX}(?P<id>[0-9A-Za-z]{{{_ID_LENGTH}}})[0-9A-Za-z]{{{_SECRET_LENGTH}}}"
    rf"(?P<checksum>[0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})"
)


@dataclass(frozen=True)
class NewToken:
    """A token that was just made; `text` is shown once, and never again."""

    id: str
    text: str = field(repr=False)

    @property
    def digest(self) -> Digest:
        """What is kept of it."""
        return digest_of(self.text)


def new_token() -> NewToken:
    """Make a token."""
    id_ = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))
    body = PREFIX + id_ + _written(secrets.randbits(_SECRET_BITS), _SECRET_LENGTH)
    return NewToken(id_, body + _checksum(body))


def id_in(text: str) -> str:
    """Return by which name a token is found; empty for what can be none, whoever wrote it."""
    match = _TOKEN.fullmatch(text)
    if match is None or _checksum(text[:-_CHECKSUM_LENGTH]) != match["checksum"]:
        return ""
    return match["id"]


def is_like_a_token(text: str) -> bool:
    """Tell whether somebody means a token by it, right or wrong."""
    return text.startswith(PREFIX)


def digest_of(text: str) -> Digest:
    """Return what is kept of a token."""
    return digests.of_bytes(text.encode(errors="replace"))


def is_same(kept: Digest, text: str) -> bool:
    """Tell whether a token is the one that was kept, in a time that says nothing of how near."""
    return hmac.compare_digest(kept.encode(), digest_of(text).encode())


def _checksum(body: str) -> str:
    return _written(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)


def _written(number: int, length: int) -> str:
    """Return a number in base 62, of a fixed length."""
    found = ""
    for _ in range(length):
        number, rest = divmod(number, len(_ALPHABET))
        found = _ALPHABET[rest] + found
    return found
