"""Hands secrets and environment to a container without showing them to anyone else."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from herdbook.drivers.podman import command
from herdbook.drivers.runtime_directory import runtime_directory

CREDENTIALS_DIRECTORY = "/run/credentials/herdbook"
"""Where an instance finds its secrets: what systemd does for a unit, under our own name."""


class Credentials:
    """The secrets of one instance, and its environment for the moment of starting.

    They lie in memory, below a directory only this user can enter; inside it the secrets belong
    to the service's own user, whom Podman lets in by a read-only mount.
    """

    def __init__(self, scope: str, name: str) -> None:
        parent = runtime_directory() / "podman"
        parent.mkdir(exist_ok=True, mode=0o700)
        self._directory = parent / f"{scope}-{name}"
        self._environment_file = parent / f"{scope}-{name}.environment"

    def write_secrets(self, secrets: Mapping[str, bytes], user_id: int) -> list[str]:
        """Write one file for each secret and return Podman's flags that hand them over."""
        if not secrets:
            return []
        self._directory.mkdir(mode=0o700)
        for name, value in secrets.items():
            _write_private(self._directory / name, value, 0o400)
        self._directory.chmod(0o500)
        self._give_to(user_id)
        # Z: where SELinux is on, this container and no other may read them.
        return [f"--volume={self._directory}:{CREDENTIALS_DIRECTORY}:ro,Z"]

    @contextmanager
    def environment_file(self, environment: Mapping[str, str]) -> Iterator[Path]:
        """Offer the environment as a file in Podman's format until the block ends."""
        lines = "".join(f"{name}={value}\n" for name, value in environment.items())
        self._environment_file.unlink(missing_ok=True)
        try:
            _write_private(self._environment_file, lines.encode(), 0o600)
            yield self._environment_file
        finally:
            self._environment_file.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove all of it; idempotent."""
        self._environment_file.unlink(missing_ok=True)
        if not self._directory.exists():
            return
        if os.geteuid() == 0:
            shutil.rmtree(self._directory)
        else:
            command.call(["unshare", "rm", "-rf", "--", self._directory])

    def _give_to(self, user_id: int) -> None:
        if os.geteuid() != 0:
            # Without root, only Podman can name the users of a container.
            owner = f"{user_id}:{user_id}"
            command.call(["unshare", "chown", "-R", owner, "--", self._directory])
            return
        for path in (*self._directory.iterdir(), self._directory):
            os.chown(path, user_id, user_id)


def _write_private(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
