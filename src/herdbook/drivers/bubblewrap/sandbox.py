"""Runs commands in a root with bubblewrap: no network, few capabilities, nothing left behind."""

import os
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

from herdbook.builds.ports import Job, Outcome
from herdbook.core.errors import MissingToolError, NoSpaceError, StepFailedError
from herdbook.drivers import process

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
_MOUNT_THEN = 'mount -t overlay herdbook -o "$1" "$2" && shift 2 && exec "$@"'
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

    def run(self, job: Job) -> Outcome:
        """Run a command to its end; see the port's promises."""
        self.require()
        with self.staging() as overlay:
            options = _lay_out(overlay, job)
            result = process.run(
                [
                    *("unshare", "--mount", "--propagation", "private"),
                    *("sh", "-c", _MOUNT_THEN, "sh", options, "merged"),
                    *_bubblewrap(overlay / "merged", job),
                ],
                directory=overlay,
                environment={"PATH": os.defpath + ":/usr/sbin:/sbin"},
                limit_seconds=job.limit_seconds,
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
    for name in ("merged", "work", "empty"):
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


def _bubblewrap(root: Path, job: Job) -> list[str]:
    arguments = [
        *("bwrap", "--bind", str(root), "/", "--dev", "/dev", "--proc", "/proc"),
        *("--tmpfs", "/run", "--perms", "1777", "--tmpfs", "/tmp"),  # noqa: S108 - inside
        *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"),
        *("--hostname", "localhost", "--die-with-parent", "--new-session"),
        *("--clearenv", "--chdir", "/", "--cap-drop", "ALL"),
    ]
    for capability in _CAPABILITIES:
        arguments += ["--cap-add", capability]
    for outside, inside in job.shown.items():
        arguments += ["--ro-bind", str(outside), inside]
    for name, value in job.environment.items():
        arguments += ["--setenv", name, value]
    return [*arguments, "--", *job.command]
