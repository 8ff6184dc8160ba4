"""The --secret option of commands that build: files whose content no image may hold."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from herdbook.core.given_secrets import GivenSecrets

SecretFiles = Annotated[
    list[str],
    typer.Option(
        "--secret",
        metavar="NAME=FILE",
        help="A secret for the steps that name it; no image, lock or log holds it.",
    ),
]


def given_secrets(options: list[str], asked: Collection[str] | None) -> "GivenSecrets":
    """Read the secrets of a command line; raises InvalidInputError or NotFoundError.

    `asked` are the names that steps ask for; any other is refused, as it is probably misspelt. None
    where nobody knows yet.
    """
    from pathlib import Path

    from herdbook.core.errors import InvalidInputError
    from herdbook.core.given_secrets import GivenSecrets, read_secret
    from herdbook.core.nearest import did_you_mean

    files = {}
    for option in options:
        name, equals, path = option.partition("=")
        if not (name and equals and path):
            raise InvalidInputError(
                f"--secret {option!r} is not NAME=FILE", hint="Write --secret token=FILE."
            )
        if name in files:
            raise InvalidInputError(f"The secret {name!r} is given twice", hint="Keep one of them.")
        if asked is not None and name not in asked:
            raise InvalidInputError(
                f"No step of the recipe asks for the secret {name!r}",
                hint=did_you_mean(
                    name, sorted(asked), "Leave it out, or name it in a step's `secrets`."
                ),
            )
        files[name] = read_secret(name, Path(path))
    return GivenSecrets(files)
