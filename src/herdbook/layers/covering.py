"""Finds the planned layers that an image's packages lie in.

A plan is a list that only grows. An image takes from it, in order, every layer whose packages it
holds, all of them, and has not taken yet. So a layer that joins the end of the list never moves
a package of an image that the list covered before.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

MAXIMUM_LAYERS = 24
"""What an image from a suite has at most: registries and runtimes charge for every layer."""

UPPER_LAYERS = 9
"""Bytecode, config, database, accounts, python, node, files, run and machine."""

PACKAGE_LAYERS = MAXIMUM_LAYERS - UPPER_LAYERS
MACHINE_LAYERS = 3
"""How many of those are for what only a machine needs: the kernel, systemd, and the rest."""

REST = "rest"
"""The layer of what would be too many layers: no other image shares it but by chance."""


@dataclass(frozen=True)
class Layer:
    """Packages, by name, that lie in one layer, under a name people can recognise."""

    name: str
    packages: tuple[str, ...]


@dataclass(frozen=True)
class Cover:
    """The layers that an image takes of a plan, and the packages that no layer of it covers."""

    layers: tuple[Layer, ...]
    uncovered: frozenset[str]


def cover(plan: Iterable[Layer], packages: Collection[str], most: int = PACKAGE_LAYERS) -> Cover:
    """Return the layers of an image with these packages; those over the limit become one.

    The layers with the fewest packages are the ones joined.
    """
    left = set(packages)
    taken = []
    for layer in plan:
        if left.issuperset(layer.packages):
            taken.append(layer)
            left.difference_update(layer.packages)
    return Cover(tuple(_within(taken, most)), frozenset(left))


def _within(layers: Sequence[Layer], most: int) -> list[Layer]:
    if len(layers) <= most:
        return list(layers)
    ranked = sorted(layers, key=lambda layer: (-len(layer.packages), layer.name))
    kept = set(ranked[: most - 1])
    joined = sorted(name for layer in ranked[most - 1 :] for name in layer.packages)
    return [*(layer for layer in layers if layer in kept), Layer(REST, tuple(joined))]
