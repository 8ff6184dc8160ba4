"""Commands about registries: push, pull."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from herdbook.cli.options import AsJson, ImageName
from herdbook.cli.output import Output, human_size

if TYPE_CHECKING:
    from herdbook.actions.pull import Pulled
    from herdbook.actions.push import Pushed


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(push)
    app.command()(pull)


def push(
    image: ImageName,
    to: Annotated[
        str,
        typer.Argument(
            metavar="REGISTRY/REPOSITORY[:TAG]",
            help="Where to; the tag is the version's number unless one is named.",
        ),
    ],
    compression: Annotated[
        str, typer.Option(help="How layers travel: zstd, gzip or none.")
    ] = "zstd",
    as_json: AsJson = False,
) -> None:
    """Push a version: the container for any client, and all of it for Herdbook."""
    from herdbook.actions.name_version import version_meant
    from herdbook.actions.push import push as act
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    done = act(workshop, version_meant(workshop, image), to, compression)
    if as_json:
        output.json(_pushed_shape(done))
    else:
        _say_pushed(output, done)


def pull(
    reference: Annotated[
        str, typer.Argument(metavar="REGISTRY/REPOSITORY:TAG", help="What Herdbook pushed there.")
    ],
    image: Annotated[
        str,
        typer.Option("--as", metavar="IMAGE", help="The image that gets it, if not the same."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Pull a version that another Herdbook pushed, with the same digest."""
    from herdbook.actions.pull import pull as act
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    done = act(open_session(output), reference, image)
    if as_json:
        output.json(_pulled_shape(done))
    else:
        _say_pulled(output, done)


def _pushed_shape(done: "Pushed") -> dict[str, Any]:
    return {
        "image": done.version.image,
        "number": done.version.number,
        "reference": str(done.name),
        "digest": done.digest,
        "artifacts": done.artifacts,
        "sent_bytes": done.delivered.sent_bytes,
        "mounted_bytes": done.delivered.mounted_bytes,
        "there_bytes": done.delivered.there_bytes,
    }


def _say_pushed(output: Output, done: "Pushed") -> None:
    output.text(f"{done.version.label} is {done.name}")
    output.text(done.digest)
    delivered = done.delivered
    told = [f"sent {human_size(delivered.sent_bytes)}"]
    if delivered.mounted_bytes:
        told.append(f"taken over from another repository {human_size(delivered.mounted_bytes)}")
    told.append(f"there already {human_size(delivered.there_bytes)}")
    output.text(", ".join(told))


def _pulled_shape(done: "Pulled") -> dict[str, Any]:
    return {
        "image": done.version.image,
        "number": done.version.number,
        "digest": done.version.digest,
        "reference": str(done.name),
        "origin": done.origin,
        "unchanged": done.unchanged,
        "pulled_bytes": done.came_bytes,
        "there_bytes": done.there_bytes,
    }


def _say_pulled(output: Output, done: "Pulled") -> None:
    where = "was here already" if done.unchanged else f"was {done.origin} where it was built"
    output.text(f"{done.version.label}  {done.version.digest}")
    output.text(where)
    output.text(
        f"pulled {human_size(done.came_bytes)}, here already {human_size(done.there_bytes)}"
    )
