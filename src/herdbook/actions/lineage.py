"""A version and those it was made from, with locks and recipes, and since when one has what."""

from collections.abc import Callable
from dataclasses import dataclass

from herdbook.actions.read_recipe_of import read_recipe_of
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock
from herdbook.catalogue.components import Component, Ecosystem, Origin
from herdbook.catalogue.model import Version
from herdbook.core.errors import InvalidInputError
from herdbook.recipes.model import Recipe


@dataclass(frozen=True)
class Generation:
    """A version with what it was built from; `recipe` is None where it cannot be read any more."""

    version: Version
    lock: Lock
    recipe: Recipe | None


@dataclass(frozen=True)
class Lineage:
    """A version, and the ones it stands on, the nearest first."""

    generations: tuple[Generation, ...]

    @property
    def rest(self) -> str:
        """What lies below the last generation: a base, or a version that is not here any more."""
        lock = self.generations[-1].lock
        if lock.base:
            return f"oci:{lock.base.reference}"
        return f"{lock.parent.image}:{lock.parent.number}" if lock.parent else ""


@dataclass(frozen=True)
class Inherited:
    """What a component came with: an image below.

    `first` is the first version of that image which had it, in whatever version of its own; it is
    empty where nobody can tell. `certain` is False where an earlier one has layers not scanned.
    """

    label: str
    first: str = ""
    certain: bool = True


def lineage_of(workshop: Workshop, version: Version) -> Lineage:
    """Return a version and its ancestors, as far down as they are here."""
    generations: list[Generation] = []
    found: Version | None = version
    while found is not None:
        lock = _lock(found)
        generations.append(Generation(found, lock, read_recipe_of(workshop, found)))
        parent = lock.parent
        found = workshop.versions.find(parent.image, parent.number) if parent else None
        if found is not None and parent is not None and found.digest != parent.digest:
            break
    return Lineage(tuple(generations))


def inherited(
    workshop: Workshop, lineage: Lineage, ecosystem: Ecosystem, name: str
) -> tuple[Inherited, ...]:
    """Return those ancestors that hold a component of this name, the nearest first.

    The version itself must hold it.
    """

    def is_it(component: Component) -> bool:
        return (component.ecosystem, component.name) == (ecosystem, name)

    found = []
    nearer: set[str] = set()
    for each in lineage.generations:
        if each is not lineage.generations[0]:
            held = _holds(workshop, each.version, is_it)
            if held:
                found.append(_since(workshop, each.version, is_it))
            elif held is None and ecosystem is Ecosystem.DEBIAN and name not in nearer:
                # What no build above has installed was there before.
                found.append(Inherited(each.version.label, certain=False))
        nearer.update(package.name for package in (*each.lock.packages, *each.lock.machine))
    return tuple(found)


def _since(workshop: Workshop, version: Version, is_it: Callable[[Component], bool]) -> Inherited:
    certain = True
    for number in range(1, version.number):
        earlier = workshop.versions.find(version.image, number)
        if earlier is None:
            continue
        held = _holds(workshop, earlier, is_it)
        if held:
            return Inherited(version.label, earlier.label, certain)
        certain = certain and held is not None
    return Inherited(version.label, version.label, certain)


def _holds(workshop: Workshop, version: Version, is_it: Callable[[Component], bool]) -> bool | None:
    """Tell whether a version holds it; None where layers that were not scanned might."""
    layers = {layer.digest for variant in version.variants for layer in variant.layers}
    bills = workshop.components.bills(layers)
    if any(is_it(component) for bill in bills for component in bill.components):
        return True
    return None if any(bill.origin is Origin.NOT_SCANNED for bill in bills) else False


def _lock(version: Version) -> Lock:
    try:
        return Lock.model_validate_json(version.lock)
    except ValueError as error:
        raise InvalidInputError(f"The lock of {version.label} is of another form") from error
