"""One bench for each kind of volume the contract suite is run on."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from herdbook.core.clock import SystemClock
from herdbook.core.errors import ConflictError
from herdbook.drivers import process
from herdbook.drivers.directory_volumes import directory_volumes
from herdbook.drivers.fake.volumes import FakeShelf, FakeVolumes
from herdbook.drivers.qemu import disk_volumes
from herdbook.drivers.qemu.image_lock import locked
from herdbook.fleet.volumes import Volumes

SIZE_BYTES = 16 << 20


class VolumeBench(Protocol):
    """One kind of volume, and ways to do to it what instances and accidents do."""

    def volumes(self) -> Volumes:
        """A new keeper, that knows nothing of earlier ones."""
        ...

    def write(self, path: Path, name: str, content: bytes) -> None: ...

    def read(self, path: Path, name: str) -> bytes: ...

    def names(self, path: Path) -> list[str]: ...

    def held(self, path: Path) -> AbstractContextManager[None]:
        """Have an instance hold the volume for as long as the block lasts."""
        ...

    def lose(self, path: Path) -> None:
        """Remove a volume behind its keeper's back."""
        ...

    def damage(self, volume: str, snapshot: str, content: bytes) -> None:
        """Change some bytes of a snapshot behind its keeper's back."""
        ...


class FakeBench:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._shelf = FakeShelf()

    def volumes(self) -> FakeVolumes:
        return FakeVolumes(self._directory, SystemClock(), self._shelf)

    def write(self, path: Path, name: str, content: bytes) -> None:
        self._shelf.volumes[path].files[name] = content

    def read(self, path: Path, name: str) -> bytes:
        return self._shelf.volumes[path].files[name]

    def names(self, path: Path) -> list[str]:
        return sorted(self._shelf.volumes[path].files)

    @contextmanager
    def held(self, path: Path) -> Iterator[None]:
        self._shelf.volumes[path].held = True
        yield
        self._shelf.volumes[path].held = False

    def lose(self, path: Path) -> None:
        del self._shelf.volumes[path]

    def damage(self, volume: str, snapshot: str, content: bytes) -> None:
        del content
        (taken,) = [each for path, each in self._shelf.snapshots.items() if path.name == volume]
        taken[snapshot].damaged = True


class DirectoryBench:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def volumes(self) -> Volumes:
        return directory_volumes(self._directory, SystemClock())

    def write(self, path: Path, name: str, content: bytes) -> None:
        (path / name).write_bytes(content)

    def read(self, path: Path, name: str) -> bytes:
        return (path / name).read_bytes()

    def names(self, path: Path) -> list[str]:
        return sorted(each.name for each in path.iterdir())

    @contextmanager
    def held(self, path: Path) -> Iterator[None]:
        """As a container does: with mounts of its own, and the volume somewhere among them."""
        script = 'mount --bind "$1" /mnt && echo mounted && exec sleep 600'
        command: list[str | Path] = ["unshare", "--mount", "sh", "-c", script, "sh", path]
        with process.spawn(command) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"mounted\n"
            yield

    def lose(self, path: Path) -> None:
        shutil.rmtree(path)

    def damage(self, volume: str, snapshot: str, content: bytes) -> None:
        damage_files(self._directory, volume, snapshot, content)


class DiskBench:
    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def volumes(self) -> Volumes:
        return disk_volumes(self._directory, SystemClock())

    def write(self, path: Path, name: str, content: bytes) -> None:
        with TemporaryDirectory() as folder:
            source = Path(folder) / "source"
            source.write_bytes(content)
            _debugfs(path, f"rm {name}", writing=True)
            _debugfs(path, f"write {source} {name}", writing=True)

    def read(self, path: Path, name: str) -> bytes:
        return _debugfs(path, f"cat {name}")

    def names(self, path: Path) -> list[str]:
        lines = _debugfs(path, "ls -p /").decode().split()
        return sorted(line.split("/")[5] for line in lines if line.split("/")[5] not in (".", ".."))

    @contextmanager
    def held(self, path: Path) -> Iterator[None]:
        command: list[str | Path] = ["qemu-io", "-f", "raw", "-c", "sleep 600000", path]
        with process.spawn(command):
            _wait_until_locked(path)
            yield

    def lose(self, path: Path) -> None:
        path.unlink()

    def damage(self, volume: str, snapshot: str, content: bytes) -> None:
        damage_files(self._directory, volume, snapshot, content)


BENCHES: dict[str, type[FakeBench | DirectoryBench | DiskBench]] = {
    "fake": FakeBench,
    "directory": DirectoryBench,
    "disk": DiskBench,
}


def damage_files(directory: Path, volume: str, snapshot: str, content: bytes) -> None:
    (folder,) = directory.rglob(f"snapshots/{volume}/{snapshot}")
    found = [path for path in folder.rglob("*") if path.is_file() and content in path.read_bytes()]
    assert found
    for path in found:
        path.write_bytes(path.read_bytes().replace(content, bytes(reversed(content))))


def _debugfs(image: Path, command: str, *, writing: bool = False) -> bytes:
    options = ["-w"] if writing else []
    result = subprocess.run(
        ["/usr/sbin/debugfs", *options, "-R", command, image], capture_output=True, check=True
    )
    return result.stdout


def _wait_until_locked(path: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with locked(path):
                pass  # whoever is to have it gets it in between
        except ConflictError:
            return
        time.sleep(0.02)
    raise AssertionError("it was never locked")
