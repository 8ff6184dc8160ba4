"""Whose keys have to sign what a channel gets, as people write it."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from herdbook.core.errors import InvalidInputError
from herdbook.metadata.model import Guard
from herdbook.recipes.model import Strict
from herdbook.signatures.keys import public_key
from herdbook.signatures.model import KEY_NAME


def _pem(value: str) -> str:
    try:
        return public_key(value).pem
    except InvalidInputError as error:
        raise ValueError("is no public key in PEM form: herdbook key new makes one") from error


class Signers(Strict):
    """Whose keys have to sign what a channel gets: so many of these, as TUF counts them."""

    count: Annotated[int, Field(ge=1)] = 1
    keys: Annotated[
        dict[Annotated[str, Field(pattern=f"^{KEY_NAME}$")], Annotated[str, AfterValidator(_pem)]],
        Field(min_length=1, description="Public keys in PEM form, by the names of their owners."),
    ]

    @model_validator(mode="after")
    def _can_be_reached(self) -> "Signers":
        if len({public_key(each).identity for each in self.keys.values()}) < len(self.keys):
            raise ValueError("gives one key two names")
        if self.count > len(self.keys):
            raise ValueError(f"names fewer than {self.count} keys")
        return self

    def guard(self, channel: str, images: str) -> Guard:
        """Return that they guard a channel of these images."""
        keys = {name: public_key(pem) for name, pem in self.keys.items()}
        return Guard(channel, images, keys, self.count)
