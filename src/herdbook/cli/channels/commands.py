"""Commands that move channels: promote, hold, release-hold, and channel with what it shows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.completion import complete_channel, complete_image
from herdbook.cli.options import AsJson, ImageName
from herdbook.cli.output import Output

if TYPE_CHECKING:
    from herdbook.actions.promote import Promotion

_PAGE = 50
_Why = Annotated[str, typer.Option(help="Why, for whoever looks at it later.", metavar="TEXT")]
_ChannelOf = Annotated[
    str, typer.Argument(metavar="IMAGE@CHANNEL", autocompletion=complete_channel)
]


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(promote)
    app.command()(hold)
    app.command(name="release-hold")(release_hold)
    channel = typer.Typer(help="See what channels mean, and their rules.", no_args_is_help=True)
    channel.command()(ls)
    channel.command()(history)
    channel.command()(rules)
    channel.command()(apply)
    app.add_typer(channel, name="channel")


def promote(
    image: ImageName,
    channel: Annotated[str, typer.Argument(help="Such as dev, staging or production.")],
    why: _Why = "",
    as_json: AsJson = False,
) -> None:
    """Have a channel of an image mean a version from now on."""
    from herdbook.actions.promote import promote as act
    from herdbook.cli.channels.shapes import promotion_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    promotion = act(open_session(output), image, channel, why)
    if as_json:
        output.json(promotion_shape(promotion))
    else:
        _print(output, promotion)


def _print(output: Output, promotion: "Promotion") -> None:
    now, before = promotion.assignment, promotion.before
    name = f"{now.image}@{now.channel}"
    if not promotion.changed:
        output.text(f"{name} is {now.label} already")
        return
    output.text(f"{name} is {now.label} now" + (f"; it was {before.label}" if before else ""))
    for each in promotion.followed:
        output.text(f"{each.image}@{each.channel} follows: {each.label}")
    for held in promotion.stayed:
        output.note(f"{held.image}@{held.channel} stays where it is: {held.who} holds it")


def hold(
    channel: _ChannelOf,
    why: Annotated[str, typer.Option(help="Why, for whoever wants to move it.", metavar="TEXT")],
    as_json: AsJson = False,
) -> None:
    """Keep a channel where it is, against everybody and everything, until it is let go."""
    from herdbook.actions.hold_channel import hold as act
    from herdbook.cli.channels.shapes import hold_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    held = act(open_session(output), channel, why)
    if as_json:
        output.json(hold_shape(held))
    else:
        output.text(f"{channel} stays where it is until: herdbook release-hold {channel}")


def release_hold(channel: _ChannelOf, as_json: AsJson = False) -> None:
    """Let a channel that was held be moved again."""
    from herdbook.actions.hold_channel import release_hold as act
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    act(open_session(output), channel)
    if as_json:
        output.json({"released": channel})
    else:
        output.text(f"{channel} may be moved again")


def ls(
    image: Annotated[
        str, typer.Argument(metavar="[IMAGE]", autocompletion=complete_image, show_default=False)
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List what channels mean now, of all images or one."""
    from herdbook.actions.list_channels import list_channels
    from herdbook.cli.channels.shapes import channel_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    found = list_channels(open_session(output), image)
    if as_json:
        output.json([channel_shape(each) for each in found])
        return
    if not found:
        output.note("No channel means anything yet. Begin with: herdbook promote IMAGE CHANNEL")
        return
    output.table(
        ["image", "channel", "#version", "promoted", "by"],
        [
            [
                each.newest.image,
                each.newest.channel,
                str(each.now.version) if each.now else "-",
                f"{each.now.at:%Y-%m-%d %H:%M}" if each.now else "-",
                each.now.who if each.now else "-",
            ]
            for each in found
        ],
    )
    for each in found:
        if each.note:
            output.text(f"{each.newest.image}@{each.newest.channel}: {each.note}")


def history(
    channel: _ChannelOf,
    every: Annotated[bool, typer.Option("--all", help=f"More than the {_PAGE} newest.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what a channel has meant, the newest first."""
    from herdbook.actions.hold_channel import split_channel
    from herdbook.actions.name_version import assigned
    from herdbook.cli.channels.shapes import assignment_shape
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    name = split_channel(channel)
    found = workshop.channels.history(*name, None if every or as_json else _PAGE)
    if not found:
        assigned(workshop, *name)  # says which channels there are
    if as_json:
        output.json([assignment_shape(each) for each in found])
        return
    output.table(
        ["#", "#version", "when", "by", "how", "why"],
        [
            [
                str(each.number),
                str(each.version),
                f"{each.at:%Y-%m-%d %H:%M}",
                each.who,
                each.way,
                each.why,
            ]
            for each in found
        ],
    )


def rules(as_json: AsJson = False) -> None:
    """Show the rules that channels are moved by."""
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    found = open_session(output).channels.rules()
    if as_json:
        output.json(found.model_dump(mode="json", by_alias=True))
        return
    for each in found.channels:
        output.text(f"{each.channel} of {each.images}")
        for line in each.in_words():
            output.text(f"  {line}")
    if not found.channels:
        output.note("There are no rules: everybody here may move every channel.")


def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Such as channels.yaml.")],
    as_json: AsJson = False,
) -> None:
    """Put the rules of a file in place of those before."""
    from herdbook.actions.set_rules import set_rules
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    made = set_rules(open_session(output), file)
    if as_json:
        output.json(made.model_dump(mode="json", by_alias=True))
    else:
        count = len(made.channels)
        output.text("1 rule holds now" if count == 1 else f"{count} rules hold now")
