"""Plans the layers of a catalogue: once for all its recipes, adding to what was planned before."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from os import cpu_count
from pathlib import Path

from herdbook.actions.inputs import present_lock
from herdbook.actions.lock import lock_missing
from herdbook.actions.make_roots import control_of
from herdbook.actions.workshop import Workshop
from herdbook.builds.arrangement import Part, parts_of
from herdbook.builds.chains import with_root
from herdbook.builds.layer_plan import (
    PLAN_NAME,
    LayerEntry,
    LayerPlan,
    SuitePlan,
    changing_plan,
    write_plan,
)
from herdbook.builds.lock import Lock
from herdbook.builds.plan_report import PlanReport, report
from herdbook.layers.covering import Layer, cover
from herdbook.layers.planning import ALWAYS_APART, Candidate, plan_layers
from herdbook.packages.history import updates_a_year
from herdbook.packages.model import LockedPackage
from herdbook.packages.ordering import essential_names
from herdbook.packages.suites import Suite, suite_named
from herdbook.recipes.catalogue import (
    CATALOGUE_NAME,
    CatalogueFolder,
    catalogue_of,
    read_catalogue,
    recipes_in,
)
from herdbook.recipes.catalogue_file import LayerWishes
from herdbook.recipes.reading import RecipeFile


@dataclass(frozen=True)
class Holder:
    """A recipe with its lock: what a catalogue's plan is made for."""

    recipe_file: RecipeFile
    lock: Lock

    @property
    def members(self) -> dict[str, Part]:
        """The parts that a plan covers one by one, by a name that tells them apart."""
        recipe = self.recipe_file.recipe
        return {
            f"{recipe.image} {part.name}": part for part in parts_of(self.lock, recipe.variants)
        }


def holders_in(catalogue: CatalogueFolder) -> list[Holder]:
    """Return the recipes of a catalogue that have a lock which fits."""
    locks = [(each, present_lock(each)) for each in catalogue.every()]
    return [Holder(recipe, lock) for recipe, lock in locks if lock is not None]


@dataclass(frozen=True)
class PlannedCatalogue:
    """A catalogue's plan: where it is kept, and what it comes to for each suite."""

    path: Path
    reports: dict[str, PlanReport]


def plan_catalogue(workshop: Workshop, path: Path, *, keep: bool) -> PlannedCatalogue:
    """Plan the layers of a catalogue's recipes, or of one recipe's; locks are made where missing.

    Without `keep`, nothing is written but those locks.
    """
    recipe_files = recipes_in([path])
    lock_missing(workshop, recipe_files, frozen=False)
    named = path.name == CATALOGUE_NAME
    catalogue = read_catalogue(path) if named else catalogue_of(path)
    holders = holders_in(catalogue)
    plan = extend_plan(workshop, catalogue, holders, keep=keep)
    suites = sorted({holder.lock.suite for holder in holders} - {""})
    reports = {}
    for suite in suites:
        members: dict[str, Part] = {}
        for holder in holders:
            if holder.lock.suite == suite:
                members |= holder.members
        reports[suite] = report(plan.of(suite), members)
    return PlannedCatalogue(catalogue.folder / PLAN_NAME, reports)


def extend_plan(
    workshop: Workshop,
    catalogue: CatalogueFolder,
    holders: Sequence[Holder],
    *,
    keep: bool = True,
) -> LayerPlan:
    """Return the catalogue's plan with all these recipes in it, and keep it where it has grown.

    What is hot is read from the changelogs of the packages that are new to the plan.
    """
    with (
        workshop.layers.lease(str(catalogue.folder)),  # the packages that are read may be old
        changing_plan(catalogue.folder) as before,
    ):
        suites = dict(before.suites)
        by_suite: dict[str, list[Holder]] = defaultdict(list)
        for holder in holders:
            if holder.lock.suite:  # on what is no Debian there are no packages to plan
                by_suite[holder.lock.suite].append(holder)
        for name, held in by_suite.items():
            suites[name] = _extended(
                workshop, suite_named(name), before.of(name), held, catalogue.wishes
            )
        plan = LayerPlan(suites=dict(sorted(suites.items())))
        if keep and plan != before:
            write_plan(catalogue.folder, plan)
    return plan


def _extended(
    workshop: Workshop,
    suite: Suite,
    plan: SuitePlan,
    holders: Sequence[Holder],
    wishes: LayerWishes,
) -> SuitePlan:
    members = {name: part for holder in holders for name, part in holder.members.items()}
    packages = {each.name: each for part in members.values() for each in part.packages}
    names = {name: {each.name for each in part.packages} for name, part in members.items()}
    known = [entry.layer for entry in plan.layers]
    new = [packages[name] for name in sorted(_uncovered(known, names.values()))]
    own = [holder.lock for holder in holders if holder.lock.from_nothing]
    bare = plan.roots[0].adds if plan.roots else _bare(workshop, suite, own)
    roots = plan.roots
    for lock in sorted(own, key=lambda lock: len(lock.packages)):
        roots = with_root(roots, [package.name for package in lock.packages], bare)
    if not new:
        return SuitePlan(layers=plan.layers, roots=roots)
    workshop.archive.fetch(new, workshop.progress)
    until = max(index.date for holder in holders for index in holder.lock.indexes)
    rates = _rates(workshop, suite, new, until) | _wished(wishes)
    candidates = {
        each.name: Candidate(each.name, each.source, each.size, rates[each.source]) for each in new
    }
    most = {name: part.most_layers for name, part in members.items()}
    everyone = {f"debian:{suite.name}": set(bare), **names}
    added = plan_layers(everyone, candidates, known, most)
    entries = (
        LayerEntry(
            name=layer.name,
            packages=layer.packages,
            updates_a_year=None if layer.apart else round(layer.rate, 2),
        )
        for layer in added
    )
    return SuitePlan(layers=(*plan.layers, *entries), roots=roots)


def _wished(wishes: LayerWishes) -> dict[str, float]:
    return dict.fromkeys(wishes.hot, ALWAYS_APART) | dict.fromkeys(wishes.cold, 0.0)


def _uncovered(known: Sequence[Layer], members: Iterable[Collection[str]]) -> set[str]:
    uncovered: set[str] = set()
    for names in members:
        uncovered |= cover(known, names).uncovered
    return uncovered


def _bare(workshop: Workshop, suite: Suite, locks: Sequence[Lock]) -> Collection[str]:
    """Return what every image of a suite holds: the essential packages and all they need."""
    if not locks:
        return ()
    workshop.archive.fetch(locks[0].packages, workshop.progress)
    controls = [control_of(workshop, package) for package in locks[0].packages]
    names = essential_names(controls, suite.base)
    return names.intersection(*({each.name for each in lock.packages} for lock in locks))


def _rates(
    workshop: Workshop, suite: Suite, packages: Iterable[LockedPackage], until: datetime
) -> dict[str, float]:
    """Return each source's updates a year; the smallest package of a source is read first."""
    sources: dict[str, list[LockedPackage]] = defaultdict(list)
    for package in sorted(packages, key=lambda each: each.size):
        sources[package.source].append(package)

    def rate(source: str) -> float:
        debs = [workshop.archive.kept(package) for package in sources[source]]
        found = updates_a_year(debs, suite, until) or 0.0
        task.advance()
        return found

    title = f"Reading the update history of {suite.name}"
    with (
        workshop.progress.task(title, len(sources), "sources") as task,
        ThreadPoolExecutor(cpu_count()) as pool,
    ):
        return dict(zip(sources, pool.map(rate, sources), strict=True))
