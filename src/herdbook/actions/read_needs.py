"""Reads out of an image what its packages need of each other, and which of them were asked for."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from herdbook.actions.foundation import Foundation
from herdbook.actions.keep_layers import kept_layers
from herdbook.actions.lineage import Generation, Lineage
from herdbook.actions.make_bills import FREE_TITLES
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock
from herdbook.builds.locked_node import LockedNodePackage
from herdbook.builds.machine_packages import machine_packages_of
from herdbook.builds.node_modules import PREFIX as NODE_PREFIX
from herdbook.builds.virtual_environment import PREFIX as PYTHON_PREFIX
from herdbook.catalogue.components import Ecosystem
from herdbook.catalogue.model import Variant, VariantRecord
from herdbook.catalogue.module_needs import (
    Distribution,
    NodeModule,
    distribution_of,
    extras_that_bring,
    marker_environment,
    node_needs,
    node_wishes_of,
    python_needs,
)
from herdbook.catalogue.reasons import Asked, asked_for, debian_needs, providers_of
from herdbook.catalogue.ways import Graph
from herdbook.layers.contents import KeptLayer, content_in
from herdbook.packages.control import Control
from herdbook.packages.suites import SUITES

_METADATA = re.compile(rf"{PYTHON_PREFIX}/lib/[^/]+/site-packages/[^/]+\.dist-info/METADATA")
_LEADING_NUMBERS = re.compile(r"(?:\d+:)?(\d+(?:\.\d+)*)")


@dataclass(frozen=True)
class Image:
    """One variant of a version, with where it comes from."""

    workshop: Workshop
    lineage: Lineage
    variant: VariantRecord

    def graph(self, ecosystem: Ecosystem) -> Graph | None:
        """Return the packages of an ecosystem; None where the image has none that were asked for.

        Raises NotFoundError where a layer is no longer in the store.
        """
        if ecosystem is Ecosystem.DEBIAN:
            return self._debian()
        return self._python() if ecosystem is Ecosystem.PYTHON else self._node()

    def _controls(self) -> list[Control]:
        foundation = Foundation(self.workshop, layers=self.variant.layers)
        return [*foundation.controls.values()]

    def _debian(self) -> Graph | None:
        controls = self._controls()
        if not controls:
            return None
        return Graph(
            tuple(debian_needs(controls)),
            self._asked(controls),
            {control.name: (control.name, control.version) for control in controls},
        )

    def _asked(self, controls: Iterable[Control]) -> Asked:
        providers = providers_of(controls)
        asked: dict[str, list[str]] = {}
        for name, why in (*self._wanted(), *self._found(controls)):
            for provider in providers.get(name, ())[:1]:
                asked.setdefault(provider, []).append(why)
        return asked

    def _wanted(self) -> Iterator[tuple[str, str]]:
        """Yield names of packages and why each is asked for, the recipes' own wishes first."""
        for each in self.lineage.generations:
            for name in each.recipe.packages if each.recipe else ():
                yield name, f"{each.version.label} asks for it"
        suite = SUITES.get(self.lineage.generations[-1].lock.suite)
        if suite is None:
            return
        if self.variant.kind is Variant.VM:
            for name in machine_packages_of(suite.name):
                yield name, "every VM needs it"
        if not self.lineage.rest:
            for name in suite.base:
                yield name, f"every image of {suite.name} has it"

    def _found(self, controls: Iterable[Control]) -> Iterator[tuple[str, str]]:
        """Yield what is there without a recipe's wish: essential packages, and all of a base."""
        below = self.lineage.rest
        ours = {name for each in self.lineage.generations for name in _locked(each.lock)}
        ours |= self._brought_by_steps() if below else set()
        for control in controls:
            if below and control.name not in ours:
                yield control.name, f"it is part of {below}"
            elif control.essential:
                yield control.name, "it is essential"

    def _brought_by_steps(self) -> set[str]:
        layers = [each.digest for each in self.variant.layers if each.title in FREE_TITLES]
        return {
            component.name
            for bill in self.workshop.components.bills(layers)
            for component in bill.components
            if component.ecosystem is Ecosystem.DEBIAN
        }

    def _python(self) -> Graph | None:
        layer = self._layer("python")
        if layer is None:
            return None
        found = [*_distributions(layer)]
        environment = marker_environment(self._python_version())
        needs = python_needs(found, environment)
        asker = self._asker("python")
        step = asker.recipe.python if asker and asker.recipe else None
        who = asker.version.label if asker else self.lineage.rest
        file = step.requirements if step else "its requirements"
        asked = {}
        for name in asked_for([each.name for each in found], needs):
            extras = extras_that_bring(name, found, environment)
            or_by = f", by name or as {' or '.join(extras)}" if extras else ""
            asked[name] = [f"{who} asks for it in {file}{or_by}"]
        return Graph(tuple(needs), asked, {each.name: (each.name, each.version) for each in found})

    def _python_version(self) -> str:
        versions = {control.name: control.version for control in self._controls()}
        match = _LEADING_NUMBERS.match(versions.get("python3", ""))
        asker = self._asker("python")
        locked = asker.lock.python if asker else None
        return match[1] if match else (locked.version if locked else "3")

    def _node(self) -> Graph | None:
        layer, asker = self._layer("node"), self._asker("node")
        locked = asker.lock.node if asker else None
        if layer is None or asker is None or locked is None:
            return None
        modules = [_node_module(layer, each) for each in locked.packages]
        needs = node_needs(modules)
        step = asker.recipe.node if asker.recipe else None
        why = f"{asker.version.label} asks for it by {step.lock if step else 'its package lock'}"
        paths = asked_for([each.path for each in modules], needs)
        return Graph(
            tuple(needs),
            {path: [why] for path in paths},
            {each.path: (each.name, each.version) for each in modules},
        )

    def _layer(self, title: str) -> KeptLayer | None:
        found = [layer for layer in self.variant.layers if layer.title == title][-1:]
        return kept_layers(self.workshop, found)[0] if found else None

    def _asker(self, part: str) -> Generation | None:
        generations = self.lineage.generations
        return next((each for each in generations if getattr(each.lock, part)), None)


def _locked(lock: Lock) -> Iterator[str]:
    yield from (package.name for package in (*lock.packages, *lock.machine))


def _distributions(layer: KeptLayer) -> Iterator[Distribution]:
    for path in layer.tree:
        if _METADATA.fullmatch(path):
            yield distribution_of(content_in([layer], path))


def _node_module(layer: KeptLayer, package: LockedNodePackage) -> NodeModule:
    file = f"{NODE_PREFIX}/{package.path}/package.json"
    wishes = node_wishes_of(content_in([layer], file)) if file in layer.tree else ()
    return NodeModule(package.path, package.name, package.version, wishes)
