"""Says in Podman's words what a container may do and how much it may use."""

from herdbook.drivers.podman.images import StoredImage
from herdbook.drivers.podman.trial import Flags
from herdbook.fleet.instances import Confinement, Wanted

_ROOT_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID")
"""What a service that starts as root needs to make its directories and become another user.

Of Podman's own choice we leave out FSETID, NET_BIND_SERVICE, SETFCAP, SETPCAP and SYS_CHROOT:
low ports are open to all anyway (see `trial.HARDENING`). A service with another user gets none.
"""

_ROOT_USERS = {"", "0", "root"}
_UNLIMITED_PROCESSES = -1


def confinement_flags(wanted: Wanted, image: StoredImage, flags: Flags) -> list[str]:
    """Return the flags; limits are left out where this machine cannot set any."""
    confinement = wanted.confinement
    user, _, _ = (wanted.process.user or image.user).partition(":")
    of_root = _ROOT_CAPABILITIES if user in _ROOT_USERS else ()
    capabilities = dict.fromkeys((*of_root, *confinement.capabilities))
    return [
        *(f"--cap-add={name}" for name in capabilities),
        *flags.of_run_with(confinement.file_limit),
        *(f"--sysctl={name}={value}" for name, value in confinement.kernel.items()),
        *(_limits(wanted) if flags.can_limit else ()),
        *_memory_folders(confinement),
    ]


def _limits(wanted: Wanted) -> list[str]:
    return [
        f"--memory={wanted.memory_bytes}b",
        f"--cpus={wanted.cpus:g}",
        f"--pids-limit={wanted.confinement.processes or _UNLIMITED_PROCESSES}",
    ]


def _memory_folders(confinement: Confinement) -> list[str]:
    """Return the flags; a read-only root has some in the usual places, too, for all to write to."""
    flags = [f"--tmpfs={_open_to_all(folder)}" for folder in confinement.temporary]
    if confinement.read_only_root:
        flags.append("--read-only")
    if confinement.shared_memory_bytes:
        flags.append(f"--shm-size={confinement.shared_memory_bytes}b")
    return flags


def _open_to_all(folder: str) -> str:
    """Return a folder with its options: unless one says otherwise, any user may write there."""
    path, _, options = folder.partition(":")
    if "mode=" in options:
        return folder
    return f"{path}:{options},mode=1777" if options else f"{path}:mode=1777"
