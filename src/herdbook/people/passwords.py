"""Hashes passwords and compares them: Argon2id, with the memory that RFC 9106 recommends."""

from functools import cache
from typing import TYPE_CHECKING

from herdbook.core.errors import InvalidInputError
from herdbook.people.id_tokens import is_like_an_id_token
from herdbook.people.tokens import is_like_a_token

if TYPE_CHECKING:
    from argon2 import PasswordHasher

_LEAST = 10
_MOST = 1000


def hashed(password: str) -> str:
    """Return the hash of a password, with its salt; raises InvalidInputError for a poor one."""
    if not _LEAST <= len(password) <= _MOST:
        raise InvalidInputError(
            f"A password has {_LEAST} characters at least, and {_MOST} at most",
            hint="A few words that do not belong together are good.",
        )
    if is_like_a_token(password) or is_like_an_id_token(password):
        raise InvalidInputError(
            "That looks like a token, and would be taken for one", hint="Choose another password."
        )
    return _hasher().hash(password)


def is_same(kept: str, password: str) -> bool:
    """Tell whether a password is the one whose hash was kept.

    Where nothing was kept, it takes the same time to say no: else that would tell who is known.
    """
    from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415 - as below

    try:
        _hasher().verify(kept or _nobodys(), password)
    except (InvalidHashError, VerificationError):
        return False
    return bool(kept)


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher  # noqa: PLC0415 - few commands need it
    from argon2.profiles import RFC_9106_LOW_MEMORY  # noqa: PLC0415

    return PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


@cache
def _nobodys() -> str:
    return _hasher().hash("nobody's")
