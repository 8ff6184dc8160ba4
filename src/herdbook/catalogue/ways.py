"""The ways to a package, each package on them with its name and version, as people are told."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from herdbook.catalogue.reasons import Asked, Need, chains
from herdbook.recipes.model import Variant


@dataclass(frozen=True)
class Graph:
    """Packages of one ecosystem in an image: what they need, and what was asked for.

    All is by what tells packages apart there, which `names` maps to names and versions.
    """

    needs: tuple[Need, ...]
    asked: Asked
    names: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Link:
    """One package of a way, and in which words the one before it needs it."""

    name: str
    version: str
    kind: str = ""
    wish: str = ""


@dataclass(frozen=True)
class Way:
    """A chain from what was asked for to the package, and who asked; the same in these variants."""

    variants: tuple[Variant, ...]
    by: tuple[str, ...]
    links: tuple[Link, ...]


def ways_in(graph: Graph, kind: Variant, name: str, version: str) -> Iterator[Way]:
    """Yield the ways to a package of a variant; npm may have put it in several places."""
    for target, found in graph.names.items():
        if found == (name, version):
            for chain in chains(graph.needs, graph.asked, target):
                links = (
                    Link(*graph.names[need.target], need.kind, need.wish) for need in chain.needs
                )
                yield Way((kind,), chain.by, (Link(*graph.names[chain.asked]), *links))


def merged(ways: Iterable[Way]) -> tuple[Way, ...]:
    """Return ways that are the same in several variants once, the shortest first."""
    found: dict[tuple[tuple[str, ...], tuple[Link, ...]], list[Variant]] = {}
    for way in ways:
        kinds = found.setdefault((way.by, way.links), [])
        kinds += [kind for kind in way.variants if kind not in kinds]
    once = [Way(tuple(kinds), by, links) for (by, links), kinds in found.items()]
    return tuple(sorted(once, key=lambda way: len(way.links)))


def most_telling(ways: Iterable[Way]) -> tuple[Way, ...]:
    """Return ways so that one for each who asked comes before a second one for any of them."""
    asked: dict[tuple[str, ...], int] = {}
    ranked = []
    for way in ways:
        asked[way.by] = asked.get(way.by, 0) + 1
        ranked.append((asked[way.by], way))
    return tuple(way for _, way in sorted(ranked, key=lambda each: each[0]))
