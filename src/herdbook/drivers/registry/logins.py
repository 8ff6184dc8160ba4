"""Finds out who one is for a registry, where podman, skopeo and docker keep it.

Sources: containers-auth.json(5); docker-credential-helpers, "Development".
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from herdbook.core.errors import HerdbookError, InvalidInputError
from herdbook.drivers import process
from herdbook.drivers.http.credentials import basic
from herdbook.images.references import RegistryName

_LIMIT_SECONDS = 30.0
_OF_A_TOKEN = "<token>"  # noqa: S105 - the name that helpers give for a login by token
_NOT_FOUND = "credentials not found"


@dataclass(frozen=True)
class Login:
    """A name and a password, or a token that is exchanged for others (OAuth 2)."""

    user: str
    password: str
    identity_token: str = ""

    @property
    def header(self) -> str:
        """The Authorization header of name and password."""
        return basic(self.user, self.password)


def login_for(files: Sequence[Path], name: RegistryName) -> Login | None:
    """Return the login for a repository, or None where none of the files knows one.

    The first file that knows one counts, and in it the most particular: a repository before what
    it is part of, before its registry. Raises InvalidInputError for a file that cannot be read, or
    where a helper fails.
    """
    for file in files:
        content = _content(file)
        found = _written(content, name, file) or _helped(content, name)
        if found is not None:
            return found
    return None


def keys_of(name: RegistryName) -> Iterator[str]:
    """Yield the keys that a file may keep a repository's login under, the best first."""
    parts = name.repository.split("/")
    yield from ("/".join(parts[:count]) for count in range(len(parts), 0, -1))


def _content(file: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _unreadable(file) from error
    if not isinstance(content, dict):
        raise _unreadable(file)
    return content


def _written(content: Mapping[str, Any], name: RegistryName, file: Path) -> Login | None:
    logins = content.get("auths")
    if not isinstance(logins, dict):
        return None
    # Docker writes addresses where podman writes names.
    plain = {_without_scheme(key): value for key, value in reversed(logins.items())}
    for key in keys_of(name):
        entry = plain.get(key)
        if isinstance(entry, dict) and (entry.get("auth") or entry.get("identitytoken")):
            return _decoded(entry, file)
    return None


def _without_scheme(key: str) -> str:
    bare = key.removeprefix("https://").removeprefix("http://")
    return bare.partition("/")[0] if bare != key else bare.rstrip("/")


def _decoded(entry: Mapping[str, Any], file: Path) -> Login:
    token = str(entry.get("identitytoken") or "")
    try:
        said = base64.b64decode(str(entry.get("auth") or ""), validate=True).decode()
    except (binascii.Error, ValueError):  # their own words may hold a part of the secret
        raise _unreadable(file) from None
    user, _, password = said.partition(":")
    return Login(user, password.rstrip("\0"), token)


def _helped(content: Mapping[str, Any], name: RegistryName) -> Login | None:
    helpers = content.get("credHelpers")
    helper = helpers.get(name.host) if isinstance(helpers, dict) else None
    helper = helper or content.get("credsStore")
    return _asked(str(helper), name.host) if helper else None


def _asked(helper: str, host: str) -> Login | None:
    if not helper.replace("-", "").replace("_", "").isalnum():
        raise InvalidInputError(f"{helper!r} is not the name of a credential helper")
    program = f"docker-credential-{helper}"
    try:
        said = process.run([program, "get"], given=host.encode(), limit_seconds=_LIMIT_SECONDS)
    except HerdbookError as error:
        raise _failed(program, host, error.message) from error
    if not said.succeeded:
        if _NOT_FOUND in said.output + said.errors:
            return None
        raise _failed(program, host, f"it ends with status {said.status}")
    try:
        answer = json.loads(said.output)
        user, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError):  # their own words may hold a part of the secret
        raise _failed(program, host, "its answer cannot be read") from None
    return Login("", "", secret) if user == _OF_A_TOKEN else Login(user, secret)


def _failed(program: str, host: str, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"{program} does not say who you are for {host}: {why}",
        hint=f"Mend it, or log in without it: podman login {host}",
    )


def _unreadable(file: Path) -> InvalidInputError:
    return InvalidInputError(
        "The file with logins to registries cannot be read",
        hint="Log in again: podman login. The format: containers-auth.json(5).",
        where=str(file),
    )
