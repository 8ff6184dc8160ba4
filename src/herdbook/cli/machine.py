"""The command about this machine: doctor."""

import typer

from herdbook.cli.options import AsJson
from herdbook.cli.output import Output
from herdbook.core.errors import MissingToolError


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(doctor)


def doctor(as_json: AsJson = False) -> None:
    """Say what this machine can do, and how to mend what it cannot."""
    from herdbook.cli.session import open_session
    from herdbook.server.doctor import Verdict, examine, worst
    from herdbook.server.settings import load_settings

    output = Output(as_json=as_json)
    findings = examine(load_settings(), open_session(output))
    if as_json:
        output.json(
            [
                {
                    "name": finding.name,
                    "verdict": finding.verdict.value,
                    "detail": finding.detail,
                    "remedy": finding.remedy or None,
                }
                for finding in findings
            ]
        )
    else:
        output.table(
            ["what", "is", "detail"],
            [[each.name, each.verdict.value, each.detail] for each in findings],
        )
        for finding in findings:
            if finding.remedy:
                output.text(f"\n{finding.name}: {finding.remedy}")
    if worst(findings) is Verdict.MISSING:
        raise typer.Exit(MissingToolError.exit_status)
