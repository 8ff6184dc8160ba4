"""The `herdbook` command: its subcommands, and what any failure looks like to a person."""

import errno
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, NoReturn

import typer

from herdbook.cli import images, instances, machine, recipes
from herdbook.cli.output import Output
from herdbook.core.errors import INTERRUPTED_EXIT_STATUS, HerdbookError, NoSpaceError

app = typer.Typer(
    name="herdbook",
    help="One definition becomes a golden image for virtual machines and containers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for noun in (machine, recipes, images, instances):
    noun.register(app)


def _version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"herdbook {version('herdbook')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_version)
    ] = False,
) -> None:
    del version


def main() -> NoReturn:
    """Run the command line and leave with the exit status of what happened."""
    os.umask(0o022)
    signal.signal(signal.SIGTERM, _terminate)
    with failures_shown(Output(as_json="--json" in sys.argv)):
        app()
    sys.exit(0)


@contextmanager
def failures_shown(output: Output) -> Iterator[Output]:
    """Turn whatever goes wrong in the block into words, a next step and an exit status."""
    try:
        yield output
    except KeyboardInterrupt:
        output.note("Interrupted. Nothing half-made was kept; the same command goes on from here.")
        sys.exit(INTERRUPTED_EXIT_STATUS)
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except HerdbookError as error:
        output.failure(error)
        sys.exit(error.exit_status)
    except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback is shown
        failure = _unforeseen(error)
        output.failure(failure)
        sys.exit(failure.exit_status)


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _unforeseen(error: Exception) -> HerdbookError:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return NoSpaceError("There is no space left on the disk", hint="Make room.")
    with tempfile.NamedTemporaryFile("w", prefix="herdbook-", suffix=".txt", delete=False) as file:
        traceback.print_exception(error, file=file)
    return HerdbookError(
        f"This is a fault in Herdbook: {type(error).__name__}: {error}",
        hint=f"Please report it with the file {file.name}.",
    )
