"""The frozen records of the key ring: whose signatures count, and for which images."""

import re
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from herdbook.core.errors import ConflictError, InvalidInputError, NotFoundError
from herdbook.core.nearest import did_you_mean
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

    def required(self, name: str) -> KnownKey:
        """Return a key by its name; raises NotFoundError with the nearest."""
        found = self.named(name)
        if found is None:
            names = [each.name for each in self.keys]
            hint = did_you_mean(name, names, "See all: herdbook key ls")
            raise NotFoundError(f"There is no key {name!r}", hint=hint)
        return found

    def added(self, key: KnownKey) -> "Ring":
        """Return it with one more key, or with one that is trusted, for other images from now on.

        Raises ConflictError where its name is another key's, or it has another one, or it is not
        trusted any more.
        """
        known = self.named(key.name) or self.identified(key.key.identity)
        if known is not None:
            if (known.name, known.pem, known.standing) == (key.name, key.pem, Standing.TRUSTED):
                return self._with(known, key)
            raise ConflictError(
                f"There is a key {known.name} already, which is {known.standing}",
                hint="See all: herdbook key ls",
            )
        return self.model_copy(update={"keys": (*self.keys, key)})

    def moved(self, name: str, standing: Standing) -> "Ring":
        """Return it with a key in another standing, or the one it has.

        Raises NotFoundError for an unknown one, ConflictError for a move that may not be.
        """
        known = self.required(name)
        if standing is not known.standing and standing not in MOVES[known.standing]:
            raise ConflictError(
                f"The key {name} is {known.standing}, and cannot be {standing} any more",
                hint="See all: herdbook key ls",
            )
        return self._with(known, known.model_copy(update={"standing": standing}))

    def _with(self, known: KnownKey, now: KnownKey) -> "Ring":
        changed = tuple(now if each == known else each for each in self.keys)
        return self.model_copy(update={"keys": changed})
