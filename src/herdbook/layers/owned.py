"""Turns packages into the tree they own: their files and their part of dpkg's database.

A package layer depends on nothing but its .deb files: what scripts make of them on configuration
belongs to other layers. So the same package gives the same bytes in every image.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from herdbook.core import digests
from herdbook.core.errors import VerificationError
from herdbook.layers.reading import read_members
from herdbook.layers.tree import CANONICAL_DIRECTORY_MTIME, Entry, Kind, parents, tree_of
from herdbook.packages.control import parse_control
from herdbook.packages.deb import ControlFile, control_files, data_tar

DPKG_INFO = "var/lib/dpkg/info"
_MERGED_INTO_USR = frozenset({"bin", "sbin", "lib", "lib32", "lib64", "libx32"})


@dataclass(frozen=True)
class Content:
    """Where the bytes of a file are: in memory, or at an offset of an unpacked data tar."""

    memory: bytes | None = None
    spool: Path | None = None
    offset: int = 0

    def open(self) -> BinaryIO:
        """Open the bytes; more may follow the file's own."""
        if self.spool is None:
            return BytesIO(self.memory or b"")
        stream = self.spool.open("rb")
        stream.seek(self.offset)
        return stream


@dataclass(frozen=True)
class OwnedFiles:
    """A tree and where the bytes of its files are."""

    tree: dict[str, Entry]
    contents: dict[str, Content]

    def open(self, entry: Entry) -> BinaryIO:
        """Open the content of a file entry, bounded to its size."""
        return _Bounded(self.contents[entry.path].open(), entry.size)


class _Bounded(BytesIO):
    """Reads no more than `size` bytes of a stream."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        super().__init__()
        self._stream = stream
        self._left = size

    def read(self, size: int | None = -1) -> bytes:
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        piece = self._stream.read(wanted)
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        self._stream.close()
        super().close()


def owned_by(
    debs: Sequence[Path], spools: Path, pause: Callable[[], object] = lambda: None
) -> OwnedFiles:
    """Return what these packages own together; data tars are unpacked into the folder `spools`.

    `pause` is called every now and then, and may raise to end it.
    Where two packages ship one directory, the first by file name decides on its mode, as the
    first to be unpacked does in dpkg.
    """
    tree: dict[str, Entry] = {}
    contents: dict[str, Content] = {}
    for deb in sorted(debs):
        owned = _owned_by_one(deb, spools / f"{deb.name}.tar", pause)
        for path, entry in owned.tree.items():
            if path not in tree or entry.kind is not Kind.DIRECTORY:
                tree[path] = entry
        contents |= owned.contents
    # Merging /lib into /usr can leave a path whose parent no package of the group ships.
    missing = {above for path in tree for above in parents(path)} - tree.keys()
    tree |= {path: Entry(path, Kind.DIRECTORY, mode=0o755) for path in missing}
    return OwnedFiles(tree_of(tree.values()), contents)


def _owned_by_one(deb: Path, spool: Path, pause: Callable[[], object]) -> OwnedFiles:
    with data_tar(deb) as stream, spool.open("wb") as target:
        while piece := stream.read(digests.PIECE_BYTES):
            pause()
            target.write(piece)
    names: list[str] = []
    entries: list[Entry] = []
    contents: dict[str, Content] = {}
    with spool.open("rb") as stream:
        for entry, member in read_members(stream):
            names.append(entry.path)
            entries.append(_merged(entry))
            if entry.kind is Kind.FILE:
                contents[entries[-1].path] = Content(spool=spool, offset=member.offset_data)
    entries = _canonical_hardlinks(entries, contents)
    info, info_contents = _database_files(deb, names)
    return OwnedFiles(tree_of([*entries, *info]), contents | info_contents)


def merged_path(path: str) -> str:
    """Return where a path lies on a system with /bin, /lib ... merged into /usr."""
    return f"usr/{path}" if path.partition("/")[0] in _MERGED_INTO_USR else path


def _merged(entry: Entry) -> Entry:
    if "/" not in entry.path and entry.kind is Kind.SYMLINK:
        return entry  # /bin -> usr/bin itself, as base-files ships it since trixie
    target = merged_path(entry.target) if entry.kind is Kind.HARDLINK else entry.target
    return replace(entry, path=merged_path(entry.path), target=target)


def _canonical_hardlinks(entries: list[Entry], contents: dict[str, Content]) -> list[Entry]:
    """Make the first path of each hardlink group the file, whatever the packager's tar did."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.kind is Kind.HARDLINK:
            groups.setdefault(entry.target, []).append(entry)
    if not groups:
        return entries
    by_path = {entry.path: entry for entry in entries}
    for target, links in groups.items():
        original = by_path.get(target)
        if original is None or original.kind is not Kind.FILE:
            raise VerificationError(f"A package links to /{target}, which is no file of its own")
        paths = sorted([target, *(link.path for link in links)])
        contents[paths[0]] = contents.pop(target)
        by_path[paths[0]] = replace(original, path=paths[0])
        for path in paths[1:]:
            by_path[path] = hardlink_to(original, path, paths[0])
    return list(by_path.values())


def hardlink_to(original: Entry, path: str, first: str) -> Entry:
    """Return the entry of a further name of a file."""
    return replace(
        original, path=path, kind=Kind.HARDLINK, target=first, size=0, digest=None, xattrs=()
    )


def _database_files(deb: Path, names: Iterable[str]) -> tuple[list[Entry], dict[str, Content]]:
    """Return the files dpkg keeps in its info folder for this package (dpkg(1), FILES).

    dpkg writes the list as it unpacks; its time here is that of the control file.
    """
    members = control_files(deb)
    control_file = members.pop("control")
    control = parse_control(control_file.content.decode())
    prefix = f"{control.name}:{control.architecture}" if control.multi_arch_same else control.name
    listing = "".join(f"/{name}\n" for name in (".", *names)).encode(errors="surrogateescape")
    files = {**members, "list": ControlFile(listing, 0o644, control_file.mtime)}
    entries = [
        Entry(path, Kind.DIRECTORY, mode=0o755, mtime=CANONICAL_DIRECTORY_MTIME)
        for path in (*parents(DPKG_INFO), DPKG_INFO)
    ]
    contents = {}
    for name, file in files.items():
        path = f"{DPKG_INFO}/{prefix}.{name}"
        contents[path] = Content(memory=file.content)
        entries.append(
            Entry(
                path,
                Kind.FILE,
                mode=file.mode,
                mtime=file.mtime,
                size=len(file.content),
                digest=digests.of_bytes(file.content),
            )
        )
    return entries, contents
