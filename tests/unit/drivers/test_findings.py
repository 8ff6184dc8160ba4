"""Costly findings are kept for as long as they can be true."""

import json
from pathlib import Path

import pytest

from herdbook.drivers.findings import boot_id, recall, remember


def test_finding_is_recalled_for_the_same_boot_and_version(tmp_path: Path) -> None:
    path = tmp_path / "engines" / "one.json"
    assert recall(path, "1") is None
    remember(path, "1", ("a", "b"))
    assert recall(path, "1") == ("a", "b")


def test_finding_is_forgotten_with_another_version(tmp_path: Path) -> None:
    remember(tmp_path / "one.json", "1", ("a",))
    assert recall(tmp_path / "one.json", "2") is None


def test_finding_is_forgotten_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    remember(path, "1", ("a",))
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(boot_id(), "another boot"), encoding="utf-8")
    assert recall(path, "1") is None


@pytest.mark.parametrize("content", ["", "{", "[]x"])
def test_damaged_finding_is_found_out_anew(tmp_path: Path, content: str) -> None:
    path = tmp_path / "one.json"
    path.write_text(content, encoding="utf-8")
    assert recall(path, "1") is None
    remember(path, "1", ())
    assert json.loads(path.read_text(encoding="utf-8"))["found"] == []
    assert recall(path, "1") == ()
