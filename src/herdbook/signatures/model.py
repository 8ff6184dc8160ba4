"""The frozen records of the key ring: whose signatures count, and for which images."""

import re
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from herdbook.core.errors import InvalidInputError
from herdbook.signatures.keys import PublicKey, public_key

KEY_NAME = r"[a-z0-9][a-z0-9._-]{0,62}"


def check_key_name(name: str) -> str:
    """Return a key's name; raises InvalidInputError for what is none."""
    if not re.fullmatch(KEY_NAME, name):
        raise InvalidInputError(f"{name!r} is no name of a key", hint="Such as builder-2.")
    return name


class Standing(StrEnum):
    """Whether a key's signatures count."""

    TRUSTED = "trusted"
    RETIRED = "retired"
    """It signs no more; what it has signed counts."""
    DISTRUSTED = "distrusted"
    """Nothing of it counts: somebody else may have it."""


MOVES = {
    Standing.TRUSTED: {Standing.RETIRED, Standing.DISTRUSTED},
    Standing.RETIRED: {Standing.DISTRUSTED},
    Standing.DISTRUSTED: set[Standing](),
}
"""What may become of a key: trust is not given back, a new key gets it."""


def _readable(pem: str) -> str:
    try:
        return public_key(pem).pem
    except InvalidInputError as error:
        raise ValueError(error.message) from error


class KnownKey(BaseModel):
    """A key of the ring; what it signs counts for images whose names fit the pattern `images`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=f"^{KEY_NAME}$")]
    pem: Annotated[str, AfterValidator(_readable)]
    at: datetime
    who: str
    images: Annotated[str, Field(min_length=1)] = "*"
    standing: Standing = Standing.TRUSTED

    @property
    def key(self) -> PublicKey:
        """The key itself."""
        return PublicKey(self.pem)

    def counts_for(self, image: str) -> bool:
        """Tell whether what it has signed of an image counts."""
        return self.standing is not Standing.DISTRUSTED and fnmatchcase(image, self.images)


class Ring(BaseModel):
    """All keys, the oldest first; `builder` is the name of this installation's own, if it has one.

    Its moves are pure: each returns the ring that comes of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[KnownKey, ...] = ()
    builder: str = ""

    def named(self, name: str) -> KnownKey | None:
        """Return a key by its name."""
        return next((each for each in self.keys if each.name == name), None)

    def identified(self, identity: str) -> KnownKey | None:
        """Return a key by its identity."""
        return next((each for each in self.keys if each.key.identity == identity), None)

    def with_key(self, key: KnownKey) -> "Ring":
        """Return it with one more key."""
        return self.model_copy(update={"keys": (*self.keys, key)})

    def with_standing(self, name: str, standing: Standing) -> "Ring":
        """Return it with a key of that name in another standing."""
        changed = tuple(
            each.model_copy(update={"standing": standing}) if each.name == name else each
            for each in self.keys
        )
        return self.model_copy(update={"keys": changed})
