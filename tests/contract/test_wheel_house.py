"""What the port to Python packages promises of wheels that are kept here already."""

from pathlib import Path

import pytest

from herdbook.builds.lock import LockedPython, LockedWheel
from herdbook.core import digests
from herdbook.core.errors import NetworkError
from herdbook.core.progress import NoProgress
from herdbook.drivers.python import PypiWheelHouse

CONTENT = b"the bytes of a wheel"
WHEEL = LockedWheel(
    name="tiny", version="1.0", file="tiny-1.0-py3-none-any.whl", sha256=digests.of_bytes(CONTENT)
)
LOCKED = LockedPython(version="3.11", glibc="2.36", wheels=(WHEEL,))


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a wheel that was fetched before this machine lost its index."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    path = tmp_path / "wheels" / digests.hexadecimal(WHEEL.sha256) / WHEEL.file
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    return path


def test_kept_wheels_cost_no_network(tmp_path: Path, kept: Path) -> None:
    assert PypiWheelHouse(tmp_path / "wheels").fetch(LOCKED, NoProgress()) == [kept]


def test_damaged_kept_wheel_is_never_used(tmp_path: Path, kept: Path) -> None:
    kept.write_bytes(CONTENT.upper())
    with pytest.raises(NetworkError):
        PypiWheelHouse(tmp_path / "wheels").fetch(LOCKED, NoProgress())


def test_leftovers_of_a_killed_download_are_swept(tmp_path: Path, kept: Path) -> None:
    leftover = tmp_path / "wheels/.incoming/half.whl"
    leftover.parent.mkdir()
    leftover.write_bytes(b"half")
    kept.unlink()
    with pytest.raises(NetworkError):
        PypiWheelHouse(tmp_path / "wheels").fetch(LOCKED, NoProgress())
    assert not leftover.exists()
