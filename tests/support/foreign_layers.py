"""Layers as other programs write them, and the images they travel in."""

import gzip
import io
import json
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from herdbook.core import digests
from herdbook.core.digests import Digest

_OCI = "application/vnd.oci.image"


@dataclass(frozen=True)
class Member:
    """One member of a tar."""

    info: tarfile.TarInfo
    content: bytes = b""


def member(path: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, **more: Any) -> Member:
    """Return a file, or a member of another kind; `more` are attributes of `tarfile.TarInfo`."""
    info = tarfile.TarInfo(path)
    info.type, info.size = kind, len(content)
    for key, value in more.items():
        setattr(info, key, value)
    return Member(info, content)


def folder(path: str, **more: Any) -> Member:
    return member(path, kind=tarfile.DIRTYPE, **{"mode": 0o755, **more})


def symlink(path: str, target: str, **more: Any) -> Member:
    return member(path, kind=tarfile.SYMTYPE, **{**more, "linkname": target, "mode": 0o777})


def link(path: str, target: str, like: Member | None = None) -> Member:
    """Return a further name of a file, with the same owner and mode if that is given."""
    more = {}
    if like is not None:
        more = {key: getattr(like.info, key) for key in ("mode", "uid", "gid", "mtime")}
    return member(path, kind=tarfile.LNKTYPE, linkname=target, **more)


def removal(path: str) -> Member:
    above, _, name = path.rpartition("/")
    return member(f"{above}/.wh.{name}".lstrip("/"))


def opaque(path: str) -> Member:
    return member(f"{path}/.wh..wh..opq")


def tar(members: Iterable[Member], form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return a tar of members, in their order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for each in members:
            archive.addfile(each.info, io.BytesIO(each.content))
    return buffer.getvalue()


def write_layout(
    place: Path,
    layers: Sequence[bytes],
    *,
    tag: str = "base",
    process: dict[str, Any] | None = None,
    platform: tuple[str, str] = ("linux", "amd64"),
) -> Digest:
    """Write an image as an OCI layout, its layers compressed; return its manifest's digest."""
    place.mkdir(exist_ok=True)
    packed = [gzip.compress(layer, mtime=0) for layer in layers]
    config = {
        "os": platform[0],
        "architecture": platform[1],
        "config": process or {},
        "rootfs": {"type": "layers", "diff_ids": [digests.of_bytes(layer) for layer in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": write_blob(place, f"{_OCI}.config.v1+json", config),
        "layers": [write_blob(place, f"{_OCI}.layer.v1.tar+gzip", each) for each in packed],
    }
    descriptor = write_blob(place, f"{_OCI}.manifest.v1+json", manifest)
    name_image(place, tag, descriptor)
    return Digest(descriptor["digest"])


def write_blob(place: Path, media_type: str, content: object) -> dict[str, Any]:
    """Write bytes, or a JSON document, into a layout; return how others refer to it."""
    plain = content if isinstance(content, bytes) else json.dumps(content).encode()
    digest = digests.of_bytes(plain)
    path = place / "blobs/sha256" / digests.hexadecimal(digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(plain)
    return {"mediaType": media_type, "digest": digest, "size": len(plain)}


def name_image(place: Path, tag: str, descriptor: dict[str, Any]) -> None:
    """Give one more image of a layout a name, or a name of another one to this."""
    (place / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    named = {**descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}}
    path = place / "index.json"
    others = json.loads(path.read_text())["manifests"] if path.exists() else []
    kept = [each for each in others if each["annotations"] != named["annotations"]]
    path.write_text(json.dumps({"schemaVersion": 2, "manifests": [*kept, named]}))
