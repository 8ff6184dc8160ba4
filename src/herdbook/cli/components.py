"""Commands about components: who holds one, and what a version is made of."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from herdbook.cli.completion import complete_component
from herdbook.cli.options import AsJson, ImageName
from herdbook.cli.output import Output

if TYPE_CHECKING:
    from herdbook.actions.find_holders import Affected, Search

_SHOWN = 40


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command()(affected)
    app.command()(sbom)


def affected(
    component: Annotated[
        str,
        typer.Argument(
            help="A package, its source, or a package URL.",
            show_default=False,
            autocompletion=complete_component,
        ),
    ] = "",
    below: Annotated[str, typer.Option(help="Only versions older than this one.")] = "",
    version: Annotated[str, typer.Option(help="Only this version.")] = "",
    cve: Annotated[str, typer.Option(help="What a vulnerability affects.", metavar="ID")] = "",
    every: Annotated[
        bool, typer.Option("--all", help="Also old versions, and all of a long list.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find who holds a component: layers, versions, images and what runs of them."""
    from herdbook.actions.find_holders import Wish, search
    from herdbook.cli.session import open_session
    from herdbook.core.errors import InvalidInputError

    if not component and not cve:
        raise InvalidInputError(
            "What is to be looked for?", hint="Name a component, or a vulnerability with --cve."
        )
    output = Output(as_json=as_json)
    wish = Wish(component, below, version, cve)
    found = search(open_session(output), wish, every=every)
    if as_json:
        output.json_stream(_head(found), "versions", map(_shape(found), found.versions()))
    else:
        _show(output, found, every=every)


def _head(found: "Search") -> dict[str, object]:
    return {
        "components": [
            {"purl": each.purl, "source": each.source, "source_version": each.source_version}
            for each in found.components
        ],
        "layers": {
            layer.digest: [each.purl for each in layer.components]
            for layer in found.layers.values()
        },
        "layers_not_scanned": found.layers_not_scanned,
        "no_data": list(found.no_data),
        "engines_not_asked": list(found.unseen),
    }


def _shape(found: "Search") -> Any:  # noqa: ANN401 - a function from Affected to its shape
    digests = {number: layer.digest for number, layer in found.layers.items()}

    def shape(each: "Affected") -> dict[str, object]:
        holder = each.holder
        return {
            "image": holder.image,
            "number": holder.number,
            "newest": holder.newest,
            "variants": [variant.value for variant in holder.variants],
            "layers": [digests[holding.layer] for holding in holder.holdings],
            "running": list(each.running),
        }

    return shape


def _show(output: Output, found: "Search", *, every: bool) -> None:
    if not found.components:
        output.text("Nothing that is known here is in such a version.")
        _tell_unknown(output, found)
        return
    output.table(
        ["component", "version", "source", "#layers"],
        [
            [each.name, each.version, _source(each.source, each.source_version), str(layers)]
            for each, layers in _with_layers(found)
        ],
    )
    versions = found.versions()
    shown = list(versions if every else islice(versions, _SHOWN))
    if shown:
        output.text("")
        output.table(
            ["version", "holds", "in layer", "variants", "running"],
            [_row(found, each) for each in shown],
        )
    _summarise(output, shown, versions, found)


def _with_layers(found: "Search") -> Iterator[tuple[Any, int]]:
    for component in found.components:
        held = (layer for layer in found.layers.values() if component in layer.components)
        yield component, sum(1 for _ in held)


def _source(name: str, version: str) -> str:
    return f"{name} {version}".strip()


def _row(found: "Search", each: "Affected") -> list[str]:
    holder = each.holder
    layers = [found.layers[holding.layer] for holding in holder.holdings]
    components = (component for layer in layers for component in layer.components)
    held = dict.fromkeys(f"{component.name} {component.version}" for component in components)
    return [
        holder.label,
        "\n".join(held),
        "\n".join(dict.fromkeys(holding.title for holding in holder.holdings)),
        ", ".join(holder.variants),
        ", ".join(each.running),
    ]


def _summarise(
    output: Output, shown: "list[Affected]", more: "Iterator[Affected]", found: "Search"
) -> None:
    images, count, running = set[str](), 0, 0
    for group in (shown, more):
        for each in group:
            images.add(each.holder.image)
            count += 1
            running += len(each.running)
    if count > len(shown):
        output.note(f"... and {count - len(shown)} more: see them with --all, or --json")
    output.text(f"{count} versions of {len(images)} images, {running} running instances")
    _tell_unknown(output, found)


def _tell_unknown(output: Output, found: "Search") -> None:
    """Say what the answer does not cover, so that nobody takes it for clean."""
    if found.no_data:
        output.note(f"No data, so not known: {', '.join(found.no_data)}")
    if found.layers_not_scanned:
        output.note(
            f"{found.layers_not_scanned} layers were not scanned, so what they hold is not known. "
            "Build their images again to have it."
        )
    for engine in found.unseen:
        output.note(f"What {engine} runs is not known: ask herdbook doctor")


def sbom(
    image: ImageName,
    form: Annotated[
        str, typer.Option("--format", help="cyclonedx or spdx.", metavar="FORMAT")
    ] = "cyclonedx",
    variant: Annotated[str | None, typer.Option(help="container or vm.")] = None,
    to: Annotated[Path | None, typer.Option(help="The file to write.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a version's bill of materials, as CycloneDX or SPDX."""
    from herdbook.actions.name_version import version_meant
    from herdbook.actions.write_bill import write_bill
    from herdbook.catalogue.names import variant_kind
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    version = version_meant(workshop, image)
    written = write_bill(workshop, version, variant_kind(variant), form)
    if written.not_scanned:
        output.note(written.not_scanned)
    if to is None:
        output.raw(written.content)
        return
    from herdbook.core.whole_files import write_whole

    write_whole(to, written.content, mode=0o644)
    if as_json:
        output.json({"path": str(to), "components": written.components, "format": form})
    else:
        output.text(f"wrote {to}: {written.components} components")
