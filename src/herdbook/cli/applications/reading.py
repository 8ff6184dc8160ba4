"""Reads an application's Compose files for a command, and tells what of them is not done."""

from collections.abc import Sequence
from pathlib import Path

from herdbook.cli.output import Output
from herdbook.compose.finding import find_files
from herdbook.compose.model import Application
from herdbook.compose.reading import read_application
from herdbook.compose.unsupported import refuse_unsupported
from herdbook.server.settings import whole_environment


def read_files(
    files: Sequence[Path],
    project: str,
    profiles: Sequence[str],
    output: Output,
    *,
    strict: bool,
) -> Application:
    """Return what the files say; with `strict`, raise InvalidInputError for what is not done."""
    reading = read_application(
        list(files) or find_files(Path.cwd()),
        environment=whole_environment(),
        profiles=profiles,
        project=project,
    )
    for unset in reading.unset:
        output.note(f"{unset.where}: ${unset.name} is not set: nothing stands in its place")
    if strict:
        refuse_unsupported(reading.unsupported)
    for each in reading.unsupported:
        output.note(f"{each.where}: {each.key} is not supported: {each.consequence}")
    return reading.application
