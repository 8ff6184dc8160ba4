"""Runs the command line in this process."""

import pytest

from herdbook.cli.main import app, failures_shown
from herdbook.cli.output import Output


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    """Run a command; return how it ended, what it printed, and what it told beside that."""
    status: object = 0
    try:
        with failures_shown(Output(as_json="--json" in arguments)):
            app(list(arguments))
    except SystemExit as ended:
        status = ended.code
    return status, *capsys.readouterr()
