"""Reads what a recipe calls an existing image: a name in a registry, or a path of its folder."""

import re
from dataclasses import dataclass

from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = (
    r"(?:localhost|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|\[[0-9a-fA-F:]+\]|[A-Za-z0-9-]+(?=:))(?::\d+)?"
)
_TAG = r"\w[\w.-]{0,127}"
_NAME = re.compile(
    rf"(?P<repository>(?:(?P<host>{_HOST})/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    rf"(?::(?P<tag>{_TAG}))?(?:@(?P<digest>sha256:[0-9a-f]{{64}}))?",
    re.ASCII,
)
_DEFAULT_HOST = "docker.io"
_LOCAL_HOST = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?")


@dataclass(frozen=True)
class RegistryName:
    """An image in a registry; where it names a digest, a tag beside it says nothing."""

    repository: str
    host: str
    tag: str = ""
    digest: Digest | None = None

    @property
    def is_on_this_machine(self) -> bool:
        """Whether the registry is this machine's own, which need not have a certificate."""
        return _LOCAL_HOST.fullmatch(self.host) is not None

    def at(self, digest: Digest) -> "RegistryName":
        """Return the image of that digest in the same repository."""
        return RegistryName(self.repository, self.host, digest=digest)

    @property
    def path(self) -> str:
        """What the registry itself calls the repository."""
        return self.repository.removeprefix(f"{self.host}/")

    def tagged(self, tag: str) -> "RegistryName":
        """Return what a tag means in the same repository."""
        return RegistryName(self.repository, self.host, tag)

    def __str__(self) -> str:
        """Write it as registries' clients take it."""
        if self.digest:
            return f"{self.repository}@{self.digest}"
        return f"{self.repository}:{self.tag}" if self.tag else self.repository


@dataclass(frozen=True)
class LocalPath:
    """An OCI layout or an archive in the recipe's folder, and a name in it if one is given."""

    path: str
    name: str = ""

    def __str__(self) -> str:
        """Write it as recipes do."""
        return f"{self.path}:{self.name}" if self.name else self.path


def parse_reference(text: str) -> RegistryName | LocalPath:
    """Return what follows `oci:` in a recipe; raises InvalidInputError where it means nothing."""
    if text.startswith((".", "/")):
        path, _, name = text.partition(":")
        return LocalPath(path, name)
    match = _NAME.fullmatch(text)
    if match is None:
        raise InvalidInputError(
            f"{text!r} names no image",
            hint="Write HOST/NAME:TAG for one in a registry, ./PATH for one in this folder.",
        )
    digest = Digest(match["digest"]) if match["digest"] else None
    return RegistryName(
        match["repository"], match["host"] or _DEFAULT_HOST, match["tag"] or "", digest
    )


def registry_name(text: str) -> RegistryName:
    """Return what `REGISTRY/REPOSITORY[:TAG]` means; raises InvalidInputError for anything else.

    The registry has to be named: nothing is sent to one that nobody wrote down.
    """
    name = parse_reference(text)
    if not isinstance(name, RegistryName) or not name.repository.startswith(f"{name.host}/"):
        raise InvalidInputError(
            f"{text!r} does not name a registry",
            hint="Write REGISTRY/REPOSITORY:TAG, as registry.example:5000/shop/web:3.",
        )
    return name
