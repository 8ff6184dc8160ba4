"""What other processes do in tests of keys: they find it by this module's own name."""

from pathlib import Path

from herdbook.core.clock import SystemClock
from herdbook.store.database import open_database
from herdbook.store.key_ring import FileKeyRing
from herdbook.store.vault import SqlVault

VALUE = b"correct horse battery staple"


def keep_a_secret(database_url: str, key_file: Path, name: str) -> str:
    """Open the database and keep the value there."""
    return SqlVault(open_database(database_url), key_file).keep("shop", name, VALUE)


def ring_at(folder: Path, password: bytes = b"") -> FileKeyRing:
    """Return the ring of keys in a folder."""
    return FileKeyRing(folder, SystemClock(), "ann", "0.1.0", password)


def identity_of_own(folder: Path) -> str:
    """Return the identity of the key that the builder signs with, made if need be."""
    return ring_at(folder).own().key.identity
