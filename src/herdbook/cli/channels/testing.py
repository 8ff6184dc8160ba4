"""The command that finds out what gates ask of a version: test."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.options import AsJson, ImageName
from herdbook.cli.output import Output, human_seconds
from herdbook.cli.secrets import SecretFiles, given_secrets
from herdbook.core.errors import GateError, InvalidInputError, MissingToolError

if TYPE_CHECKING:
    from herdbook.channels.results import Part, Result

_READY_LIMIT_SECONDS = 300.0


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command(name="test")(put_to_test)


def put_to_test(
    image: ImageName,
    variant: Annotated[
        str | None, typer.Option(help="Only this one: container or vm.", show_default=False)
    ] = None,
    reproduce: Annotated[
        bool, typer.Option("--reproduce", help="Build it again from its lock, and compare.")
    ] = False,
    secret: SecretFiles = [],  # noqa: B006 - typer copies it
    wait: Annotated[
        float, typer.Option(help="Seconds to wait until a variant is ready.", min=1)
    ] = _READY_LIMIT_SECONDS,
    as_json: AsJson = False,
) -> None:
    """Start a version, run its tests and what rules ask for, and keep the results, signed."""
    from herdbook.actions.name_version import version_meant
    from herdbook.actions.put_to_test import prove_reproduced
    from herdbook.actions.put_to_test import put_to_test as act
    from herdbook.catalogue.names import variant_kind
    from herdbook.cli.session import open_session
    from herdbook.server.parts import host_network

    if reproduce and variant:
        raise InvalidInputError(
            "A version is built again as a whole", hint="Leave --variant or --reproduce out."
        )
    output = Output(as_json=as_json)
    workshop = open_session(output, given_secrets(secret, None))
    version = version_meant(workshop, image)
    only = variant_kind(variant) if variant else None
    found = (
        [prove_reproduced(workshop, version)]
        if reproduce
        else act(workshop, host_network(), version, only, wait)
    )
    _end(output, found, version.label)


def _end(output: Output, found: "Iterable[Result | MissingToolError]", label: str) -> None:
    from herdbook.cli.channels.gate_shapes import result_shape

    results: list[Result] = []
    hindered: list[MissingToolError] = []
    for each in found:
        if isinstance(each, MissingToolError):
            hindered.append(each)
        else:
            results.append(each)
            if not output.as_json:
                _print(output, each)
    failed = [each for each in results if not each.passed]
    if output.as_json:
        shown = [{"message": each.message, "hint": each.hint} for each in hindered]
        output.json({"results": [result_shape(each) for each in results], "not_tried": shown})
        status = GateError.exit_status if failed else MissingToolError.exit_status
        raise typer.Exit(status if failed or hindered else 0)
    if failed:
        names = ", ".join(each.title for each in failed)
        raise GateError(
            f"{label} did not pass: {names}",
            hint=f"Mend the recipe and build it again; what is kept: herdbook show {label}",
        )
    if hindered:
        raise hindered[0]


def _print(output: Output, result: "Result") -> None:
    output.text(f"{result.title}: {'passed' if result.passed else 'failed'}")
    for part in result.parts:
        _print_part(output, part)


def _print_part(output: Output, part: "Part") -> None:
    after = f" ({human_seconds(part.seconds)})" if part.seconds else ""
    output.text(f"  {part.name}: {'passed' if part.passed else 'failed'}{after}")
    if not part.passed:
        for line in part.said.splitlines():
            output.text(f"    {line}")
