"""The command that explains a package: why."""

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from herdbook.cli.options import AsJson, ImageName
from herdbook.cli.output import Output

if TYPE_CHECKING:
    from herdbook.actions.explain import Explanation, Reason
    from herdbook.actions.lineage import Inherited
    from herdbook.catalogue.ways import Link, Way
    from herdbook.images.documents import LayerReference

_WIDTH = 80
_SHOWN_WAYS = 3
_STEP = 2
_DEEPEST = 40
"""So many columns a tree is moved in at most: what is deeper still has room for its name."""


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(why)


def why(
    image: ImageName,
    package: Annotated[
        str,
        typer.Argument(
            metavar="PACKAGE", help="A package, the source of packages, or a package URL."
        ),
    ],
    every: Annotated[
        bool, typer.Option("--all", help="Show every way to it, not only the shortest ones.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell why a package is in an image: who asked for it, and which layer holds it."""
    from herdbook.actions.explain import explain
    from herdbook.actions.name_version import version_meant
    from herdbook.cli.session import open_session

    output = Output(as_json=as_json)
    workshop = open_session(output)
    found = explain(workshop, version_meant(workshop, image), package)
    if as_json:
        output.json(_shape(found, package))
        return
    for number, reason in enumerate(found.reasons):
        if number:
            output.text("")
        for line in reason_lines(reason, None if every else _SHOWN_WAYS):
            output.text(line)
    if found.others:
        for line in _wrapped("", f"Of the same source: {', '.join(found.others)}"):
            output.text(line)
    for layer in found.not_scanned:
        output.text(f"{_layer(layer)} was not scanned: it may hold it, too")


def reason_lines(reason: "Reason", most_ways: int | None) -> Iterator[str]:
    """Yield the lines that explain one package, none of them wider than a terminal."""
    from herdbook.catalogue.ways import most_telling

    component = reason.component
    yield from _wrapped("", f"{component.name} {component.version}  ({component.ecosystem})")
    yield from _where_lines(reason)
    for note in reason.notes:
        yield from _wrapped("  note     ", note)
    if not reason.ways and not reason.notes:
        yield from _wrapped("  because  ", _without_a_way(reason))
    for way in most_telling(reason.ways)[:most_ways]:
        yield from _way_lines(way, reason)
    left = len(reason.ways) - most_ways if most_ways else 0
    if left > 0:
        yield f"  {left} more: --all shows every one"


def _where_lines(reason: "Reason") -> Iterator[str]:
    yield f"  in       {', '.join(reason.variants)}"
    for place in reason.places:
        only = "" if place.variants == reason.variants else f" ({', '.join(place.variants)})"
        yield from _wrapped("  layer    ", _layer(place.layer) + only)
        if place.path:
            yield from _wrapped("  found by ", f"/{place.path}")
    if not reason.places:
        yield "  layer    not known: see below which were not scanned"
    for each in reason.inherited:
        yield from _wrapped("  from     ", _inherited(each))


def _without_a_way(reason: "Reason") -> str:
    if reason.inherited:
        return f"it came with {reason.inherited[-1].label}"
    return "it lies in that layer; nothing that was asked for needs it"


def _inherited(inherited: "Inherited") -> str:
    if not inherited.first:
        return inherited.label
    doubt = "" if inherited.certain else " or longer: not all before were scanned"
    if inherited.first == inherited.label and not doubt:
        return f"{inherited.label}, the first with it"
    return f"{inherited.label}, which has it since {inherited.first}{doubt}"


def _way_lines(way: "Way", reason: "Reason") -> Iterator[str]:
    only = "" if way.variants == reason.variants else f" ({', '.join(way.variants)} only)"
    yield from _wrapped("  because  ", "; ".join(way.by) + only)
    for depth, link in enumerate(way.links):
        indent = " " * (4 + min(_STEP * depth, _DEEPEST))
        yield from _wrapped(f"{indent}└ ", _link(link))


def _link(link: "Link") -> str:
    how = f"  ({link.kind}{f': {link.wish}' if link.wish else ''})" if link.kind else ""
    return f"{link.name} {link.version}{how}"


def _layer(layer: "LayerReference") -> str:
    return f"{layer.title.partition('@')[0]}  {layer.digest.partition(':')[2][:12]}"


def _wrapped(before: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=before,
        subsequent_indent=" " * (len(before) + _STEP),
        break_on_hyphens=False,
    )


def _shape(found: "Explanation", package: str) -> dict[str, Any]:
    version = found.version
    return {
        "image": version.image,
        "number": version.number,
        "digest": version.digest,
        "package": package,
        "found": [_reason_shape(reason) for reason in found.reasons],
        "others": list(found.others),
        "not_scanned": [
            {"title": layer.title, "digest": layer.digest} for layer in found.not_scanned
        ],
    }


def _reason_shape(reason: "Reason") -> dict[str, Any]:
    component = reason.component
    return {
        "purl": component.purl,
        "ecosystem": component.ecosystem.value,
        "name": component.name,
        "version": component.version,
        "source": component.source or None,
        "variants": [kind.value for kind in reason.variants],
        "layers": [
            {
                "title": place.layer.title,
                "digest": place.layer.digest,
                "variants": [kind.value for kind in place.variants],
                "path": f"/{place.path}" if place.path else None,
            }
            for place in reason.places
        ],
        "inherited": [
            {"from": each.label, "first": each.first or None, "certain": each.certain}
            for each in reason.inherited
        ],
        "ways": [
            {
                "variants": [kind.value for kind in way.variants],
                "because": list(way.by),
                "packages": [
                    {
                        "name": link.name,
                        "version": link.version,
                        "kind": link.kind or None,
                        "wish": link.wish or None,
                    }
                    for link in way.links
                ],
            }
            for way in reason.ways
        ],
        "notes": list(reason.notes),
    }
