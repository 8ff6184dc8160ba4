"""Commands about what was signed: verify, sign, provenance."""

from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.completion import complete_image
from herdbook.cli.options import AsJson, ImageName
from herdbook.cli.output import Output
from herdbook.core.errors import InvalidInputError, VerificationError

if TYPE_CHECKING:
    from herdbook.signatures.checking import Check


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(verify)
    app.command()(sign)
    app.command()(provenance)


def verify(image: ImageName, as_json: AsJson = False) -> None:
    """Prove that a version is what its builder signed, down to the bytes of its layers."""
    from herdbook.actions.check_genuine import every_check
    from herdbook.actions.name_version import version_meant
    from herdbook.cli.session import open_session
    from herdbook.cli.signatures.shapes import verification_shape

    output = Output(as_json=as_json)
    workshop = open_session(output)
    version = version_meant(workshop, image)
    checks = list(every_check(workshop, version))
    faults = [each for each in checks if each.fault]
    if as_json:
        output.json(verification_shape(version, checks))
        raise typer.Exit(VerificationError.exit_status if faults else 0)
    output.table(["part", "found"], [_row(each) for each in checks])
    if faults:
        raise VerificationError(
            f"{version.label} is not what its builder signed: {faults[0].part}",
            hint="Take another version. Where nobody whose word counts has signed it, somebody can "
            f"vouch for it: herdbook sign {version.label} --why TEXT",
        )
    output.text(f"{version.label} is what its builder signed")


def _row(check: "Check") -> list[str]:
    return [check.part, check.fault or "ok"]


def sign(
    image: Annotated[
        str,
        typer.Argument(
            metavar="[IMAGE[:NUMBER|@CHANNEL]]",
            show_default=False,
            autocompletion=complete_image,
        ),
    ] = "",
    why: Annotated[
        str, typer.Option(help="Why you vouch for it.", metavar="TEXT", show_default=False)
    ] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Every version that nobody whose word counts has signed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Vouch for versions that nobody has signed, or only a key that is distrusted."""
    from herdbook.actions.name_version import version_meant
    from herdbook.actions.vouch import vouch, vouch_for_all
    from herdbook.cli.session import open_session

    if bool(image) == everything:
        what = "An image is named, and --all is given" if image else "What is to be signed?"
        raise InvalidInputError(what, hint="Name an image, or give --all.")
    output = Output(as_json=as_json)
    workshop = open_session(output)
    if everything:
        found = [each.label for each in vouch_for_all(workshop, why)]
    else:
        version = version_meant(workshop, image)
        found = [version.label] if vouch(workshop, version, why) else []
    if as_json:
        output.json({"signed": found})
    elif found:
        output.text(f"Signed: {', '.join(found)}")
    else:
        output.text("Nothing was to be done: somebody whose word counts has signed it")


def provenance(image: ImageName, as_json: AsJson = False) -> None:
    """Print where a version comes from, as its builder has signed it."""
    from herdbook.actions.check_genuine import signed_provenance
    from herdbook.actions.name_version import version_meant
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    envelope = signed_provenance(workshop, version_meant(workshop, image))
    output.raw((envelope.render() if as_json else envelope.readable()) + b"\n")
