"""Decides which packages of a catalogue share a layer: the fewest bytes pulled in a year.

Two packages in one layer are pulled together whenever either is updated; two layers cost a
request each on every pull. What is updated often therefore lies alone, and what is never updated
lies with all that the same images hold. Where an image would get too many layers, those are
joined whose joining costs the fewest bytes, stored and pulled.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from herdbook.layers.covering import PACKAGE_LAYERS, Layer, cover

LAYER_PRICE_BYTES_A_YEAR = 12 << 20
"""What one more layer of an image is worth, in bytes pulled in a year.

A layer is a request, an entry in every manifest and a mount. The price keeps a source apart whose
updates would cause more than that: at 60 MB of neighbours, one update in five years.
"""

SPLIT_PRICE_BYTES = 100 << 20
"""What it is worth, in bytes for each update, that a source changes one layer instead of two."""

ALWAYS_APART = float("inf")
"""The rate of a source that shall lie alone whatever its history says."""


@dataclass(frozen=True)
class Candidate:
    """A package as planning sees it: `rate` is its source's updates a year."""

    name: str
    source: str
    size_bytes: int
    rate: float = 0.0


@dataclass(frozen=True)
class PlannedLayer(Layer):
    """A layer with what it was decided on: who holds it, its size and its updates a year."""

    members: frozenset[str] = frozenset()
    sources: tuple[str, ...] = ()
    size_bytes: int = 0
    rate: float = 0.0
    apart: bool = False


@dataclass(frozen=True)
class _Cluster:
    packages: frozenset[str]
    members: frozenset[str]
    sources: frozenset[str]
    size_bytes: int
    rate: float
    apart: bool = False


def plan_layers(
    members: Mapping[str, Collection[str]],
    candidates: Mapping[str, Candidate],
    known: Iterable[Layer] = (),
    most: Mapping[str, int] | None = None,
) -> list[PlannedLayer]:
    """Return the layers to put after the `known` ones, so that all members are covered.

    `members` maps what holds packages (an image, or what its machine adds) to their names;
    `candidates` says of every name that the known layers do not cover what planning must know;
    `most` says how many layers a member may have, where that is not the usual number.
    """
    limits = dict.fromkeys(members, PACKAGE_LAYERS) | dict(most or {})
    known = list(known)
    added: list[PlannedLayer] = []
    while True:
        covers = {
            member: cover([*known, *added], names, len(candidates) + 1)
            for member, names in members.items()
        }
        room = {name: max(limits[name] - len(found.layers), 1) for name, found in covers.items()}
        held = _holders({member: found.uncovered for member, found in covers.items()})
        if not held:
            return added
        clusters = [
            cluster
            for holders, names in held.items()
            for cluster in _split(holders, [candidates[name] for name in sorted(names)])
        ]
        # Of two layers, the one that holds the other's packages and more is to be tried first.
        fitting = sorted(_joined(clusters, room), key=_order)
        taken = {layer.name for layer in (*known, *added)}
        added += _named(fitting, candidates, taken)


def _order(cluster: _Cluster) -> tuple[int, int, list[str]]:
    return -len(cluster.packages), -len(cluster.members), sorted(cluster.packages)


def _holders(members: Mapping[str, Collection[str]]) -> dict[frozenset[str], list[str]]:
    """Return package names by who holds them."""
    holders: dict[str, set[str]] = defaultdict(set)
    for member, names in members.items():
        for name in names:
            holders[name].add(member)
    found: dict[frozenset[str], list[str]] = defaultdict(list)
    for name, holding in holders.items():
        found[frozenset(holding)].append(name)
    return found


