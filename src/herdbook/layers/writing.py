"""Writes a layer as canonical tar bytes: the same entries and contents always give the same bytes.

The format is POSIX.1-2001 (ustar, with PAX records only where ustar cannot say it). It is written
here rather than by `tarfile` because identity hangs on every byte, and a library's output may
change with its version.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from herdbook.core.digests import PIECE_BYTES
from herdbook.core.errors import VerificationError
from herdbook.layers.tree import Entry, Kind

LAYER_FORMAT = 1
"""Counts changes of the bytes written here; part of every build's cache key."""

BLOCK_BYTES = 512

_TYPE_FLAGS = {Kind.FILE: b"0", Kind.HARDLINK: b"1", Kind.SYMLINK: b"2", Kind.DIRECTORY: b"5"}
_MAXIMUM_USTAR_SIZE = 8**11 - 1
_MAXIMUM_USTAR_TIME = 8**11 - 1
_MAXIMUM_USTAR_ID = 8**7 - 1
_WHITEOUT_PREFIX = ".wh."

Contents = Callable[[Entry], BinaryIO]
"""Opens the content of a file entry; the caller closes it."""


def tar_pieces(entries: Iterable[Entry], contents: Contents) -> Iterator[bytes]:
    """Yield the tar of `entries` (sorted by path here) piece by piece, in flat memory.

    Raises VerificationError where a content is not as long as its entry says.
    """
    for entry in sorted(entries, key=lambda each: each.path):
        yield header(entry)
        if entry.kind is Kind.FILE:
            yield from _content(entry, contents)
    yield bytes(2 * BLOCK_BYTES)


def header(entry: Entry) -> bytes:
    """Render one entry's header blocks; a removal becomes an OCI whiteout file."""
    if entry.kind is Kind.REMOVED:
        directory, _, name = entry.path.rpartition("/")
        path = f"{directory}/{_WHITEOUT_PREFIX}{name}" if directory else _WHITEOUT_PREFIX + name
        entry = Entry(path, Kind.FILE)
    path = entry.path + "/" if entry.kind is Kind.DIRECTORY else entry.path
    records = _pax_records(entry, path)
    if not records:
        return _block(path.encode(errors="surrogateescape"), entry, _TYPE_FLAGS[entry.kind])
    body = b"".join(records)
    label = b"PaxHeaders/" + path.encode("ascii", "replace")[-80:].lstrip(b"/")
    extended = _block(label, Entry("", Kind.FILE, mode=0o644, size=len(body)), b"x")
    plain = _block(_truncated(path), _clipped(entry), _TYPE_FLAGS[entry.kind])
    return extended + _padded(body) + plain


def _content(entry: Entry, contents: Contents) -> Iterator[bytes]:
    left = entry.size
    with contents(entry) as stream:
        while piece := stream.read(min(PIECE_BYTES, left) if left else 1):
            left -= len(piece)
            if left < 0:
                break
            yield piece
    if left:
        raise VerificationError(
            f"/{entry.path} changed while it was read",
            hint="Run the build again once nothing writes to that file.",
        )
    yield bytes(-entry.size % BLOCK_BYTES)


def _pax_records(entry: Entry, path: str) -> list[bytes]:
    """Return PAX records for what ustar cannot hold, sorted by key."""
    values: dict[str, bytes] = {}
    encoded_path = path.encode(errors="surrogateescape")
    encoded_target = entry.target.encode(errors="surrogateescape")
    if len(encoded_path) > 100 or not path.isascii():  # noqa: PLR2004 - ustar's name field
        values["path"] = encoded_path
    if len(encoded_target) > 100 or not entry.target.isascii():  # noqa: PLR2004 - linkname field
        values["linkpath"] = encoded_target
    if entry.size > _MAXIMUM_USTAR_SIZE:
        values["size"] = str(entry.size).encode()
    if not 0 <= entry.mtime <= _MAXIMUM_USTAR_TIME:
        values["mtime"] = str(entry.mtime).encode()
    for key, number in (("uid", entry.uid), ("gid", entry.gid)):
        if number > _MAXIMUM_USTAR_ID:
            values[key] = str(number).encode()
    for name, value in entry.xattrs:
        values[f"SCHILY.xattr.{name}"] = value
    return [_pax_record(key, value) for key, value in sorted(values.items())]


def _pax_record(key: str, value: bytes) -> bytes:
    r"""Render `<length> <key>=<value>\n`, where the length counts its own digits."""
    rest = b" " + key.encode() + b"=" + value + b"\n"
    length = len(rest)
    while length != len(rest) + len(str(length)):
        length = len(rest) + len(str(length))
    return str(length).encode() + rest


def _clipped(entry: Entry) -> Entry:
    """Return the entry with what only the PAX records can hold cut to what ustar can."""
    return Entry(
        entry.path,
        entry.kind,
        mode=entry.mode,
        uid=entry.uid if entry.uid <= _MAXIMUM_USTAR_ID else 0,
        gid=entry.gid if entry.gid <= _MAXIMUM_USTAR_ID else 0,
        mtime=entry.mtime if 0 <= entry.mtime <= _MAXIMUM_USTAR_TIME else 0,
        size=entry.size if entry.size <= _MAXIMUM_USTAR_SIZE else 0,
        target=_truncated(entry.target).decode("ascii"),
    )


def _truncated(text: str) -> bytes:
    return text.encode("ascii", "replace")[:100]


def _block(name: bytes, entry: Entry, type_flag: bytes) -> bytes:
    """Render one 512-byte ustar header (POSIX.1-1988, field by field)."""
    size = entry.size if entry.kind is Kind.FILE else 0
    fields = (
        name.ljust(100, b"\0"),
        b"%07o\0" % entry.mode,
        b"%07o\0" % entry.uid,
        b"%07o\0" % entry.gid,
        b"%011o\0" % size,
        b"%011o\0" % entry.mtime,
        b" " * 8,  # the checksum counts as spaces while it is summed up
        type_flag,
        entry.target.encode(errors="surrogateescape").ljust(100, b"\0"),
        b"ustar\x0000",
        bytes(32 + 32),  # no user or group names: numbers are the identity
        b"0000000\x000000000\0",
        bytes(155 + 12),
    )
    block = b"".join(fields)
    checksum = b"%06o\0 " % sum(block)
    return block[:148] + checksum + block[156:]


def _padded(body: bytes) -> bytes:
    return body + bytes(-len(body) % BLOCK_BYTES)
