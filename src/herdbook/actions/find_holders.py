"""Finds who holds a component: the layers, versions, images and running instances."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from packageurl import PackageURL

from herdbook.actions.workshop import Workshop
from herdbook.catalogue.components import Component, Ecosystem
from herdbook.catalogue.holders import ComponentQuery, Holder
from herdbook.core.digests import Digest
from herdbook.core.errors import HerdbookError, InvalidInputError, NotFoundError
from herdbook.core.nearest import did_you_mean
from herdbook.trust.matching import version_of
from herdbook.trust.version_order import compare_versions

_LOOKED_AT = 5000


@dataclass(frozen=True)
class Wish:
    """What is asked for: a name or a package URL, and of which versions."""

    component: str = ""
    below: str = ""
    version: str = ""
    vulnerability: str = ""


@dataclass(frozen=True)
class HeldLayer:
    """A layer with those of the components that are asked for."""

    digest: Digest
    components: tuple[Component, ...]


class Affected(NamedTuple):
    """A version that holds what was asked for: through which layers, and where it runs."""

    holder: Holder
    running: tuple[str, ...] = ()


@dataclass(frozen=True)
class Search:
    """What was found: components, the layers that hold them, and the versions that have those.

    `versions` are looked up as they are gone through, the newest first: their images' newest and
    those that run, or all that are kept. `unseen` are the engines that could not be asked what
    they run; of `layers_not_scanned` nobody knows what they hold. Where a vulnerability is asked
    for, of the kinds of components in `no_data` nobody said whether they have it.
    """

    workshop: Workshop
    components: tuple[Component, ...]
    layers: Mapping[int, HeldLayer]
    every: bool = False
    running: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()
    layers_not_scanned: int = 0
    no_data: tuple[str, ...] = ()

    def versions(self) -> Iterator[Affected]:
        """Yield the versions; the first come before the last are known."""
        for holder in self.workshop.components.holders(self.layers, every=True):
            running = self.running.get(holder.label, ()) if self.running else ()
            if holder.newest or running or self.every:
                yield Affected(holder, running)


def search(workshop: Workshop, wish: Wish, *, every: bool = False) -> Search:
    """Find the components of a wish; raises NotFoundError, InvalidInputError."""
    found = _of_vulnerability(workshop, wish) if wish.vulnerability else _named(workshop, wish)
    layers: dict[int, list[Component]] = defaultdict(list)
    digests: dict[int, Digest] = {}
    for use in workshop.components.uses(found):
        layers[use.layer].append(found[use.component])
        digests[use.layer] = use.digest
    return Search(
        workshop,
        tuple(sorted(found.values(), key=lambda each: each.purl)),
        {layer: HeldLayer(digests[layer], tuple(held)) for layer, held in layers.items()},
        every,
        *running_instances(workshop),
        workshop.components.count_not_scanned(),
        _scopes_without_data(workshop) if wish.vulnerability else (),
    )


def _named(workshop: Workshop, wish: Wish) -> dict[int, Component]:
    query = query_of(wish.component, wish.version)
    everything = dict(workshop.components.matching(query))
    if not everything:
        raise unknown(workshop, query)
    return {
        number: component
        for number, component in everything.items()
        if not wish.below or _is_below(component, query.name, wish.below)
    }


def _of_vulnerability(workshop: Workshop, wish: Wish) -> dict[int, Component]:
    register = workshop.advisories
    if not register.advisories(wish.vulnerability):
        raise _no_advisory(workshop, wish.vulnerability)
    findings = register.components_with(wish.vulnerability)
    found = {
        number: finding.component
        for number, finding in findings.items()
        if not wish.below or _is_below(finding.component, finding.component.name, wish.below)
        if not wish.version or wish.version in _versions(finding.component)
    }
    if wish.component:
        query = query_of(wish.component, wish.version)
        named = dict(workshop.components.matching(query))
        if not named:
            raise unknown(workshop, query)
        found = {number: each for number, each in found.items() if number in named}
    return found


def _no_advisory(workshop: Workshop, name: str) -> NotFoundError:
    """Return the error for what nobody has spoken of: that it affects nothing would be a guess."""
    near = workshop.advisories.nearest_names(name)
    hint = f"Did you mean {near[0]!r}?" if near else "Import some: herdbook advisories import"
    return NotFoundError(f"No imported advisory speaks of {name!r}", hint=hint)


def _scopes_without_data(workshop: Workshop) -> tuple[str, ...]:
    known = workshop.advisories.knowledge().advisories
    held = workshop.advisories.held_scopes()
    return tuple(sorted(" ".join(filter(None, scope)) for scope in held if not known.get(scope)))


def query_of(text: str, version: str = "") -> ComponentQuery:
    """Return what a name or a package URL means; raises InvalidInputError for a wrong URL."""
    if not text.startswith("pkg:"):
        return ComponentQuery(text, version=version)
    try:
        purl = PackageURL.from_string(text)
        ecosystem = Ecosystem(purl.type)
    except ValueError as error:
        raise InvalidInputError(
            f"{text!r} is no package URL of a component: {error}",
            hint="Write for instance pkg:deb/debian/openssl, pkg:pypi/flask or pkg:npm/express.",
        ) from error
    scoped = ecosystem is Ecosystem.NODE and purl.namespace
    name = f"{purl.namespace}/{purl.name}" if scoped else purl.name
    return ComponentQuery(name, ecosystem, purl.version or version)


def _versions(component: Component) -> tuple[str, str]:
    return component.version, component.source_version


def _is_below(component: Component, name: str, limit: str) -> bool:
    """Tell whether a component is older; one that cannot be compared may well be."""
    own = component.version if name == component.name else version_of(component)
    order = compare_versions(component.ecosystem, own, limit)
    return order is None or order < 0


def unknown(workshop: Workshop, query: ComponentQuery) -> NotFoundError:
    """Return the error for a component that nobody holds, with the nearest that somebody does."""
    without_version = ComponentQuery(query.name, query.ecosystem)
    others = sorted({each.version for _, each in workshop.components.matching(without_version)})
    if query.version and others:
        shown = ", ".join(others[:5])
        return NotFoundError(
            f"No version has {query.name} {query.version}", hint=f"There is: {shown}."
        )
    known = workshop.components.names("", _LOOKED_AT)
    return NotFoundError(
        f"No version holds a component {query.name!r}",
        hint=did_you_mean(query.name, known, "Names are those of packages and of their sources."),
    )


def running_instances(workshop: Workshop) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    """Return the instances of each version, and the engines that could not be asked."""
    found: dict[str, tuple[str, ...]] = defaultdict(tuple)
    unseen = []
    for engine in workshop.engines.values():
        try:
            for seen in engine.observe():
                found[f"{seen.origin.image}:{seen.origin.number}"] += (seen.name,)
        except HerdbookError:
            unseen.append(engine.name)
    return dict(found), tuple(unseen)
