"""Remembers for a short while which passwords were right: to check one takes its time, each time.

What is remembered is a keyed hash, whose key is this process's own, never a password.
"""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256

from herdbook.people.model import User

_REMEMBER_SECONDS = 300.0
_MOST = 1000
_KEY_BYTES = 32


class RightPasswords:
    """Passwords that were right a moment ago; one that was changed since is none of them."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._key = secrets.token_bytes(_KEY_BYTES)
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def has(self, user: User, password: str) -> bool:
        """Tell whether a user's password was right lately."""
        return self._until.get(self._sealed(user, password), 0.0) > self._seconds()

    def add(self, user: User, password: str) -> None:
        """Remember that a user's password is right."""
        sealed = self._sealed(user, password)
        self._until.pop(sealed, None)
        self._until[sealed] = self._seconds() + _REMEMBER_SECONDS
        if len(self._until) > _MOST:
            self._until.popitem(last=False)

    def _sealed(self, user: User, password: str) -> bytes:
        said = f"{user.name}\0{user.password}\0{password}"
        return hmac.new(self._key, said.encode(errors="surrogatepass"), sha256).digest()
