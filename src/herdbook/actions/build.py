"""Builds a version: from a recipe and its lock to layers, proven to be the root, and documents."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from threading import Event

from herdbook.actions.inputs import Inputs, read_inputs, with_lock
from herdbook.actions.keep_layers import keep_packages
from herdbook.actions.lock import lock_for_build, suite_named_in
from herdbook.actions.make_application import Application, make_application, make_machine
from herdbook.actions.make_roots import RootMaker, Step, control_of
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock, render
from herdbook.catalogue.model import NewVersion, Variant, VariantRecord, Version
from herdbook.catalogue.stamps import Stamp
from herdbook.images import documents
from herdbook.images.documents import Document, LayerReference
from herdbook.layers.grouping import Group, groups
from herdbook.recipes.reading import RecipeFile

_PACKAGE_WORKERS = 2


@dataclass(frozen=True)
class BuildResult:
    """A version, whether anything had to be done for it, and the seconds each variant took.

    What variants share counts for the first one.
    """

    version: Version
    unchanged: bool
    seconds: dict[Variant, float] = field(default_factory=dict)


def build(workshop: Workshop, recipe_file: RecipeFile, *, frozen: bool = False) -> BuildResult:
    """Build a recipe's variants, or find that nothing has changed since they were built.

    With `frozen`, the lock must be there and must fit. Raises whatever its steps raise; until the
    last one, nothing is visible in the catalogue.
    """
    suite_named_in(recipe_file)
    inputs = read_inputs(recipe_file) or with_lock(
        recipe_file, lock_for_build(workshop, recipe_file, frozen=frozen)
    )
    newest = workshop.versions.find(recipe_file.recipe.image)
    if newest is not None and newest.build_key == inputs.key and _is_kept(workshop, newest):
        result = BuildResult(newest, unchanged=True)
    else:
        result = _make(workshop, inputs)
    version = result.version
    layers = tuple(sorted({layer.digest for each in version.variants for layer in each.layers}))
    stamp = Stamp(version.image, version.number, version.digest, inputs.key, layers)
    workshop.stamps.keep(stamp)
    return result


def _is_kept(workshop: Workshop, version: Version) -> bool:
    """Tell whether every layer of a version is still there: if not, building makes it again."""
    return all(
        workshop.layers.has(layer.digest) for each in version.variants for layer in each.layers
    )


def _make(workshop: Workshop, inputs: Inputs) -> BuildResult:
    variants, rendered, seconds = _Making(workshop, inputs).variants()
    index = _index(variants, rendered)
    recipe_file = inputs.recipe_file
    version = workshop.versions.add(
        NewVersion(
            image=recipe_file.recipe.image,
            digest=index.digest,
            build_key=inputs.key,
            lock=render(inputs.lock),
            recipe=recipe_file.text,
            created_at=workshop.clock.now(),
            variants=tuple(variants),
            documents=(index, *rendered),
        )
    )
    return BuildResult(version, unchanged=False, seconds=seconds)


@dataclass(frozen=True)
class _Making:
    """One build under way."""

    workshop: Workshop
    inputs: Inputs

    @property
    def recipe_file(self) -> RecipeFile:
        """The recipe with its place."""
        return self.inputs.recipe_file

    @property
    def lock(self) -> Lock:
        """The recipe's lock."""
        return self.inputs.lock

    @cached_property
    def wanted(self) -> list[Variant]:
        """The variants, the container first: a VM's root is made on top of its root."""
        return sorted(self.recipe_file.recipe.variants, key=list(Variant).index)

    @cached_property
    def created(self) -> datetime:
        """The time the documents carry: that of the newest index, the same in every build."""
        return max(index.date for index in self.lock.indexes)

    def steps(self, variant: Variant) -> list[Step]:
        """Return the sets of packages a variant's root is made of, one on top of the other."""
        packages: list[Step] = [self.lock.packages]
        return [*packages, self.lock.machine] if variant is Variant.VM else packages

    def variants(self) -> tuple[list[VariantRecord], list[Document], dict[Variant, float]]:
        """Make every variant; package layers are written beside the installation of roots."""
        self.workshop.sandbox.require()
        everything = [package for step in self.steps(self.wanted[-1]) for package in step]
        self.workshop.archive.fetch(everything, self.workshop.progress)
        controls = {package.name: control_of(self.workshop, package) for package in everything}
        grouped = groups(everything, self._memberships())
        records, rendered, seconds = [], [], {}
        before = self.workshop.clock.monotonic_seconds()
        pool = ThreadPoolExecutor(_PACKAGE_WORKERS)
        over = Event()
        try:
            kept = {
                group: pool.submit(keep_packages, self.workshop, group, over) for group in grouped
            }
            maker = RootMaker(self.workshop, suite_named_in(self.recipe_file), controls)
            application: Application | None = None
            for variant in self.wanted:
                record, made, application = self._variant(variant, kept, maker, application)
                records.append(record)
                rendered += made
                now = self.workshop.clock.monotonic_seconds()
                seconds[variant], before = now - before, now
        finally:
            over.set()
            pool.shutdown(cancel_futures=True)
        return records, rendered, seconds

    def _memberships(self) -> dict[str, frozenset[str]]:
        """Return which of the wanted variants hold each package."""
        holders: dict[str, set[str]] = {}
        for variant in self.wanted:
            for step in self.steps(variant):
                for package in step:
                    holders.setdefault(package.name, set()).add(variant.value)
        return {name: frozenset(found) for name, found in holders.items()}

    def _variant(
        self,
        variant: Variant,
        kept: dict[Group, Future[LayerReference]],
        maker: RootMaker,
        before: Application | None,
    ) -> tuple[VariantRecord, list[Document], Application]:
        steps = self.steps(variant)
        maker.prepare(steps)
        names = {package.name for step in steps for package in step}
        packages = [
            future.result()
            for group, future in kept.items()
            if names.issuperset(package.name for package in group.packages)
        ]
        root = [*packages, *maker.configured(steps, packages)]
        application = make_application(self.workshop, self.inputs, maker, steps, root, before)
        layers = [*root, *application.layers]
        if variant is Variant.VM:
            layers.append(make_machine(self.workshop, self.recipe_file, application))
        record, made = self._documents(variant, layers, application)
        return record, made, application

    def _documents(
        self, variant: Variant, layers: Sequence[LayerReference], application: Application
    ) -> tuple[VariantRecord, list[Document]]:
        recipe = self.recipe_file.recipe
        if variant is Variant.CONTAINER:
            config = documents.container_config(
                application.process, layers, self.created, recipe.image
            )
        else:
            machine = recipe.vm
            config = documents.machine_config(
                application.process, machine.memory, machine.cpus, machine.disk or 0, self.created
            )
        annotations = {
            "org.opencontainers.image.title": recipe.image,
            "org.opencontainers.image.created": documents.timestamp(self.created),
        }
        manifest = documents.manifest(config, layers, annotations)
        record = VariantRecord(variant, manifest.digest, config.digest, tuple(layers))
        return record, [config, manifest]


def _index(variants: Sequence[VariantRecord], rendered: Sequence[Document]) -> Document:
    by_digest = {document.digest: document for document in rendered}
    return documents.index(
        [
            (by_digest[variant.manifest], {"io.herdbook.variant": variant.kind.value})
            for variant in variants
        ]
    )
