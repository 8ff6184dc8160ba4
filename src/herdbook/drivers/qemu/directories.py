"""Knows where a machine's files are, and removes them so that half of them is never seen."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from herdbook.drivers.qemu.record import Record, read_record, write_record
from herdbook.drivers.runtime_directory import socket_path

_RECORD = "instance.json"
_REMOVED_PREFIX = ".removed-"


class Directories:
    """The directories of all machines below one state directory.

    A machine exists from when its record is written until its directory is renamed.
    """

    def __init__(self, state_directory: Path) -> None:
        self._instances = state_directory / "instances"

    def of(self, name: str) -> Path:
        """Return a machine's directory, existing or not."""
        return self._instances / name

    def monitor_of(self, name: str) -> Path:
        """Return a machine's control socket."""
        return socket_path("qemu", self.of(name))

    def secrets_of(self, name: str) -> Path:
        """Return a machine's disk of secrets, which is there only while it starts."""
        return self.monitor_of(name).with_suffix(".secrets")

    def make(self, name: str) -> Path:
        """Make a machine's directory, empty; a start that was killed may have left files there."""
        self.remove(name)
        directory = self.of(name)
        directory.mkdir(parents=True, mode=0o700)
        return directory

    def write(self, record: Record) -> None:
        """Write a machine's record: from now on it exists."""
        write_record(record, self.of(record.name) / _RECORD)

    def read(self, name: str) -> Record | None:
        """Return a machine's record, None if there is no such machine."""
        return read_record(self.of(name) / _RECORD)

    def records(self) -> Iterator[Record]:
        """Yield the records of all machines by name."""
        if not self._instances.is_dir():
            return
        for directory in sorted(self._instances.iterdir()):
            record = self.read(directory.name)
            if record is not None and not directory.name.startswith(_REMOVED_PREFIX):
                yield record

    def remove(self, name: str) -> None:
        """Remove all files of a machine; idempotent."""
        removed = self._instances / f"{_REMOVED_PREFIX}{name}"
        shutil.rmtree(removed, ignore_errors=True)
        if self.of(name).exists():
            # At once, and out of the way of a guardian that still notes the exit status.
            self.of(name).rename(removed)
            shutil.rmtree(removed, ignore_errors=True)
        self.monitor_of(name).unlink(missing_ok=True)
        self.secrets_of(name).unlink(missing_ok=True)
