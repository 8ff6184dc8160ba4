"""Commands about what so many keys sign: metadata with holders, sign, show, root, export, check."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from herdbook.cli.options import AsJson
from herdbook.cli.output import Output

if TYPE_CHECKING:
    from herdbook.metadata.due import Due

_KeyFile = Annotated[
    Path, typer.Option("--key", metavar="FILE", help="Whose signature it is: NAME.key.")
]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    metadata = typer.Typer(
        help="What so many people sign, for clients that trust nobody else (TUF).",
        no_args_is_help=True,
    )
    for each in (holders, sign, show, root, export, check):
        metadata.command()(each)
    app.add_typer(metadata, name="metadata")


def holders(
    keys: Annotated[
        list[Path], typer.Option("--key", metavar="FILE", help="A holder's public key: NAME.pub.")
    ],
    threshold: Annotated[int, typer.Option(help="So many of them have to sign.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Say whose keys hold the root: they say who signs for which channels."""
    from herdbook.actions.sign_metadata import name_holders, signatures_due
    from herdbook.cli.session import open_session
    from herdbook.cli.signatures.signer_keys import read_public_keys

    output = Output(as_json=as_json)
    workshop = open_session(output)
    name_holders(workshop, read_public_keys(keys), threshold)
    if as_json:
        output.json([_due_shape(each) for each in signatures_due(workshop)])
        return
    output.text(f"{threshold} of {len(keys)} keys are to hold the root")
    output.note("Each of them signs it: herdbook metadata sign --key FILE")


def sign(
    key: _KeyFile,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask on a terminal.")] = False,
    as_json: AsJson = False,
) -> None:
    """Sign all that waits for this key: the root, who signs for which channels, old lists."""
    from herdbook.actions.sign_metadata import sign_due, signatures_due
    from herdbook.cli.session import open_session
    from herdbook.cli.signatures.signer_keys import read_signer_key

    output = Output(as_json=as_json)
    workshop, signer = open_session(output), read_signer_key(key)
    waiting = [each for each in signatures_due(workshop) if each.takes(signer.public.identity)]
    if not as_json:
        _say(output.note, waiting)
    ask = waiting and sys.stdin.isatty() and not (yes or as_json)
    if ask and not typer.confirm("Sign that?", default=False, err=True):
        output.text("nothing is signed")
        return
    signed, published = sign_due(workshop, signer, waiting)
    if as_json:
        output.json({"signed": [each.role for each in signed], "published": published})
        return
    if published:
        output.text(f"published: {', '.join(published)}")
    for each in signed:
        if each.role not in published and not each.standing.enough:
            output.text(f"{each.role}: {each.standing.in_words()}")
    if not signed:
        output.note("Nothing waits for that key. See all: herdbook metadata show")


def show(as_json: AsJson = False) -> None:
    """Show what is published, until when it holds, and what waits for whom."""
    from herdbook.actions.sign_metadata import list_published, signatures_due
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    waiting, published = signatures_due(workshop), list_published(workshop)
    if as_json:
        rows = [
            {"role": each.role, "version": each.version, "expires": each.expires.isoformat()}
            for each in published
        ]
        output.json({"published": rows, "waiting": [_due_shape(each) for each in waiting]})
        return
    if published:
        output.table(
            ["role", "version", "holds until"],
            [[each.role, str(each.version), f"{each.expires:%Y-%m-%d}"] for each in published],
        )
    _say(output.text, waiting)


def root(as_json: AsJson = False) -> None:
    """Print the first root: all that a client needs, brought to it on a way you trust."""
    from herdbook.actions.sign_metadata import require_pinned
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    output.text(require_pinned(open_session(output)).decode().rstrip())


def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where it is written.")],
    as_json: AsJson = False,
) -> None:
    """Write all that clients ask for as files, for any web server."""
    from herdbook.actions.show_metadata import export_metadata
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    written = export_metadata(open_session(output), folder)
    if as_json:
        output.json({"folder": str(folder), "files": written})
        return
    output.text(f"{folder}: {len(written)} files")


def check(
    channel: Annotated[str, typer.Argument(metavar="IMAGE@CHANNEL")],
    at: Annotated[
        str, typer.Option(metavar="ADDRESS", help="http://HOST:PORT/tuf, or an exported folder.")
    ],
    root: Annotated[Path, typer.Option(metavar="FILE", help="What metadata root has printed.")],
    memory: Annotated[
        Path, typer.Option(metavar="FOLDER", help="What was seen before: older is refused.")
    ],
    as_json: AsJson = False,
) -> None:
    """Ask elsewhere what a channel is, believing nothing but a root: no register is needed."""
    from herdbook.actions.ask_channel import ask_channel
    from herdbook.server.parts import metadata_client

    output = Output(as_json=as_json)
    given = ask_channel(metadata_client(), at, root, memory, channel)
    if as_json:
        output.json(
            {
                "image": given.image,
                "channel": given.channel,
                "version": given.version,
                "digest": given.digest,
            }
        )
        return
    output.text(f"{channel} is version {given.version}: {given.digest}")


def _say(say: Callable[[str], None], waiting: "list[Due]") -> None:
    from herdbook.metadata.wording import in_words

    for each in waiting:
        standing = each.standing
        say(f"{each.role} {each.metadata.signed.version}: {standing.in_words()}")
        for line in in_words(each.metadata.signed):
            say(f"  {line}")


def _due_shape(each: "Due") -> dict[str, Any]:
    standing = each.standing
    return {
        "role": each.role,
        "version": each.metadata.signed.version,
        "threshold": standing.threshold,
        "signed": list(standing.signed),
        "missing": list(standing.missing),
    }
