"""Commands of whoever proposes, and of whoever approves: propose, approve, reject."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.completion import complete_image, complete_proposal
from herdbook.cli.options import AsJson
from herdbook.cli.output import Output
from herdbook.cli.secrets import SecretFiles, given_secrets
from herdbook.core.errors import InvalidInputError

if TYPE_CHECKING:
    from herdbook.actions.sign_move import Move
    from herdbook.actions.workshop import Workshop

_RECIPES = (".yaml", ".yml")
_BUNDLE = ".bundle"
ProposalNumber = Annotated[
    int, typer.Argument(metavar="NUMBER", min=1, autocompletion=complete_proposal)
]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(propose)
    app.command()(approve)
    app.command()(reject)


def propose(
    image: Annotated[
        str,
        typer.Argument(
            metavar="IMAGE[:NUMBER|@CHANNEL]|FILE",
            help="A version; a recipe or a .bundle, which is built first.",
            autocompletion=complete_image,
        ),
    ],
    channel: Annotated[str, typer.Argument(help="Such as staging or production.")],
    why: Annotated[str, typer.Option(help="What it is good for.", metavar="TEXT")],
    secret: SecretFiles = [],  # noqa: B006 - typer copies it
    as_json: AsJson = False,
) -> None:
    """Propose that a channel gets a version; others approve it."""
    from herdbook.actions.propose import propose as act
    from herdbook.cli.channels.shapes import proposal_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    is_file = image.endswith((*_RECIPES, _BUNDLE))
    workshop = open_session(output, given_secrets(secret, None if is_file else frozenset()))
    name = _built(output, workshop, Path(image)) if is_file else image
    made = act(workshop, name, channel, why)
    if as_json:
        output.json(proposal_shape(made))
        return
    output.text(f"proposal {made.number}: {made.label} for {made.image}@{made.channel}")
    if made.sources:
        output.text(f"sent with its recipe, lock and files: {made.sources}")
    output.note(f"Others look at it: herdbook proposal show {made.number}")


def _built(output: Output, workshop: "Workshop", path: Path) -> str:
    """Return the version that a recipe or a bundle makes, which is built if it was not."""
    from herdbook.actions.build import build
    from herdbook.actions.take_sources import take_sources
    from herdbook.recipes.catalogue import recipes_in

    if path.suffix == _BUNDLE:
        taken = take_sources(workshop, path)
        if taken.built:
            how = "what" if taken.is_identical else "NOT what"
            output.note(f"{taken.version.label} is {how} was built where it was packed")
        return taken.version.label
    recipe_file, *others = recipes_in([path])
    if others:
        raise InvalidInputError(
            f"{path} makes {len(others) + 1} images", hint="Name the one to propose: IMAGE:NUMBER"
        )
    return build(workshop, recipe_file).version.label


def approve(
    number: ProposalNumber,
    say: Annotated[str, typer.Option(help="What you looked at.", metavar="TEXT")] = "",
    key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Sign it, too, where the channel has signers: NAME.key."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask on a terminal.")] = False,
    as_json: AsJson = False,
) -> None:
    """Approve a proposal, for what is known of it now."""
    from herdbook.actions.propose import approve as act
    from herdbook.actions.weigh_proposal import proposal_numbered, weigh
    from herdbook.channels.proposals import more_have
    from herdbook.cli.channels.shapes import weighed_shape
    from herdbook.cli.session import open_session
    from herdbook.cli.signatures.signer_keys import read_signer_key

    output = Output(as_json=as_json)
    workshop = open_session(output)
    signer = read_signer_key(key) if key else None
    shown = weigh(workshop, proposal_numbered(workshop, number)).move if signer else None
    if shown and not as_json and not _agreed(output, shown, yes=yes):
        output.text("nothing is signed")
        return
    weighed = act(workshop, number, say, signer, shown)
    now = workshop.clock.now()
    if as_json:
        output.json(weighed_shape(weighed, now))
        return
    output.text(f"proposal {number} is {'signed' if signer else 'approved'} by {workshop.actor}")
    made, move = weighed.proposal, weighed.move
    missing = weighed.ballot.missing(now) if weighed.ballot else 0
    if missing:
        output.note(f"{more_have(missing)} to approve it.")
    if move and not move.standing.enough:
        output.note(f"{move.standing.in_words()}: herdbook approve {number} --key FILE")
    elif not missing and made.waits_to_be_rebuilt:
        output.note(f"It is rebuilt next, by the server or by: herdbook proposal rebuild {number}")
    elif not missing:
        output.note(f"Nothing more is needed: herdbook promote {made.label} {made.channel}")


def reject(
    number: ProposalNumber,
    why: Annotated[str, typer.Option(help="For whoever proposed it.", metavar="TEXT")],
    as_json: AsJson = False,
) -> None:
    """Reject a proposal, or take back one's own."""
    from herdbook.actions.propose import reject as act
    from herdbook.cli.channels.shapes import proposal_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    ended = act(open_session(output), number, why)
    if as_json:
        output.json(proposal_shape(ended))
    else:
        output.text(f"proposal {number} is rejected")


def _agreed(output: Output, move: "Move", *, yes: bool) -> bool:
    """Show all that a signature would be for, and ask whether to give it."""
    from herdbook.metadata.wording import in_words

    for line in in_words(move.metadata.signed):
        output.note(line)
    ask = sys.stdin.isatty() and not yes
    return not ask or typer.confirm("Sign that?", default=False, err=True)
