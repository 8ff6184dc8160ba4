"""Builds the image of the rollout tests' web service: one static program, in an OCI layout."""

import functools
import io
import json
import os
import platform
import subprocess
import tarfile
from pathlib import Path

import zstandard

from herdbook.core import digests

PORT = 8080

_SOURCE = Path(__file__).with_name("service.c")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_MEDIA_TYPE = "application/vnd.oci.image."
_USER_ID = 1000
_APPLETS = ("echo", "httpd", "sh", "sleep")

_PLAIN_SERVICE = """\
#!/bin/sh
trap 'exit 0' TERM
if [ -z "$NEVER_WELL" ]; then echo well >/www/healthz; fi
if [ -z "$BROKEN" ]; then echo "$VERSION" >/www/version; fi
httpd -p 8080 -h /www
while :; do sleep 1 & wait $!; done
"""
"""Where nothing compiles C: good enough for what needs no load."""


def compiles() -> bool:
    """Whether the real service can be built here: load needs it."""
    return _compiled() is not None


def write_image(layout: Path) -> None:
    """Write the service's image, as an OCI layout with one manifest."""
    layer = _layer()
    configuration = {
        "architecture": _ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": {
            "Cmd": ["/bin/service"],
            "Env": ["PATH=/bin"],
            "User": f"{_USER_ID}:{_USER_ID}",
        },
        "rootfs": {"type": "layers", "diff_ids": [digests.of_bytes(layer)]},
    }
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MEDIA_TYPE + "manifest.v1+json",
        "config": _blob(blobs, "config.v1+json", digests.canonical_json(configuration)),
        "layers": [_blob(blobs, "layer.v1.tar+zstd", zstandard.compress(layer))],
    }
    descriptor = _blob(blobs, "manifest.v1+json", digests.canonical_json(manifest))
    index = {"schemaVersion": 2, "manifests": [descriptor]}
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="ascii")
    (layout / "index.json").write_text(json.dumps(index), encoding="ascii")


def _layer() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name in ("bin", "dev", "etc", "proc", "run", "sys", "tmp", "www"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o777 if name == "www" else 0o755
            archive.addfile(entry)
        for name, data in _programs().items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            archive.addfile(entry, io.BytesIO(data))
        for name in _APPLETS:
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(entry)
    return content.getvalue()


def _programs() -> dict[str, bytes]:
    service = _compiled() or _PLAIN_SERVICE.encode()
    return {"bin/busybox": Path("/bin/busybox").read_bytes(), "bin/service": service}


@functools.cache
def _compiled() -> bytes | None:
    target = Path(f"/dev/shm/herdbook-service-{os.getpid()}")
    command = ["cc", "-O2", "-static", "-o", str(target), str(_SOURCE)]
    try:
        result = subprocess.run(command, capture_output=True, check=False, timeout=60)
        return target.read_bytes() if result.returncode == 0 else None
    except FileNotFoundError:
        return None
    finally:
        target.unlink(missing_ok=True)


def _blob(blobs: Path, kind: str, content: bytes) -> dict[str, object]:
    digest = digests.of_bytes(content)
    (blobs / digests.hexadecimal(digest)).write_bytes(content)
    return {"mediaType": _MEDIA_TYPE + kind, "digest": digest, "size": len(content)}
