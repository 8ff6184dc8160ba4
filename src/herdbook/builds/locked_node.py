"""The Node part of a lock: which npm packages lie where, each pinned by the digest of its bytes."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from herdbook.packages.model import Frozen

_NAME = r"(@[A-Za-z0-9_~-][A-Za-z0-9._~-]*/)?[A-Za-z0-9_~!'()*-][A-Za-z0-9._~!'()*-]*"
PATH_PATTERN = rf"^node_modules/{_NAME}(/node_modules/{_NAME})*$"
"""Where a package may lie: below node_modules, and below that of other packages."""

_DIGEST_BYTES = {"sha256": 32, "sha384": 48, "sha512": 64}


def _integrity(value: str) -> str:
    algorithm, _, encoded = value.partition("-")
    try:
        size = len(base64.b64decode(encoded, validate=True))
    except binascii.Error:
        size = 0
    if size != _DIGEST_BYTES.get(algorithm):
        raise ValueError("must be one digest: sha512, sha384 or sha256, '-', base64")
    return value


def _inside(value: str) -> str:
    if not value or re.search(r"^/|(^|/)\.{0,2}(/|$)|\0", value):
        raise ValueError("must be a path inside the package")
    return value


Integrity = Annotated[str, AfterValidator(_integrity)]
"""One digest as W3C's Subresource Integrity writes it, such as `sha512-` and base64."""

_Inside = Annotated[str, AfterValidator(_inside)]
_ProgramName = Annotated[_Inside, Field(pattern=r"^[^/]+$")]


class LockedNodePackage(Frozen):
    """One package: where it lies, and what its bytes are.

    `path` is relative to the folder that holds the outermost `node_modules`. `integrity` is that
    of its tarball; it is None for a package that comes within the tarball of one above it.
    `programs` maps names in `.bin` to files of the package.
    """

    path: str = Field(pattern=PATH_PATTERN)
    name: str = Field(pattern=rf"^{_NAME}$")
    version: str = Field(pattern=r"^[0-9A-Za-z.+-]+$")
    integrity: Integrity | None = None
    programs: Mapping[_ProgramName, _Inside] = {}
    has_install_script: bool = False

    @property
    def label(self) -> str:
        """How people name it."""
        return f"{self.name} {self.version}"

    @property
    def hexadecimal(self) -> str:
        """The digest as `sha512:` and hexadecimal digits; empty without a tarball."""
        algorithm, digest = self.digest
        return f"{algorithm}:{digest.hex()}" if digest else ""

    @property
    def digest(self) -> tuple[str, bytes]:
        """The algorithm and the digest of its tarball; only for one that has a tarball."""
        algorithm, _, encoded = (self.integrity or "").partition("-")
        return algorithm, base64.b64decode(encoded)


class LockedNode(Frozen):
    """All packages that are laid out, sorted by path: one that holds others comes before them."""

    packages: tuple[LockedNodePackage, ...]

    @property
    def tarballs(self) -> tuple[LockedNodePackage, ...]:
        """The packages that have a tarball of their own."""
        return tuple(package for package in self.packages if package.integrity)
