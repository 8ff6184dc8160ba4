"""Keeps secrets sealed: the key lies in a file that only Herdbook's user can read."""

import hmac
from hashlib import sha256
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Engine, delete, insert, select

from herdbook.core.errors import NotFoundError, VerificationError
from herdbook.core.whole_files import kept_whole
from herdbook.store import fleet_schema
from herdbook.store.database import reading, writing

_TABLE = fleet_schema.sealed_secrets


class SqlVault:
    """Sealed values in the database, and their key in `key_file`, made when it is needed first.

    Sealed with AES-128-CBC and HMAC-SHA-256 (Fernet); fingerprints are HMAC-SHA-256 under the
    same key, so that nobody without it can try values against them.
    """

    def __init__(self, engine: Engine, key_file: Path) -> None:
        self._engine = engine
        self._key_file = key_file

    def keep(self, application: str, name: str, value: bytes) -> str:
        """Keep a value, and return its fingerprint."""
        key = self._key()
        what = f"{application}/{name}/".encode()
        fingerprint = hmac.new(key, what + value, sha256).hexdigest()
        row = {"application": application, "name": name, "fingerprint": fingerprint}
        with writing(self._engine) as connection:
            known = connection.execute(select(_TABLE.c.name).filter_by(**row)).first()
            if known is None:
                sealed = self._sealed(key, value)
                connection.execute(insert(_TABLE).values(sealed=sealed, **row))
        return fingerprint

    def open(self, application: str, name: str, fingerprint: str) -> bytes:
        """Return a value; raises NotFoundError where it is not kept (any more)."""
        row = {"application": application, "name": name, "fingerprint": fingerprint}
        with reading(self._engine) as connection:
            sealed = connection.execute(
                select(_TABLE.c.sealed).filter_by(**row)
            ).scalar_one_or_none()
        if sealed is None:
            raise NotFoundError(
                f"The secret {name} of {application} is not kept in this version any more",
                hint="Give it again: herdbook up",
            )
        try:
            return Fernet(self._key()).decrypt(sealed)
        except (InvalidToken, ValueError) as error:  # the latter where it is no key at all
            raise VerificationError(
                f"The secret {name} of {application} cannot be unsealed",
                hint=f"It was sealed with another key than the one in {self._key_file}.",
            ) from error

    def forget(self, application: str) -> None:
        """Remove all values of an application."""
        with writing(self._engine) as connection:
            connection.execute(delete(_TABLE).where(_TABLE.c.application == application))

    def _sealed(self, key: bytes, value: bytes) -> bytes:
        try:
            return Fernet(key).encrypt(value)
        except ValueError as error:
            raise VerificationError(
                f"{self._key_file} holds no key that secrets can be sealed with",
                hint="Lay back the one from before, or remove it and give all secrets again.",
            ) from error

    def _key(self) -> bytes:
        return kept_whole(self._key_file, Fernet.generate_key)
