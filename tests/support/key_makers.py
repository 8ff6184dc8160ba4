"""What other processes do in tests of the vault: they find it by this module's own name."""

from pathlib import Path

from herdbook.store.database import open_database
from herdbook.store.vault import SqlVault

VALUE = b"correct horse battery staple"


def keep_a_secret(database_url: str, key_file: Path, name: str) -> str:
    """Open the database and keep the value there."""
    return SqlVault(open_database(database_url), key_file).keep("shop", name, VALUE)
