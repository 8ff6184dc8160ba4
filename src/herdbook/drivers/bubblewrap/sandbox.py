"""Runs commands in a root with bubblewrap: no network, few capabilities, nothing left behind."""

import io
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from herdbook.builds.ports import IMAGE_FOLDER, SECRETS_FOLDER, Job, Outcome
from herdbook.core.errors import MissingToolError, NoSpaceError, StepFailedError
from herdbook.drivers import process
from herdbook.layers.tree import Entry, Kind
from herdbook.layers.writing import tar_pieces

_CAPABILITIES = (
    # What Debian's maintainer scripts do: own files, set modes and file capabilities, change user.
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
)
_MOUNT_THEN = 'mount -t overlay herdbook -o "$1" "$2" && shift 2 && exec "$@" </dev/null'
_SECRETS_THEN = "mount -t ramfs -o mode=755 herdbook secrets && tar -x -C secrets && "
# Memory that is never swapped out, in a namespace that ends with the command, filled by a pipe:
# whatever happens, no secret reaches a disk or outlives its step.
_OURS = re.compile(r"mount:|unshare:|bwrap: (?!execvp )")
"""How the sandbox itself complains, rather than a command that is not in the image."""

_UNPACK = (
    # The namespace of its own makes the pipelines end with the shell, however that ends.
    *("unshare", "--pid", "--fork", "--kill-child", "sh", "-euc"),
    """umask 022; root=$1; shift
    for deb; do dpkg-deb --fsys-tarfile "$deb" | tar -C "$root" -x --keep-directory-symlink; done
    """,
    "sh",
)


@dataclass(frozen=True)
class BubblewrapSandbox:
    """A sandbox whose overlays lie in folders of `staging`, on the file system of the roots."""

    staging: Callable[[], AbstractContextManager[Path]]

    def require(self) -> None:
        """Raise MissingToolError where this user may not make a sandbox."""
        if os.geteuid() != 0:
            raise MissingToolError(
                "Building a root needs root privileges on this machine",
                hint="Run the same command with sudo.",
            )

    def run(self, job: Job, heard: Callable[[str], None] | None = None) -> Outcome:
        """Run a command to its end; see the port's promises."""
        self.require()
        with self.staging() as overlay:
            options = _lay_out(overlay, job)
            mount = (_SECRETS_THEN if job.secrets else "") + _MOUNT_THEN
            result = process.run(
                [
                    *("unshare", "--mount", "--propagation", "private"),
                    *("sh", "-c", mount, "sh", options, "merged"),
                    *_bubblewrap(overlay, job),
                ],
                given=_secrets_tar(job.secrets) if job.secrets else None,
                directory=overlay,
                environment={"PATH": os.defpath + ":/usr/sbin:/sbin"},
                limit_seconds=job.limit_seconds,
                heard=heard,
            )
        said = result.output + result.errors
        if not result.succeeded and "No space left on device" in said:
            raise NoSpaceError("There is no space left to build in")
        if not result.succeeded and _OURS.match(said):
            raise MissingToolError(
                f"This machine cannot run the sandbox: {result.last_words}",
                hint="Ask `herdbook doctor` what it lacks.",
            )
        return Outcome(result.status, said)

    def unpack(self, debs: Sequence[Path], root: Path) -> None:
        """Unpack the files of packages into a folder, following links between directories."""
        self.require()
        workers = min(os.cpu_count() or 1, 4)
        shares = [share for start in range(workers) if (share := debs[start::workers])]
        with ExitStack() as stack:
            children = [
                stack.enter_context(process.spawn([*_UNPACK, root, *share])) for share in shares
            ]
            for child in children:
                _, said = child.communicate()
                _require_unpacked(child.returncode, said.decode(errors="replace").strip())

    def settle(self, root: Path) -> None:
        """See to it that a finished root outlives a power cut (syncfs(2))."""
        process.run(["sync", "--file-system", root])


def _require_unpacked(status: int, said: str) -> None:
    if "No space left on device" in said or ": Wrote only " in said:  # tar says either
        raise NoSpaceError("There is no space left to build in")
    if status or said:
        raise StepFailedError(f"A package cannot be unpacked: {said[-1000:]}")


def _lay_out(overlay: Path, job: Job) -> str:
    """Make the overlay's folders and return its mount options, in paths relative to it.

    Relative, because a comma or a colon in a folder's name would end an option.
    """
    for name in ("merged", "work", "empty", "secrets"):
        (overlay / name).mkdir()
    (overlay / "upper").symlink_to(job.upper.resolve())
    lowers = ["empty"]
    for count, folder in enumerate(job.lower):
        (overlay / f"lower{count}").symlink_to(folder.resolve())
        lowers.insert(0, f"lower{count}")
    # volatile: an interrupted root is thrown away, so nothing of it need reach the disk in order.
    return (
        f"lowerdir={':'.join(lowers)},upperdir=upper,workdir=work,"
        "volatile,redirect_dir=off,metacopy=off,index=off,xino=off"
    )


def _secrets_tar(secrets: Mapping[str, bytes]) -> bytes:
    entries = [
        Entry(name, Kind.FILE, mode=0o400, size=len(content)) for name, content in secrets.items()
    ]
    return b"".join(tar_pieces(entries, lambda entry: io.BytesIO(secrets[entry.path])))


def _bubblewrap(overlay: Path, job: Job) -> list[str]:
    merged = str(overlay / "merged")
    if job.tools is None:
        roots = [*("--bind", merged, "/"), *_surroundings(overlay, job, "")]
    else:
        roots = [*("--ro-bind", str(job.tools), "/"), *_surroundings(overlay, job, "")]
        roots += ["--bind", merged, IMAGE_FOLDER, *_surroundings(overlay, job, IMAGE_FOLDER)]
    arguments = [
        *("bwrap", *roots),
        *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"),
        *("--hostname", "localhost", "--die-with-parent", "--new-session"),
        *("--clearenv", "--chdir", job.directory, "--cap-drop", "ALL"),
    ]
    for capability in _CAPABILITIES:
        arguments += ["--cap-add", capability]
    for outside, inside in job.shown.items():
        arguments += ["--ro-bind", str(outside), inside]
    for name, value in job.environment.items():
        arguments += ["--setenv", name, value]
    return [*arguments, "--", *job.command]


def _surroundings(overlay: Path, job: Job, root: str) -> list[str]:
    """Return what a root needs around it that is no part of it."""
    mounts = [
        *("--dev", f"{root}/dev", "--proc", f"{root}/proc", "--tmpfs", f"{root}/run"),
        *("--perms", "1777", "--tmpfs", f"{root}/tmp"),  # noqa: S108 - inside
    ]
    if job.secrets:
        mounts += ["--ro-bind", str(overlay / "secrets"), f"{root}{SECRETS_FOLDER}"]
    return mounts