def _split(members: frozenset[str], candidates: Iterable[Candidate]) -> Iterator[_Cluster]:
    """Yield what equal holders hold: sources that are worth a layer, and one of the others."""
    by_source: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        by_source[candidate.source].append(candidate)
    clusters = [
        _Cluster(
            packages=frozenset(each.name for each in found),
            members=members,
            sources=frozenset([source]),
            size_bytes=sum(each.size_bytes for each in found),
            rate=found[0].rate,
            apart=found[0].rate == ALWAYS_APART,
        )
        for source, found in by_source.items()
    ]
    clusters.sort(key=lambda each: (-each.rate, min(each.sources)))
    together = [each for each in clusters if not each.apart]
    yield from (each for each in clusters if each.apart)
    while len(together) > 1 and _worth_a_layer(together[0], together[1:]):
        yield together.pop(0)
    if together:
        yield _union(together, members)


def _worth_a_layer(one: _Cluster, others: list[_Cluster]) -> bool:
    rest = _union(others, one.members)
    return one.rate * rest.size_bytes + rest.rate * one.size_bytes > LAYER_PRICE_BYTES_A_YEAR


def _union(clusters: Collection[_Cluster], members: frozenset[str]) -> _Cluster:
    return _Cluster(
        packages=frozenset().union(*(each.packages for each in clusters)),
        members=members,
        sources=frozenset().union(*(each.sources for each in clusters)),
        size_bytes=sum(each.size_bytes for each in clusters),
        rate=sum(each.rate for each in clusters),
        apart=any(each.apart for each in clusters),
    )


def _joined(clusters: list[_Cluster], room: Mapping[str, int]) -> list[_Cluster]:
    """Join clusters until no member has more of them than it has room for (which is 1 or more)."""
    while member := _crowded(clusters, room):
        held = [each for each in clusters if member in each.members]
        one, other = min(combinations(held, 2), key=_price_of_joining)
        common = one.members & other.members
        clusters = [each for each in clusters if each not in (one, other)]
        clusters.append(_union([one, other], common))
        clusters += [
            _Cluster(each.packages, apart, each.sources, each.size_bytes, each.rate, each.apart)
            for each in (one, other)
            if (apart := each.members - common)
        ]
    return clusters


def _crowded(clusters: Iterable[_Cluster], room: Mapping[str, int]) -> str | None:
    """Return the member that is furthest over what it has room for; None where none is."""
    counts = Counter(member for each in clusters for member in each.members)
    over = [(room[member] - count, member) for member, count in counts.items()]
    worst = min(over, default=(0, ""))
    return worst[1] if worst[0] < 0 else None


def _price_of_joining(pair: tuple[_Cluster, _Cluster]) -> tuple[float, list[str]]:
    """Return the bytes a year that it costs to have two clusters in one layer.

    Each update of either pulls the other along, in every member; and where only one of them is
    held, its bytes have to be stored a second time, and its updates change a second layer.
    """
    one, other = pair
    common = one.members & other.members
    pulled = (_finite(one) * other.size_bytes + _finite(other) * one.size_bytes) * len(common)
    split = [each for each in pair if each.members - common]
    stored = sum(each.size_bytes + _finite(each) * SPLIT_PRICE_BYTES for each in split)
    return pulled + stored, sorted(one.packages | other.packages)


def _finite(cluster: _Cluster) -> float:
    return 1e6 if cluster.apart else cluster.rate


def _named(
    clusters: Iterable[_Cluster], candidates: Mapping[str, Candidate], taken: set[str]
) -> Iterator[PlannedLayer]:
    for cluster in clusters:
        name = _free(_name(cluster, candidates), taken)
        taken.add(name)
        yield PlannedLayer(
            name=name,
            packages=tuple(sorted(cluster.packages)),
            members=cluster.members,
            sources=tuple(sorted(cluster.sources)),
            size_bytes=cluster.size_bytes,
            rate=cluster.rate,
            apart=cluster.apart,
        )


def _name(cluster: _Cluster, candidates: Mapping[str, Candidate]) -> str:
    """Return the largest source's name, and how many others there are."""
    sizes: Counter[str] = Counter()
    for name in cluster.packages:
        sizes[candidates[name].source] += candidates[name].size_bytes
    largest = min(sizes, key=lambda source: (-sizes[source], source))
    return largest if len(sizes) == 1 else f"{largest}+{len(sizes) - 1}"


def _free(name: str, taken: Collection[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}.{number}"
    return free
