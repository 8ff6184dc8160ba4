"""Credentials for a package index: enough to lock and to fetch, and told to nobody else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from private_index import PASSWORD, USER, WHEEL, private_index

from herdbook.core.errors import HerdbookError, InvalidInputError, NetworkError
from herdbook.core.progress import NoProgress
from herdbook.drivers.python import PypiWheelHouse


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The index that this machine's pip is set up with; nobody's own netrc helps."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with private_index() as address:
        monkeypatch.setenv("PIP_INDEX_URL", address)
        yield address


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    path = tmp_path / "netrc"
    path.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    return path


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.txt"
    path.write_text("tiny-private\n")
    return path


@pytest.mark.usefixtures("address")
def test_a_netrc_file_opens_a_private_index(
    tmp_path: Path, requirements: Path, credentials: Path
) -> None:
    """Both locking and fetching into an empty store ask as the file says."""
    wheels = PypiWheelHouse(tmp_path / "wheels")
    locked = wheels.resolve(requirements, "3.11", "2.36", credentials=credentials)
    assert [wheel.file for wheel in locked.wheels] == [WHEEL]
    elsewhere = PypiWheelHouse(tmp_path / "others")
    (kept,) = elsewhere.fetch(locked, NoProgress(), credentials=credentials)
    assert kept.name == WHEEL
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path != credentials]
    assert [path for path in written if PASSWORD.encode() in path.read_bytes()] == []


@pytest.mark.usefixtures("address")
def test_without_credentials_the_index_stays_closed(tmp_path: Path, requirements: Path) -> None:
    with pytest.raises(InvalidInputError, match="does not know who asks") as caught:
        PypiWheelHouse(tmp_path / "wheels").resolve(requirements, "3.11", "2.36")
    assert "python.credentials" in caught.value.hint


@pytest.mark.usefixtures("address")
def test_fetching_without_credentials_tells_of_them(
    tmp_path: Path, requirements: Path, credentials: Path
) -> None:
    """pip calls what it may not see absent."""
    locked = PypiWheelHouse(tmp_path / "wheels").resolve(
        requirements, "3.11", "2.36", credentials=credentials
    )
    with pytest.raises(NetworkError) as caught:
        PypiWheelHouse(tmp_path / "others").fetch(locked, NoProgress())
    assert "python.credentials" in caught.value.hint


def test_credentials_in_an_address_are_in_no_message(
    tmp_path: Path, requirements: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People put them into pip's own configuration; a failure must not show them."""
    wrong = address.replace("://", "://somebody:wr0ng-secret@")
    monkeypatch.setenv("PIP_INDEX_URL", wrong)
    with pytest.raises(HerdbookError) as caught:
        PypiWheelHouse(tmp_path / "wheels").resolve(requirements, "3.11", "2.36")
    assert "wr0ng-secret" not in caught.value.message
