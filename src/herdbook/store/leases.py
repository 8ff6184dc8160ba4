"""Tells whoever cleans up what is in use: a locked file for each piece of work under way."""

import fcntl
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from herdbook.catalogue.stock import Lease


@dataclass(frozen=True)
class Leases:
    """Leases under `directory`, whose own lock orders uses and removals.

    Whoever uses something holds it shared for that moment, whoever removes something holds it
    alone: so a use is over, and its time is to be seen, before anything is decided about it.
    """

    directory: Path

    @contextmanager
    def lease(self, about: str) -> Iterator[None]:
        """Hold a lease until the block ends."""
        with ExitStack() as stack:
            with self.sharing():
                descriptor, name = tempfile.mkstemp(dir=self.directory)
                stack.callback(os.close, descriptor)
                stack.callback(Path(name).unlink, missing_ok=True)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                os.write(descriptor, about.encode())
            yield

    @contextmanager
    def sharing(self) -> Iterator[None]:
        """Keep others from removing anything for this moment."""
        with self._locked(fcntl.LOCK_SH):
            yield

    @contextmanager
    def alone(self) -> Iterator[Sequence[Lease]]:
        """Wait until nothing is used in this moment, keep uses out, and give the living leases."""
        with self._locked(fcntl.LOCK_EX):
            yield self._living()

    def living(self) -> list[str]:
        """Return what the work is about that is under way."""
        with self.alone() as leases:
            return [lease.about for lease in leases]

    def now(self) -> int:
        """Return the time as files are given it, which runs a little behind other clocks."""
        with self.sharing(), tempfile.TemporaryFile(dir=self.directory) as file:
            return os.fstat(file.fileno()).st_ctime_ns

    def _living(self) -> list[Lease]:
        leases = []
        for path in sorted(self.directory.iterdir()):
            with suppress(FileNotFoundError), path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    began_at = os.fstat(file.fileno()).st_mtime_ns
                    leases.append(Lease(file.read().decode(), began_at))
                else:  # its holder is gone
                    path.unlink()
        return leases

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        self.directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.directory, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)
