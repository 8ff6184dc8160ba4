"""Builds the image of the rollout tests' web service: one static program, in an OCI layout."""

import functools
import os
import platform
import subprocess
from pathlib import Path

from foreign_layers import folder, member, symlink, tar, write_layout

PORT = 8080

_SOURCE = Path(__file__).with_name("service.c")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
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
    return compiled_service() is not None


def write_image(layout: Path) -> None:
    """Write the service's image, as an OCI layout with one manifest."""
    process = {
        "Cmd": ["/bin/service"],
        "Env": ["PATH=/bin"],
        "User": f"{_USER_ID}:{_USER_ID}",
    }
    architecture = _ARCHITECTURES[platform.machine()]
    write_layout(layout, [_layer()], process=process, platform=("linux", architecture))


def _layer() -> bytes:
    names = ("bin", "dev", "etc", "proc", "run", "sys", "tmp")
    programs = (member(path, data, mode=0o755) for path, data in _programs().items())
    applets = (symlink(f"bin/{name}", "busybox") for name in _APPLETS)
    return tar([*map(folder, names), folder("www", mode=0o777), *programs, *applets])


def _programs() -> dict[str, bytes]:
    service = compiled_service() or _PLAIN_SERVICE.encode()
    return {"bin/busybox": Path("/bin/busybox").read_bytes(), "bin/service": service}


@functools.cache
def compiled_service() -> bytes | None:
    """The service's program; None where nothing compiles C."""
    target = Path(f"/dev/shm/herdbook-service-{os.getpid()}")
    command = ["cc", "-O2", "-static", "-o", str(target), str(_SOURCE)]
    try:
        result = subprocess.run(command, capture_output=True, check=False, timeout=60)
        return target.read_bytes() if result.returncode == 0 else None
    except FileNotFoundError:
        return None
    finally:
        target.unlink(missing_ok=True)
