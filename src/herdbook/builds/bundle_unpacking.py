"""Unpacks bundles, which anybody may have made by hand: nothing leads out of the folder."""

import os
import tarfile
from pathlib import Path, PurePosixPath

from herdbook.core.errors import VerificationError

_PIECE_BYTES = 1 << 20


def unpack(bundle: Path, folder: Path) -> None:
    """Unpack a bundle into a folder that is not there yet.

    Raises VerificationError for what is none: only files, folders and links that stay inside are
    taken, each once, and none of them through a link. Source: how tarfile's own filters were got
    around (CVE-2025-4517 and its like), which is why none is relied on here.
    """
    folder.mkdir(parents=True)
    taken: dict[PurePosixPath, bool] = {}
    try:
        with tarfile.open(bundle, mode="r:") as tar:
            for member in tar:
                _take(tar, member, folder, taken)
    except (tarfile.TarError, UnicodeError) as error:
        raise _no_bundle(str(error)) from error


def _take(
    tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, taken: dict[PurePosixPath, bool]
) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or not name.parts or name in taken:
        raise _no_bundle(f"{member.name!r} is outside, or there twice")
    if any(not taken.get(each, True) for each in name.parents):
        raise _no_bundle(f"{member.name!r} lies in what is no folder")
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    taken |= dict.fromkeys((each for each in name.parents if each.parts), True)
    taken[name] = member.isdir()
    if member.isdir():
        place.mkdir(mode=0o755, exist_ok=True)
    elif member.issym():
        _refuse_leaving(name, member.linkname)
        place.symlink_to(member.linkname)
    elif member.isreg() and not member.issparse():
        _write(tar, member, place)
    else:
        raise _no_bundle(f"{member.name!r} is neither a file nor a folder nor a link")


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    mode = 0o755 if member.mode & 0o100 else 0o644
    content = tar.extractfile(member)
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as target:
        while content and (piece := content.read(_PIECE_BYTES)):
            target.write(piece)
        os.fchmod(descriptor, mode)
        if target.tell() != member.size:
            raise _no_bundle(f"{member.name!r} is cut off")


def _refuse_leaving(name: PurePosixPath, link: str) -> None:
    reached = os.path.normpath(name.parent / link)
    if link.startswith("/") or reached.split("/")[0] == "..":
        raise _no_bundle(f"the link {str(name)!r} leads outside")


def _no_bundle(reason: str) -> VerificationError:
    return VerificationError(
        f"That is no bundle of sources: {reason}",
        hint="Write it again where the version was built: herdbook proposal pack IMAGE FILE",
    )
