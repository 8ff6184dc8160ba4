"""Takes the moments out of a Java key store, so that two builds of one lock give the same bytes."""

import hashlib
import struct

_HEADER = struct.pack(">II", 0xFEEDFEED, 2)
_TRUSTED_CERTIFICATE = 2
_CHECKSUM_BYTES = 20
_NO_MOMENT = bytes(8)
_SALT = "changeit".encode("utf-16-be") + b"Mighty Aphrodite"
# The password ca-certificates-java gives unless told otherwise, and what Java adds to any: the
# checksum finds broken files, it protects nothing.


def settle(content: bytes) -> bytes:
    """Return a store of trusted certificates with none of the times at which they were added.

    What is no such store, in version 2 and with Debian's password, comes back as it is. The format
    is that of OpenJDK's sun.security.provider.JavaKeyStore, all numbers big-endian.
    """
    stored, checksum = content[:-_CHECKSUM_BYTES], content[-_CHECKSUM_BYTES:]
    if not stored.startswith(_HEADER) or _checksum(stored) != checksum:
        return content
    (count,) = struct.unpack_from(">I", stored, len(_HEADER))
    settled, position = bytearray(stored), len(_HEADER) + 4
    for _ in range(count):
        tag, name_bytes = struct.unpack_from(">IH", stored, position)
        if tag != _TRUSTED_CERTIFICATE:
            return content  # a key of its own was not put there by any package
        position += 6 + name_bytes
        settled[position : position + 8] = _NO_MOMENT
        position += 8
        for size in (">H", ">I"):  # the certificate's kind, the certificate
            (length,) = struct.unpack_from(size, stored, position)
            position += struct.calcsize(size) + length
    return bytes(settled) + _checksum(settled)


def _checksum(stored: bytes | bytearray) -> bytes:
    return hashlib.sha1(_SALT + stored, usedforsecurity=False).digest()
