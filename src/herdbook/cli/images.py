"""Commands about images and versions: images, show, export."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from herdbook.cli.options import AsJson, ImageName
from herdbook.cli.output import Output, human_size

if TYPE_CHECKING:
    from herdbook.catalogue.model import ImageSummary, Version

_PAGE = 50


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command(name="images")(list_images)
    app.command()(show)
    app.command()(export)


def list_images(
    match: Annotated[str, typer.Option(help="Only images whose name holds this.")] = "",
    page: Annotated[
        int | None, typer.Option(min=1, help=f"Which {_PAGE} of them; the first by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List images with their newest versions."""
    from herdbook.cli.session import open_session
    from herdbook.cli.shapes import version_shape

    output = Output(as_json=as_json)
    versions = open_session(output).versions
    paged = page is not None or not as_json
    number = page or 1
    skip, limit = ((number - 1) * _PAGE, _PAGE) if paged else (0, None)
    found = versions.images(match, skip, limit)
    if as_json:
        newest = (versions.find(summary.name, summary.number) for summary in found)
        output.json([version_shape(version) for version in newest if version is not None])
        return
    if found:
        _list(output, found)
    total = versions.count_images(match)
    if total == 0:
        output.note(
            f"No image's name holds {match!r}."
            if match
            else "There are no images yet. Start with: herdbook init"
        )
    elif total > len(found):
        pages = -(-total // _PAGE)
        output.note(f"Page {number} of {pages} ({total} images): more with --page, or --match")


def _list(output: Output, found: "list[ImageSummary]") -> None:
    from herdbook.core import digests

    output.table(
        ["image", "#newest", "digest", "variants", "built"],
        [
            [
                summary.name,
                str(summary.number),
                digests.short(summary.digest),
                ", ".join(summary.variants),
                f"{summary.created_at:%Y-%m-%d %H:%M}",
            ]
            for summary in found
        ],
    )


def show(image: ImageName, as_json: AsJson = False) -> None:
    """Show a version: its variants, which layers they share, and what made it."""
    from herdbook.actions.keep_results import results_of
    from herdbook.actions.name_version import version_meant
    from herdbook.cli.campaigns.report_page import made_lines
    from herdbook.cli.campaigns.shapes import made_shape
    from herdbook.cli.channels.gate_shapes import result_lines, result_shape
    from herdbook.cli.session import open_session
    from herdbook.cli.shapes import version_shape

    output = Output(as_json=as_json)
    workshop = open_session(output)
    version = version_meant(workshop, image)
    made = workshop.campaigns.cause(version.image, version.number)
    results = results_of(workshop, version)
    if as_json:
        tried = [result_shape(each) for each in results]
        output.json({**version_shape(version), "cause": made_shape(made), "results": tried})
        return
    output.text(f"{version.label}  {version.digest}")
    output.text(f"built {version.created_at:%Y-%m-%d %H:%M} UTC")
    for line in made_lines(made) if made else ():
        output.text(line)
    for line in result_lines(results):
        output.text(line)
    _show_layers(output, version)


def _show_layers(output: Output, version: "Version") -> None:
    """Print variants, and the layers of all of them, each once."""
    from herdbook.catalogue.model import shared_bytes
    from herdbook.core import digests

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
    sign: Annotated[
        bool, typer.Option("--sign", help="Write the builder's signature beside a file.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a version as an OCI layout, a docker-archive or a bootable disk."""
    from herdbook.actions.export import export as act
    from herdbook.actions.name_version import version_meant
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    written = act(workshop, version_meant(workshop, image), form, to, compression, sign=sign)
    signature = str(written.signature) if written.signature else None
    if as_json:
        shape = {"path": str(written.path), "digest": written.digest, "format": form}
        output.json({**shape, "signature": signature})
        return
    output.text(f"wrote {written.path} ({written.digest})")
    if signature:
        output.text(f"wrote {signature}")
