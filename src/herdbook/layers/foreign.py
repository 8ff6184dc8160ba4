"""Reads a layer that some other program wrote, as runtimes unpack it: member by member.

Sources: OCI image specification 1.1, "Image Layer Filesystem Changeset", and what containerd and
containers/storage do where it leaves a choice.
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import copyfileobj, disk_usage
from typing import BinaryIO, cast

from herdbook.core import digests
from herdbook.core.errors import NoSpaceError, VerificationError
from herdbook.layers.owned import Content
from herdbook.layers.reading import kept_xattrs, kind_of, normalised
from herdbook.layers.tree import CANONICAL_DIRECTORY_MTIME, Entry, Kind, parents
from herdbook.layers.writing import BLOCK_BYTES

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_OWN_BUSINESS = ".wh..wh."
"""What aufs kept for itself, and tars made on it still hold."""


@dataclass
class Node:
    """What one or several names of a layer stand for; its entry's own path says nothing.

    A `HARDLINK` stands for a file that is not in the layer.
    """

    entry: Entry
    content: Content | None = None


@dataclass
class ForeignLayer:
    """What a layer holds, by name, and what it hides of the layers below.

    `implied` are folders that it does not hold itself, but something below them. `removed` are
    paths hidden there, `opaque` folders of which nothing is seen from there (the root is the
    empty path), `notes` what a person should know.
    """

    nodes: dict[str, Node] = field(default_factory=dict)
    implied: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def read_foreign(spool: Path, scratch: Path) -> ForeignLayer:
    """Return what the plain tar `spool` holds; files with holes are filled in into `scratch`.

    Raises VerificationError where the bytes are no tar, or a member would leave the image or lie
    below something that is no folder.
    """
    layer = ForeignLayer()
    try:
        with spool.open("rb") as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
            reader = _Reader(archive, spool, scratch, layer)
            for member in _members(archive, stream):
                reader.add(member)
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise VerificationError(f"A layer is not a readable tar: {error}") from error
    _follow_later_files(layer.nodes)
    return layer


def _members(archive: tarfile.TarFile, stream: BinaryIO) -> Iterator[tarfile.TarInfo]:
    before = -1
    while (member := archive.next()) is not None:
        if member.size < 0 or archive.offset <= before:
            raise tarfile.ReadError(f"{member.name!r} has a size that cannot be")
        before = archive.offset
        yield member
        archive.members.clear()  # type: ignore[attr-defined]  # typeshed leaves it out
    # `tarfile` takes a damaged header for the end of the archive.
    stream.seek(archive.offset)
    if stream.read(BLOCK_BYTES).strip(b"\0"):
        raise tarfile.ReadError("a header is damaged")


@dataclass(frozen=True)
class _Reader:
    """Adds the members of an archive to a layer, in their order."""

    archive: tarfile.TarFile
    spool: Path
    scratch: Path
    layer: ForeignLayer

    def add(self, member: tarfile.TarInfo) -> None:
        path = _path(member.name)
        *above, name = path.split("/")
        if name == _OPAQUE:
            self.layer.opaque.add("/".join(above))
        elif any(part.startswith(_OWN_BUSINESS) for part in (*above, name)):
            return
        elif name == _WHITEOUT or any(part.startswith(_WHITEOUT) for part in above):
            raise VerificationError(f"A layer holds a path that only a removal may have: /{path}")
        elif name.startswith(_WHITEOUT):
            self.layer.removed.add("/".join([*above, name.removeprefix(_WHITEOUT)]))
        elif member.isdev():
            self._leave_out(path, member)
        elif path:
            self._place(path, self._node(member))

    def _place(self, path: str, node: Node) -> None:
        nodes = self.layer.nodes
        there = nodes.get(path)
        is_folder = path in self.layer.implied or (there and there.entry.kind is Kind.DIRECTORY)
        if not (is_folder and node.entry.kind is Kind.DIRECTORY) and there is not node:
            self._make_way(path)
        self.layer.implied.discard(path)
        nodes[path] = node

    def _make_way(self, path: str) -> None:
        """Remove what is at a path, which must not lie below something other than a folder."""
        nodes, implied = self.layer.nodes, self.layer.implied
        for above in parents(path):
            if above not in nodes:
                implied.add(above)
            elif nodes[above].entry.kind is not Kind.DIRECTORY:
                raise VerificationError(f"A layer puts /{path} below /{above}, which is no folder")
        there = nodes.pop(path, None)
        if path in implied or (there and there.entry.kind is Kind.DIRECTORY):
            for below in [each for each in nodes if each.startswith(f"{path}/")]:
                del nodes[below]
            implied -= {each for each in implied if f"{each}/".startswith(f"{path}/")}

    def _leave_out(self, path: str, member: tarfile.TarInfo) -> None:
        """Leave a device or a pipe out: running systems make their own.

        It hides what lay there all the same, which is all that overlayfs's own mark of a removed
        path, a device 0:0, is meant to do.
        """
        self._make_way(path)
        self.layer.removed.add(path)
        is_mark = member.ischr() and member.devmajor == member.devminor == 0
        if not is_mark and not path.startswith("dev/"):
            what = "pipe" if member.isfifo() else "device"
            self.layer.notes.append(f"/{path} is a {what}, which an image cannot hold: left out")

    def _node(self, member: tarfile.TarInfo) -> Node:
        kind = kind_of(member)
        if min(member.uid, member.gid) < 0:
            raise VerificationError(f"A layer gives {member.name!r} an owner below zero")
        entry = Entry(
            "",
            kind,
            mode=0o777 if kind is Kind.SYMLINK else member.mode & 0o7777,
            uid=member.uid,
            gid=member.gid,
            mtime=CANONICAL_DIRECTORY_MTIME if kind is Kind.DIRECTORY else int(member.mtime),
            target=member.linkname if kind is Kind.SYMLINK else "",
        )
        if kind is Kind.HARDLINK:
            return _linked(self.layer.nodes, entry, _path(member.linkname))
        return self._file(member, entry) if kind is Kind.FILE else Node(entry)

    def _file(self, member: tarfile.TarInfo, entry: Entry) -> Node:
        content = Content(spool=self.spool, offset=member.offset_data)
        if member.issparse():
            content = self._filled(member)
        with cast("BinaryIO", self.archive.extractfile(member)) as stream:
            digest = digests.of_stream(stream)
        xattrs = kept_xattrs(member)
        return Node(replace(entry, size=member.size, digest=digest, xattrs=xattrs), content)

    def _filled(self, member: tarfile.TarInfo) -> Content:
        """Write a file with its holes (GNU tar manual, "Sparse Formats")."""
        if member.size > disk_usage(self.scratch).free:
            raise NoSpaceError(f"There is no space left for {member.name!r}")
        filled = self.scratch / f"sparse-{member.offset_data}"
        content = cast("BinaryIO", self.archive.extractfile(member))
        with content, filled.open("wb") as target:
            copyfileobj(content, target, digests.PIECE_BYTES)
        return Content(spool=filled)


def _path(name: str) -> str:
    if name.startswith("/"):
        raise VerificationError(f"A layer holds an absolute path: {name!r}")
    return normalised(name)


def _linked(nodes: dict[str, Node], entry: Entry, target: str) -> Node:
    """Return what a further name stands for; its owner and mode hold for all names, as at runtimes.

    They set them on whatever a member has made.
    """
    node = nodes.get(target)
    if node is None or node.entry.kind is Kind.HARDLINK:
        return Node(replace(entry, target=target))
    if node.entry.kind is Kind.DIRECTORY:
        raise VerificationError(f"A layer links to /{target}, which is a folder")
    if node.entry.kind is Kind.FILE:
        node.entry = replace(
            node.entry, mode=entry.mode, uid=entry.uid, gid=entry.gid, mtime=entry.mtime
        )
    return node


def _follow_later_files(nodes: dict[str, Node]) -> None:
    """Let names that came before their file stand for it, be it by way of other such names."""
    for path, first in nodes.items():
        node, seen = first, {path}
        while node.entry.kind is Kind.HARDLINK and (there := nodes.get(node.entry.target)):
            if node.entry.target in seen:
                raise VerificationError(f"A layer's links go round in a circle at /{path}")
            seen.add(node.entry.target)
            node = there
        if node is not first and node.entry.kind is Kind.DIRECTORY:
            raise VerificationError(f"A layer links to a folder at /{path}")
        nodes[path] = node
