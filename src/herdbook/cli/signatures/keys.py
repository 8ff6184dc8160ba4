"""Commands about whose signatures count: key with ls, export, trust, retire, rotate, new ..."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.completion import complete_key
from herdbook.cli.options import AsJson
from herdbook.cli.output import Output

if TYPE_CHECKING:
    from herdbook.signatures.model import KnownKey

_Name = Annotated[str, typer.Argument(metavar="NAME", autocompletion=complete_key)]
_Why = Annotated[str, typer.Option(help="Why, for whoever looks at it later.", metavar="TEXT")]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    key = typer.Typer(help="See and say whose signatures count.", no_args_is_help=True)
    key.command()(ls)
    key.command()(export)
    key.command()(trust)
    key.command()(retire)
    key.command()(distrust)
    key.command()(rotate)
    key.command()(new)
    app.add_typer(key, name="key")


def ls(as_json: AsJson = False) -> None:
    """List the keys whose signatures count, and those that did."""
    from herdbook.cli.session import open_session
    from herdbook.cli.signatures.shapes import key_shape

    output = Output(as_json=as_json)
    ring = open_session(output).keys.ring()
    if as_json:
        output.json([key_shape(each, signs=each.name == ring.builder) for each in ring.keys])
        return
    if not ring.keys:
        output.note("There is no key yet: the builder gets its own when it signs first.")
        return
    output.table(
        ["name", "standing", "for", "since", "by", "identity"],
        [
            [
                each.name + (" (signs)" if each.name == ring.builder else ""),
                each.standing.value,
                each.images,
                f"{each.at:%Y-%m-%d}",
                each.who,
                each.key.identity[:12],
            ]
            for each in ring.keys
        ],
    )


def export(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", show_default=False, autocompletion=complete_key)
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Print a public key, by default the builder's own, as cosign takes it."""
    from herdbook.actions.keep_keys import key_named
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    found = key_named(workshop, name)
    if as_json:
        _print_json(output, found, workshop.keys.ring().builder)
    else:
        output.text(found.pem.rstrip())


def trust(
    file: Annotated[Path, typer.Argument(help="A public key in PEM form.")],
    name: Annotated[str, typer.Option(help="What it is called from now on.")],
    images: Annotated[
        str, typer.Option(help="For which images it counts: a name, or a pattern with *.")
    ] = "*",
    as_json: AsJson = False,
) -> None:
    """Have the signatures of another builder's key count."""
    from herdbook.actions.keep_keys import trust_key
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    found = trust_key(open_session(output), file, name, images)
    _print(output, found, f"What {name} signs of {images} counts from now on")


def retire(name: _Name, why: _Why, as_json: AsJson = False) -> None:
    """Have a key sign no more; what it has signed counts."""
    from herdbook.actions.keep_keys import retire_key
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    found = retire_key(open_session(output), name, why)
    _print(output, found, f"{name} signs no more; what it has signed counts")


def distrust(
    name: _Name,
    why: _Why,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask on a terminal.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have nothing count that a key has signed: somebody else may have it."""
    from herdbook.actions.keep_keys import distrust_key, reach_of_key
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    reach = reach_of_key(workshop, name)
    output.note(
        f"{reach.versions} versions and {reach.channels} channels count no more without {name}"
    )
    ask = sys.stdin.isatty() and not (yes or as_json)
    if ask and not typer.confirm("Distrust it?", default=False, err=True):
        output.text(f"{name} is trusted as before")
        return
    found = distrust_key(workshop, name, why)
    _print(output, found, f"Nothing counts that {name} has signed")
    output.note(
        "For what is good all the same: herdbook sign IMAGE --why TEXT (or --all), then promote it "
        "again"
    )


def rotate(why: _Why, as_json: AsJson = False) -> None:
    """Have the builder sign with a new key from now on."""
    from herdbook.actions.keep_keys import rotate_key
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    found = rotate_key(open_session(output), why)
    _print(output, found, f"The builder signs with {found.name} from now on", signs=True)
    if not as_json:
        output.note("Give it to whoever verifies: herdbook key export")


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, such as anna.")],
    folder: Annotated[
        Path, typer.Option(help="Where NAME.key and NAME.pub are written.", show_default="here")
    ] = Path(),
    as_json: AsJson = False,
) -> None:
    """Make a key for a person who signs what channels get; it stays with that person."""
    from herdbook.cli.signatures.signer_keys import is_encrypted, make_signer_key
    from herdbook.signatures.model import check_key_name

    output = Output(as_json=as_json)
    private, public, identity = make_signer_key(check_key_name(name), folder)
    if as_json:
        output.json({"private": str(private), "public": str(public), "identity": identity})
        return
    output.text(f"{private} signs, and stays with {name}; {public} is for the others")
    output.text(f"identity {identity}")
    if not is_encrypted(private):
        output.note("It has no password: whoever reads the file can sign with it.")


def _print(output: Output, key: "KnownKey", words: str, *, signs: bool = False) -> None:
    if output.as_json:
        _print_json(output, key, key.name if signs else "")
    else:
        output.text(words)


def _print_json(output: Output, key: "KnownKey", builder: str) -> None:
    from herdbook.cli.signatures.shapes import key_shape

    output.json(key_shape(key, signs=key.name == builder))
