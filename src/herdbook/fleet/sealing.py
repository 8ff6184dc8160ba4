"""Seals what is kept at places others may read, and names it so that the names tell nothing."""

import base64
import binascii
import hashlib
import os

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from herdbook.core.errors import InvalidInputError, VerificationError

_KEY_BYTES = 32
_NONCE_BYTES = 12
_LEVEL = 3
"""Of zstd: about as quick as a disk. Its long matching finds nothing more: a piece of a parcel is
smaller than what it looks back over anyway, and equal pieces are kept once."""


def new_key() -> bytes:
    """Return a new key as it stands in a key file: one line, to be printed or copied by hand."""
    return base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)) + b"\n"


class Seal:
    """Seals with AES-256-GCM, and names with BLAKE2b, each under a key of its own.

    Raises InvalidInputError for what is no key.
    """

    def __init__(self, key: bytes) -> None:
        try:
            secret = base64.urlsafe_b64decode(key.strip())
        except binascii.Error:
            secret = b""
        if len(secret) != _KEY_BYTES:
            raise InvalidInputError(
                "The key of the backups is not one",
                hint="Lay back the file that was made with the first backup.",
            )
        self._naming = _derived(secret, b"naming")
        self._cipher = AESGCM(_derived(secret, b"sealing"))
        self.identity = hashlib.blake2b(
            key=_derived(secret, b"identity"), digest_size=8
        ).hexdigest()

    def name_of(self, content: bytes) -> str:
        """Return a name that equal contents share; it tells nothing to whoever lacks the key."""
        return hashlib.blake2b(content, key=self._naming, digest_size=32).hexdigest()

    def sealed(self, name: str, content: bytes) -> bytes:
        """Compress and seal; what is sealed under one name cannot be passed off as another."""
        small = zstandard.ZstdCompressor(level=_LEVEL).compress(content)
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, small, name.encode())

    def opened(self, name: str, sealed: bytes) -> bytes:
        """Return what was sealed; raises VerificationError where it was not this, by this key."""
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            small = self._cipher.decrypt(nonce, rest, name.encode())
            return zstandard.ZstdDecompressor().decompress(small)
        except (InvalidTag, ValueError, zstandard.ZstdError) as error:
            raise VerificationError(f"{name} of the backups is damaged") from error


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return hashlib.blake2b(purpose, key=secret, digest_size=_KEY_BYTES).digest()
