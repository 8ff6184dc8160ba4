"""Writes a container image with the service under test, as the builder does: an OCI layout."""

import gzip
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from pathlib import Path

import engine_service
import zstandard

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.fleet.instances import ContainerArtefact

USER_ID = 1000
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def write_container(layout: Path, working_directory: str = "/") -> ContainerArtefact:
    """The service as Herdbook builds it: its own user, a command, zstd."""
    process = {
        "Cmd": ["/bin/service"],
        "Env": ["PATH=/bin"],
        "User": f"{USER_ID}:{USER_ID}",
        "WorkingDir": working_directory,
    }
    return _write(layout, process, "zstd", zstandard.compress(_layer()))


def write_foreign_container(layout: Path, author: str = "others") -> ContainerArtefact:
    """An image as others build them: it starts as root, has an entrypoint, gzip."""
    process = {
        "Entrypoint": ["/bin/busybox", "echo", "entry"],
        "Cmd": ["command"],
        "Env": ["PATH=/bin", f"AUTHOR={author}"],
        "StopSignal": "SIGQUIT",
    }
    return _write(layout, process, "gzip", gzip.compress(_layer(), mtime=0))


def _write(
    layout: Path, process: Mapping[str, object], compression: str, compressed: bytes
) -> ContainerArtefact:
    (layout / "blobs" / "sha256").mkdir(parents=True)
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="ascii")
    layer = _layer()
    configuration = {
        "architecture": _ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": process,
        "rootfs": {"type": "layers", "diff_ids": [digests.of_bytes(layer)]},
    }
    media_type = "application/vnd.oci.image."
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_type + "manifest.v1+json",
        "config": _blob(
            layout, media_type + "config.v1+json", digests.canonical_json(configuration)
        ),
        "layers": [_blob(layout, media_type + f"layer.v1.tar+{compression}", compressed)],
    }
    # A second image beside it: an engine must take the one whose digest it was given.
    other = {**manifest, "annotations": {"org.opencontainers.image.ref.name": "other"}}
    descriptors = [
        _blob(layout, media_type + "manifest.v1+json", digests.canonical_json(document))
        for document in (other, manifest)
    ]
    index = {"schemaVersion": 2, "manifests": descriptors}
    (layout / "index.json").write_text(json.dumps(index), encoding="ascii")
    return ContainerArtefact(layout, Digest(str(descriptors[1]["digest"])))


def _layer() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name in engine_service.directories():
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o777 if name == "www" else 0o755
            archive.addfile(entry)
        for name, data in engine_service.programs().items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            archive.addfile(entry, io.BytesIO(data))
        for name, target in engine_service.links().items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return content.getvalue()


def _blob(layout: Path, media_type: str, content: bytes) -> dict[str, object]:
    digest = digests.of_bytes(content)
    (layout / "blobs" / "sha256" / digests.hexadecimal(digest)).write_bytes(content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)}
