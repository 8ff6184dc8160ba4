"""Says in Podman's words which folders of this machine a container sees."""

from pathlib import Path

from herdbook.core.errors import InvalidInputError
from herdbook.fleet.instances import Mount

_SELINUX = Path("/sys/fs/selinux/enforce")


def mount_flag(mount: Mount) -> str:
    """Return the flag for one mount; raises InvalidInputError for a path with a comma.

    Where SELinux is on, containers may share what is mounted (`z`): one folder is often mounted
    into several.
    """
    for path in (str(mount.source), mount.target):
        if "," in path:
            raise InvalidInputError(
                f"A path with a comma cannot be mounted: {path!r}", hint="Rename it."
            )
    options = {
        "type": "bind",
        "source": str(mount.source),
        "target": mount.target,
        "readonly": "true" if mount.read_only else "",
        "relabel": "shared" if _SELINUX.exists() else "",
    }
    return "--mount=" + ",".join(f"{name}={value}" for name, value in options.items() if value)
