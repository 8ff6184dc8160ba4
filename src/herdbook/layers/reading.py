"""Reads a layer's tar back into a tree, hashing every content on the way."""

import tarfile
from collections.abc import Iterator
from typing import BinaryIO, Self, cast

from herdbook.core import digests
from herdbook.core.errors import VerificationError
from herdbook.layers.tree import CANONICAL_DIRECTORY_MTIME, Entry, Kind, tree_of

_WHITEOUT_PREFIX = ".wh."
_XATTR_PREFIX = "SCHILY.xattr."
KEPT_XATTRS = frozenset({"security.capability"})
"""The only extended attributes an image keeps: others describe the machine that built it."""


def read_tree(stream: BinaryIO) -> dict[str, Entry]:
    """Return the tree of one layer's uncompressed tar."""
    return tree_of(entry for entry, _ in read_members(stream))


def read_members(stream: BinaryIO) -> Iterator[tuple[Entry, tarfile.TarInfo]]:
    """Yield the entries of a tar in its order, each with the member it came from.

    Raises VerificationError where the bytes are no tar or hold a device, a pipe or a socket.
    """
    try:
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member) as archive:
            for member in archive:
                entry = _entry(archive, member)
                if entry is not None:
                    yield entry, member
    except tarfile.TarError as error:
        raise VerificationError(f"A layer is not a readable tar: {error}") from error


class _Member(tarfile.TarInfo):
    """A member whose header is whole: `tarfile` takes any other for the end of the archive."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # typeshed leaves it out
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


def _entry(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Entry | None:
    path = normalised(member.name)
    if not path:
        return None
    directory, _, name = path.rpartition("/")
    if name.startswith(_WHITEOUT_PREFIX):
        removed = name.removeprefix(_WHITEOUT_PREFIX)
        return Entry(f"{directory}/{removed}" if directory else removed, Kind.REMOVED)
    kind = kind_of(member)
    content = cast("BinaryIO", archive.extractfile(member)) if kind is Kind.FILE else None
    return Entry(
        path,
        kind,
        mode=member.mode & 0o7777,
        uid=member.uid,
        gid=member.gid,
        mtime=CANONICAL_DIRECTORY_MTIME if kind is Kind.DIRECTORY else int(member.mtime),
        size=member.size if kind is Kind.FILE else 0,
        digest=digests.of_stream(content) if content is not None else None,
        target=_target(member, kind),
        xattrs=kept_xattrs(member),
    )


def normalised(name: str) -> str:
    """Return a member's name without `./` and trailing slashes; refuse one that climbs out."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise VerificationError(f"A layer holds a path that leaves the image: {name!r}")
    return "/".join(parts)


def kind_of(member: tarfile.TarInfo) -> Kind:
    """Return what a member is; refuse what an image may not hold."""
    if member.isfile():
        return Kind.FILE
    if member.isdir():
        return Kind.DIRECTORY
    if member.issym():
        return Kind.SYMLINK
    if member.islnk():
        return Kind.HARDLINK
    raise VerificationError(f"A layer holds a special file: {member.name!r}")


def _target(member: tarfile.TarInfo, kind: Kind) -> str:
    if kind is Kind.SYMLINK:
        return member.linkname
    return normalised(member.linkname) if kind is Kind.HARDLINK else ""


def kept_xattrs(member: tarfile.TarInfo) -> tuple[tuple[str, bytes], ...]:
    """Return the extended attributes of a member that an image keeps, sorted by name."""
    found = (
        (key.removeprefix(_XATTR_PREFIX), value.encode(errors="surrogateescape"))
        for key, value in member.pax_headers.items()
        if key.startswith(_XATTR_PREFIX)
    )
    return tuple(sorted(pair for pair in found if pair[0] in KEPT_XATTRS))
