"""Runs the command line in this process."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from herdbook.cli.main import app, failures_shown
from herdbook.cli.output import Output

Run = Callable[..., tuple[object, str, str]]
JsonOf = Callable[..., Any]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    """Run a command; return how it ended, what it printed, and what it told beside that."""
    status: object = 0
    try:
        with failures_shown(Output(as_json="--json" in arguments)):
            app(list(arguments))
    except SystemExit as ended:
        status = ended.code
    return status, *capsys.readouterr()


def json_of(run: Run, *arguments: str) -> Any:
    """Return the JSON that a command prints, which has to succeed and to tell nothing beside."""
    status, output, told = run(*arguments, "--json")
    assert (status, told) == (0, "")
    return json.loads(output)
