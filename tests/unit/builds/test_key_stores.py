"""Java key stores are the same whenever they were made."""

import hashlib
import struct

import pytest

from herdbook.builds.key_stores import settle

MAGIC = struct.pack(">II", 0xFEEDFEED, 2)


DEBIAN = "changeit".encode("utf-16-be")


def store(*milliseconds: int, secret: bytes = DEBIAN, tag: int = 2) -> bytes:
    """What Java writes: of each entry a name, a time, a kind and a certificate; a checksum."""
    stored = MAGIC + struct.pack(">I", len(milliseconds))
    for moment in milliseconds:
        stored += struct.pack(">IH", tag, 6) + b"debian" + struct.pack(">Q", moment)
        stored += struct.pack(">H", 5) + b"X.509" + struct.pack(">I", 3) + b"abc"
    salted = secret + b"Mighty Aphrodite" + stored
    return stored + hashlib.sha1(salted, usedforsecurity=False).digest()


def test_stores_made_at_different_times_are_the_same() -> None:
    assert settle(store(5, 7)) == settle(store(6, 8)) == store(0, 0)


def test_what_is_settled_stays_as_it_is() -> None:
    assert settle(settle(store(5))) == settle(store(5))


@pytest.mark.parametrize(
    "other",
    [b"", b"hello", store(5)[:-1], store(5, secret=b"other"), store(5, tag=1)],
    ids=["empty", "text", "cut", "other password", "key"],
)
def test_anything_else_is_left_alone(other: bytes) -> None:
    assert settle(other) == other
