"""Cleaning a root never follows a link out of it."""

from pathlib import Path

import pytest

from herdbook.builds.cleaning import clean


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of this machine that an image's links lead to."""
    folder = tmp_path / "outside"
    (folder / "lib/dbus").mkdir(parents=True)
    for name in ("machine-id", "lib/dbus/machine-id", "history.log"):
        (folder / name).write_text("precious")
    return folder


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("var", "."),
        ("var/log/apt", "."),
        ("etc", "."),
        ("etc/machine-id", "machine-id"),
        ("tmp", "."),
    ],
)
def test_links_are_left_or_replaced_never_followed(
    tmp_path: Path, outside: Path, link: str, target: str
) -> None:
    upper = tmp_path / "upper"
    (upper / link).parent.mkdir(parents=True)
    (upper / link).symlink_to(outside / target)
    clean(upper)
    assert {path.read_text() for path in outside.rglob("*") if path.is_file()} == {"precious"}
    assert len([path for path in outside.rglob("*") if path.is_file()]) == 3


def test_a_machine_id_is_an_empty_file_whatever_it_was(tmp_path: Path, outside: Path) -> None:
    upper = tmp_path / "upper"
    (upper / "etc").mkdir(parents=True)
    (upper / "etc/machine-id").symlink_to(outside / "machine-id")
    clean(upper)
    assert not (upper / "etc/machine-id").is_symlink()
    assert (upper / "etc/machine-id").read_bytes() == b""
