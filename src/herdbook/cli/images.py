"""Commands about images and versions: images, show, export."""

from pathlib import Path
from typing import Annotated

import typer

from herdbook.cli.options import AsJson, ImageName
from herdbook.cli.output import Output, human_size


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(images)
    app.command()(show)
    app.command()(export)


def images(as_json: AsJson = False) -> None:
    """List images with their newest versions."""
    from herdbook.cli.session import open_session
    from herdbook.cli.shapes import version_shape
    from herdbook.core import digests

    output = Output(as_json=as_json)
    found = open_session(output).versions.images()
    if as_json:
        output.json([version_shape(summary.latest) for summary in found])
    elif not found:
        output.note("There are no images yet. Start with: herdbook init")
    else:
        output.table(
            ["image", "#newest", "digest", "variants", "built"],
            [
                [
                    summary.name,
                    str(summary.latest.number),
                    digests.short(summary.latest.digest),
                    ", ".join(variant.kind for variant in summary.latest.variants),
                    f"{summary.latest.created_at:%Y-%m-%d %H:%M}",
                ]
                for summary in found
            ],
        )


def show(image: ImageName, as_json: AsJson = False) -> None:
    """Show a version: its variants and which layers they share."""
    from herdbook.catalogue.model import shared_bytes
    from herdbook.catalogue.names import version_named
    from herdbook.cli.session import open_session
    from herdbook.cli.shapes import version_shape
    from herdbook.core import digests

    output = Output(as_json=as_json)
    version = version_named(open_session(output).versions, image)
    if as_json:
        output.json(version_shape(version))
        return
    output.text(f"{version.label}  {version.digest}")
    output.text(f"built {version.created_at:%Y-%m-%d %H:%M} UTC")
    holders: dict[tuple[str, str, int], list[str]] = {}
    for variant in version.variants:
        others = [each for each in version.variants if each is not variant]
        shared = max((shared_bytes(variant, other) for other in others), default=0)
        output.text(
            f"{variant.kind}  {digests.short(variant.manifest)}  {human_size(variant.size_bytes)}"
            + (f", of which {human_size(shared)} shared" if others else "")
        )
        for layer in variant.layers:
            key = (layer.title.partition("@")[0], layer.digest, layer.size)
            holders.setdefault(key, []).append(variant.kind)
    output.table(
        ["layer", "digest", "#size", "in"],
        [
            [title, digest.partition(":")[2][:12], human_size(size), ", ".join(kinds)]
            for (title, digest, size), kinds in holders.items()
        ],
    )


def export(
    image: ImageName,
    form: Annotated[
        str, typer.Option("--format", help="oci, docker, raw or qcow2.", metavar="FORMAT")
    ] = "oci",
    to: Annotated[Path | None, typer.Option(help="The file or folder to write.")] = None,
    compression: Annotated[
        str, typer.Option(help="Layers of an OCI layout: none, gzip or zstd.")
    ] = "none",
    as_json: AsJson = False,
) -> None:
    """Write a version as an OCI layout, a docker-archive or a bootable disk."""
    from herdbook.actions.export import export as act
    from herdbook.catalogue.names import version_named
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    written = act(workshop, version_named(workshop.versions, image), form, to, compression)
    if as_json:
        output.json({"path": str(written.path), "digest": written.digest, "format": form})
    else:
        output.text(f"wrote {written.path} ({written.digest})")
