"""Made-up npm packages: tarballs with any members, and the package locks that name them."""

import base64
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

PACKED_AT = 499_162_500  # what npm gives to every file


def member(name: str, content: bytes = b"", **more: Any) -> tuple[tarfile.TarInfo, bytes]:
    """Return one member of a tarball; `more` sets fields of its header."""
    found = tarfile.TarInfo(name)
    found.size, found.mtime, found.mode = len(content), PACKED_AT, 0o644
    for field, value in more.items():
        setattr(found, field, value)
    return found, content


def tarball(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """Return a package with these members."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for header, content in members:
            archive.addfile(header, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return a package with these files, as npm packs it."""
    return tarball(*(member(f"package/{path}", content) for path, content in files.items()))


def integrity(content: bytes, algorithm: str = "sha512") -> str:
    """Return the digest of a tarball as package locks write it."""
    digest = hashlib.new(algorithm, content).digest()
    return f"{algorithm}-{base64.b64encode(digest).decode()}"


def entry(content: bytes = b"", **more: Any) -> dict[str, Any]:
    """Return what a package lock says of a package with this tarball."""
    return {"version": "1.0.0", "integrity": integrity(content), **more}


def package_lock(packages: Mapping[str, Mapping[str, Any]], version: int = 3) -> str:
    """Return a package lock; `""` among the packages is the project itself."""
    whole = {"": {"name": "web"}, **packages}
    return json.dumps({"lockfileVersion": version, "packages": whole}, indent=2)
