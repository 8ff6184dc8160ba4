"""Keeps in memory what a container needs from this machine: secrets, environment, its own name."""

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from herdbook.drivers.podman import command
from herdbook.drivers.runtime_directory import runtime_directory
from herdbook.fleet.instances import HostNames, RunningProcess

CREDENTIALS_DIRECTORY = "/run/credentials/herdbook"
"""Where an instance finds its secrets: what systemd does for a unit, under our own name."""

_ENVIRONMENT = "environment"
"""What only starting needs, and is gone after it."""


class InstanceFiles:
    """The files of one instance, in a directory that only this user can enter.

    Each try to start it has a directory of its own: one that finds the name taken touches nothing
    of the instance that has it.
    """

    def __init__(self, scope: str, name: str) -> None:
        parent = runtime_directory() / "podman"
        parent.mkdir(exist_ok=True, mode=0o700)
        self.directory = parent / f"{scope}-{name}"
        self._note = self.directory / "process"

    @contextmanager
    def attempt(self) -> Iterator["Attempt"]:
        """Offer a directory for one start; it stays if the block succeeds, and then no other."""
        attempt = Attempt(self.directory / secrets.token_hex(4))
        attempt.directory.mkdir(mode=0o700, parents=True)
        try:
            yield attempt
        except BaseException:
            _remove(attempt.directory)
            if not any(self.directory.iterdir()):
                self.directory.rmdir()
            raise
        for other in list(self.directory.iterdir()):  # what a start that was killed may have left
            if other.is_dir() and other != attempt.directory:
                _remove(other)

    def note_process(self, process: RunningProcess, stop_signal: int) -> None:
        """Keep which process the instance is, and which signal asks it to end."""
        note = f"{process.number} {process.started_ticks} {stop_signal}"
        self._note.write_text(note, encoding="ascii")

    def noted_process(self) -> tuple[RunningProcess, int] | None:
        """Return what was noted; None if nothing was."""
        try:
            number, ticks, stop_signal = map(int, self._note.read_text(encoding="ascii").split())
        except (FileNotFoundError, ValueError):
            return None
        return RunningProcess(number, ticks), stop_signal

    def is_start_cut_off(self) -> bool:
        """Tell whether there was a start that neither succeeded nor failed: it was killed."""
        return any(self.directory.glob(f"*/{_ENVIRONMENT}"))

    def remove(self) -> None:
        """Remove all of it; idempotent."""
        if self.directory.exists():
            _remove(self.directory)


class Attempt:
    """The files of one start; its name tells its container from all others."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process_id_file = directory / "pid"
        self.environment_file = directory / _ENVIRONMENT
        self.hosts_file = directory / "hosts"

    @property
    def name(self) -> str:
        """What no other start is called."""
        return self.directory.name

    def write_secrets(
        self, values: Mapping[str, bytes], user_id: int | None, paths: Mapping[str, str]
    ) -> list[str]:
        """Write one file for each secret and return Podman's flags that hand them over.

        They belong to the service's own user, whom Podman lets in by a read-only mount; without
        one, whoever is inside may read them. `paths` says where else one is to be found.
        """
        if not values:
            return []
        directory = self.directory / "secrets"
        directory.mkdir(mode=0o700)
        for name, value in values.items():
            _write(directory / name, value, 0o444 if user_id is None else 0o400)
        directory.chmod(0o555 if user_id is None else 0o500)
        _give(directory, user_id or 0)
        # Z: where SELinux is on, this container and no other may read them.
        flags = [f"--volume={directory}:{CREDENTIALS_DIRECTORY}:ro,Z"]
        return flags + [f"--volume={directory / name}:{path}:ro" for name, path in paths.items()]

    def write_environment(self, environment: Mapping[str, str]) -> None:
        """Write the environment in Podman's format; it is not needed once the container runs."""
        lines = "".join(f"{name}={value}\n" for name, value in environment.items())
        _write(self.environment_file, lines.encode(), 0o600)

    def write_hosts(self, address: str, name: str, names: HostNames) -> list[str]:
        """Write whom the instance knows without asking: itself, and who was named to it.

        Returns Podman's flags for it.
        """
        lines = ["127.0.0.1 localhost", f"{address} {f'{names.host} {name}'.lstrip()}"]
        lines += [f"{each} {other}" for other, found in names.others.items() for each in found]
        _write(self.hosts_file, "".join(f"{line}\n" for line in lines).encode(), 0o644)
        # Podman would add this machine's own names and its address in them.
        return ["--no-hosts", f"--volume={self.hosts_file}:/etc/hosts:ro,Z"]

    def started_process_id(self) -> int:
        """Return the process that Podman started, and forget what only starting needed."""
        self.environment_file.unlink()
        number = int(self.process_id_file.read_text(encoding="ascii"))
        self.process_id_file.unlink()
        return number


def _give(directory: Path, user_id: int) -> None:
    if os.geteuid() != 0:
        # Without root, only Podman can name the users of a container.
        command.call(["unshare", "chown", "-R", f"{user_id}:{user_id}", "--", directory])
        return
    for path in (*directory.iterdir(), directory):
        os.chown(path, user_id, user_id)


def _remove(directory: Path) -> None:
    if os.geteuid() == 0:
        shutil.rmtree(directory)
    else:
        command.call(["unshare", "rm", "-rf", "--", directory])


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        os.fchmod(descriptor, mode)
        stream.write(content)
