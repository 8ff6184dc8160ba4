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

from herdbook.cli import (
    advisories,
    build,
    catalogue,
    components,
    differences,
    images,
    instances,
    layers,
    machine,
    recipes,
    registries,
    registry_view,
    store,
    watch,
    why,
)
from herdbook.cli.applications import commands as applications
from herdbook.cli.campaigns import commands as campaigns
from herdbook.cli.channels import audit, exceptions, proposals, proposed, revocations, testing
from herdbook.cli.channels import commands as channels
from herdbook.cli.notifications import commands as notifications
from herdbook.cli.output import Output
from herdbook.cli.people import groups, issuers, roles, sessions, tokens, users
from herdbook.cli.signatures import commands as signatures
from herdbook.cli.signatures import keys, metadata
from herdbook.core.errors import INTERRUPTED_EXIT_STATUS, HerdbookError, NoSpaceError

_MAKE_ROOM = "Make room, then run the same command again: it goes on where it stopped."

app = typer.Typer(
    name="herdbook",
    help="One definition becomes a golden image for virtual machines and containers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for noun in (
    machine,
    recipes,
    build,
    layers,
    catalogue,
    images,
    components,
    why,
    differences,
    advisories,
    watch,
    campaigns,
    testing,
    proposals,
    proposed,
    exceptions,
    channels,
    revocations,
    signatures,
    keys,
    metadata,
    instances,
    applications,
    audit,
    notifications,
    roles,
    users,
    groups,
    tokens,
    issuers,
    sessions,
    registries,
    store,
    registry_view,
):
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
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants it
            signal.signal(number, _interrupt)
    with failures_shown(Output(as_json="--json" in sys.argv)):
        app()
    sys.exit(0)


@contextmanager
def failures_shown(output: Output) -> Iterator[Output]:
    """Turn whatever goes wrong in the block into words, a next step and an exit status."""
    try:
        yield output
    except (_Interrupted, KeyboardInterrupt):
        output.note("Interrupted. Nothing half-made was kept; the same command goes on from here.")
        sys.exit(INTERRUPTED_EXIT_STATUS)
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback is shown
        failure = error if isinstance(error, HerdbookError) else _unforeseen(error)
        if isinstance(failure, NoSpaceError):
            failure.hint = failure.hint or _MAKE_ROOM
        output.failure(failure)
        sys.exit(failure.exit_status)


class _Interrupted(BaseException):
    """Somebody wants us to end; unlike KeyboardInterrupt, typer lets it through."""


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise _Interrupted


def _unforeseen(error: Exception) -> HerdbookError:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return NoSpaceError(f"There is no space left on the disk {error.filename or ''}".rstrip())
    with tempfile.NamedTemporaryFile("w", prefix="herdbook-", suffix=".txt", delete=False) as file:
        traceback.print_exception(error, file=file)
    return HerdbookError(
        f"This is a fault in Herdbook: {type(error).__name__}: {error}",
        hint=f"Please report it with the file {file.name}.",
    )
