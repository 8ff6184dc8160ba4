"""What only the keeper of directories promises: what a container may do to its volume meanwhile."""

import ctypes
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

import pytest
from volume_benches import SIZE_BYTES

from herdbook.core.clock import SystemClock
from herdbook.core.errors import EngineError
from herdbook.drivers.directory_volumes import directory_volumes
from herdbook.fleet.volumes import Volumes

pytestmark = pytest.mark.root

_AT_CWD, _EXCHANGE = -100, 2

_CHANGE = """
import sys
from pathlib import Path
path = Path(sys.argv[1])
names = [(path / f"one-{number}", path / f"other-{number}") for number in range(200)]
for one, _ in names:
    one.write_bytes(b"moving")
print("ready", flush=True)
while True:
    for one, other in names:
        one.rename(other)
        (path / "folder").mkdir()
        (path / "folder" / "file").write_bytes(b"short-lived")
        (path / "folder" / "file").unlink()
        (path / "folder").rmdir()
    names = [(other, one) for one, other in names]
"""


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    return directory_volumes(tmp_path, SystemClock())


@pytest.fixture
def path(volumes: Volumes, tmp_path: Path) -> Iterator[Path]:
    yield volumes.make("data", SIZE_BYTES)
    # Whatever a test that fails leaves: nobody else might be able to remove it.
    subprocess.run(["rm", "-rf", *tmp_path.iterdir()], check=True)


def _make_deep(path: Path, levels: int) -> None:
    """Make directories in each other, as a service does that knows no path to them."""
    descriptor = os.open(path, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)


def _contents(path: Path) -> list[bytes]:
    """What is in the files below a directory; no link is followed."""
    found = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    return [each.read_bytes() for each in found if stat.S_ISREG(each.lstat().st_mode)]


@contextmanager
def _changing(path: Path) -> Iterator[None]:
    """Have a program make and remove files for as long as the block lasts."""
    command = [sys.executable, "-c", _CHANGE, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            program.kill()


def test_a_container_cannot_have_files_of_this_machine_copied(
    volumes: Volumes, path: Path, tmp_path: Path
) -> None:
    """By a link that it puts in the place of a folder while what is in there is copied."""
    names = [f"file-{number}" for number in range(20)]
    secret, mine = tmp_path / "of this machine", path / "folder"
    for folder, content in ((secret, b"secret"), (mine, b"mine")):
        folder.mkdir()
        (folder / "first").write_bytes(os.urandom(64 << 20))
        for name in names:
            (folder / name).write_bytes(content)
    (path / "link").symlink_to(secret)
    begun = path.parent.with_name("snapshots") / "data/.work/content/folder/first"

    def attack() -> None:
        deadline = time.monotonic() + 30
        while not begun.exists() and time.monotonic() < deadline:
            time.sleep(0.0005)
        both = str(mine).encode(), str(path / "link").encode()
        assert ctypes.CDLL(None).renameat2(_AT_CWD, both[0], _AT_CWD, both[1], _EXCHANGE) == 0

    attacker = threading.Thread(target=attack)
    attacker.start()
    volumes.snapshot("data", "before")
    attacker.join()
    assert mine.is_symlink()
    volumes.restore("data", "before")
    contents = _contents(path)
    assert contents.count(b"mine") == len(names)
    assert b"secret" not in contents


def test_what_is_deleted_or_renamed_meanwhile_does_not_matter(volumes: Volumes, path: Path) -> None:
    for number in range(300):
        (path / f"steady-{number}").write_bytes(b"steady")
    with _changing(path):
        for number in range(3):
            volumes.snapshot("data", f"busy-{number}")
            assert volumes.verify("data", f"busy-{number}").files >= 300
    for number in range(3):
        volumes.restore("data", f"busy-{number}")
        assert _contents(path).count(b"steady") == 300


def test_a_deep_tree_is_kept_as_any_other(volumes: Volumes, path: Path, tmp_path: Path) -> None:
    _make_deep(path, 1000)
    volumes.snapshot("data", "before")
    volumes.verify("data", "before")
    with volumes.send("data", "before") as parcel:
        directory_volumes(tmp_path / "elsewhere", SystemClock()).rehearse(parcel)
    volumes.restore("data", "before")
    volumes.forget_snapshot("data", "before")
    assert volumes.snapshots("data") == []
    volumes.destroy("data")
    assert not path.exists()


def test_a_tree_that_is_too_deep_for_any_path_is_in_nobodys_way(
    volumes: Volumes, path: Path
) -> None:
    _make_deep(path, 2100)
    with pytest.raises(EngineError, match="File name too long"):
        volumes.snapshot("data", "before")
    path.rename(path.with_name("deep"))
    volumes.make("data", SIZE_BYTES)
    volumes.snapshot("data", "before")
    volumes.destroy("deep")
    assert [each.name for each in path.parent.iterdir()] == ["data"]


def test_a_link_to_a_socket_is_a_link(volumes: Volumes, path: Path, tmp_path: Path) -> None:
    (path / "link").symlink_to("socket")
    with chdir(path), socket.socket(socket.AF_UNIX) as listener:  # its name may not be long
        listener.bind("socket")
    volumes.snapshot("data", "before")
    with volumes.send("data", "before") as parcel:
        directory_volumes(tmp_path / "elsewhere", SystemClock()).rehearse(parcel)
