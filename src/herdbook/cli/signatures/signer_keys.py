"""Reads the private keys of people who sign, and makes them; they never lie with the server."""

import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from herdbook.core.errors import ConflictError, InvalidInputError, NotFoundError
from herdbook.core.whole_files import write_whole
from herdbook.server.settings import load_settings
from herdbook.signatures.keys import (
    PrivateKey,
    PublicKey,
    new_private_key,
    private_key,
    public_key,
)
from herdbook.signatures.model import check_key_name

_PUBLIC = 0o644
_HOW = "Name the private key, NAME.key; its password is asked for, or in HERDBOOK_SIGNER_PASSWORD."
_ENCRYPTED = b"ENCRYPTED"


def read_signer_key(file: Path) -> PrivateKey:
    """Return a person's key; its password is HERDBOOK_SIGNER_PASSWORD, or asked for.

    Raises NotFoundError for the file, InvalidInputError for what is in it, or the password.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"{file} cannot be read: {error.strerror}", hint="Make a key: herdbook key new NAME"
        ) from error
    password = _password(again=False) if _ENCRYPTED in content else b""
    try:
        return private_key(content, password)
    except InvalidInputError as error:
        raise InvalidInputError(error.message, hint=_HOW, where=str(file)) from error


def read_public_keys(files: Sequence[Path]) -> dict[str, PublicKey]:
    """Return public keys by the names of their files; raises as `read_signer_key`."""
    found: dict[str, PublicKey] = {}
    for file in files:
        name = check_key_name(file.stem)
        if name in found:
            raise InvalidInputError(f"Two keys are called {name}", hint="Rename one of the files.")
        try:
            found[name] = public_key(file.read_text(encoding="ascii"))
        except (OSError, UnicodeDecodeError) as error:
            raise NotFoundError(
                f"{file} cannot be read as a public key", hint="Make one: herdbook key new NAME"
            ) from error
    return found


def is_encrypted(file: Path) -> bool:
    """Tell whether a private key has a password."""
    return _ENCRYPTED in file.read_bytes()


def make_signer_key(name: str, folder: Path) -> tuple[Path, Path, str]:
    """Write a new key as NAME.key and NAME.pub, and return both with its identity.

    Raises ConflictError where one is there, NotFoundError without the folder.
    """
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder {folder}", hint="Make it, or name another one.")
    private, public = folder / f"{name}.key", folder / f"{name}.pub"
    for each in (private, public):
        if each.exists():
            raise ConflictError(f"{each} is there already", hint="Give another name.")
    made = new_private_key()
    write_whole(private, made.pem(_password(again=True)))
    write_whole(public, made.public.pem.encode("ascii"), _PUBLIC)
    return private, public, made.public.identity


def _password(*, again: bool) -> bytes:
    given = load_settings().signer_password
    if given or not sys.stdin.isatty():
        return given
    asked: str = typer.prompt(
        "Password of the key",
        default="" if again else None,
        show_default=False,
        hide_input=True,
        confirmation_prompt=again,
        err=True,
    )
    return asked.encode()
