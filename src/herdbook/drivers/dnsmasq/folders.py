"""Knows where an application's files are, and keeps what dnsmasq reads where it may read it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from herdbook.core import digests
from herdbook.core.errors import EngineError
from herdbook.core.whole_files import write_whole

_PUBLIC_PARENT = Path("/run/herdbook-names")
_FOR_ALL = 0o644
_FOLDER_FOR_ALL = 0o755
_READABLE_COPIES = ("hosts", "machines")


@dataclass(frozen=True)
class Folders:
    """An application's own folder, and a public one with copies.

    dnsmasq gives its rights up, and the state directory is closed to others.
    """

    own: Path

    @property
    def public(self) -> Path:
        """Return the folder that any user may read; it may be gone after a restart."""
        return _PUBLIC_PARENT / digests.short(digests.of_bytes(str(self.own).encode()))

    @property
    def settings(self) -> Path:
        """Return the file of settings."""
        return self.own / "dnsmasq.conf"

    @property
    def process_id(self) -> Path:
        """Return the file where dnsmasq writes its number."""
        return self.own / "process-id"

    @property
    def heard(self) -> Path:
        """Return the file that says what a process was last told to read."""
        return self.own / "heard"

    def make(self) -> None:
        """Make both folders, and what is missing of the copies."""
        try:
            self.own.mkdir(parents=True, exist_ok=True)
            for folder in (_PUBLIC_PARENT, self.public):
                folder.mkdir(exist_ok=True)
                folder.chmod(_FOLDER_FOR_ALL)  # whatever the umask is
            for name in _READABLE_COPIES:
                self.write(self.public / name, self.read(self.own / name))
        except OSError as error:
            raise EngineError(f"{error.filename} cannot be written: {error.strerror}") from error

    def write_readable(self, name: str, content: str) -> None:
        """Write a file that survives a restart, and its copy for dnsmasq."""
        self.write(self.own / name, content)
        self.write(self.public / name, content)

    def write(self, path: Path, content: str) -> None:
        """Write a file unless it holds just that; a reader never sees half of it."""
        if not path.exists() or self.read(path) != content:
            write_whole(path, content.encode(), _FOR_ALL)

    def read(self, path: Path) -> str:
        """Return what a file holds, empty if there is none."""
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def remove(self) -> None:
        """Remove both folders; idempotent."""
        shutil.rmtree(self.public, ignore_errors=True)
        shutil.rmtree(self.own, ignore_errors=True)
