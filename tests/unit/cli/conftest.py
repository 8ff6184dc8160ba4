"""Runs the command line in this process, for tests of what it prints for people and scripts."""

from functools import partial

import commands
import pytest
from commands import JsonOf, Run


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs a command."""
    return partial(commands.run, capsys)


@pytest.fixture
def json_of(run: Run) -> JsonOf:
    """Return what gives the JSON that a command prints, which has to succeed."""
    return partial(commands.json_of, run)
