"""A program that outlives us gets our environment, but not what is ours alone."""

import sys
from pathlib import Path

import pytest

from herdbook.drivers import process

SHOWN = "{'HERDBOOK_TOKEN', 'HERDBOOK_MIRROR'}"


def test_what_it_is_to_go_without_it_does_not_see(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HERDBOOK_TOKEN", "hbt_x")
    monkeypatch.setenv("HERDBOOK_MIRROR", "https://mirror.example")
    log, program = tmp_path / "log", f"import os; print({SHOWN} & os.environ.keys())"
    command = [sys.executable, "-c", program]
    theirs = ["HERDBOOK_TOKEN"]
    assert not process.start_alone(command, log=log, until=lambda: False, without=theirs)
    assert log.read_text() == "{'HERDBOOK_MIRROR'}\n"
