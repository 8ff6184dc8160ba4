"""Knows where the files of one application's HAProxy are, and reads and writes them."""

from pathlib import Path

from herdbook.core.whole_files import write_whole
from herdbook.drivers.exchanging import remove_at_once
from herdbook.drivers.runtime_directory import socket_path


class Files:
    """The directory of one application's HAProxy, and its sockets in memory."""

    def __init__(self, state_directory: Path, application: str) -> None:
        self.directory = (state_directory / "balancers" / application).absolute()
        self.config = self.directory / "haproxy.cfg"
        self.candidate = self.directory / "candidate.cfg"
        self.process_number = self.directory / "process-number"
        self.identity = self.directory / "process"
        self.boot = self.directory / "boot"
        self.empty_directory = self.directory / "empty"
        self._book = self.directory / "counters"
        self._unsettled = self.directory / "unsettled"

    @property
    def control(self) -> Path:
        """The worker's socket."""
        return socket_path("haproxy", self.directory)

    @property
    def master(self) -> Path:
        """The master's socket."""
        return self.control.with_suffix(".master")

    def make(self) -> None:
        """Make the directory, if need be."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.empty_directory.mkdir(exist_ok=True, mode=0o555)

    def remove(self) -> None:
        """Remove all files; idempotent."""
        remove_at_once(self.directory)
        self.control.unlink(missing_ok=True)
        self.master.unlink(missing_ok=True)

    def read_config(self) -> str:
        """Return the configuration, empty if there is none."""
        return _read(self.config)

    def write_config(self, text: str) -> None:
        """Put a configuration in place of the last one, at once."""
        _replace(self.config, text)

    def read_book(self) -> str:
        """Return the accounts of the members, empty if there are none."""
        return _read(self._book)

    def write_book(self, text: str) -> None:
        """Put other accounts in place of the last ones, at once."""
        _replace(self._book, text)

    def is_settled(self) -> bool:
        """Whether HAProxy was told all that its configuration says."""
        return not self._unsettled.exists()

    def unsettle(self) -> None:
        """Note that HAProxy is about to be told something."""
        self._unsettled.touch()

    def settle(self) -> None:
        """Note that HAProxy has been told everything."""
        self._unsettled.unlink(missing_ok=True)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _replace(path: Path, text: str) -> None:
    """Replace a file, without waiting for the disk.

    All this is of use only as long as HAProxy runs, so not after a power cut.
    """
    write_whole(path, text.encode(), synced=False)
