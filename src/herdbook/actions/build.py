"""Builds versions: from recipes and locks to layers, proven to be the roots, and documents."""

import os
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from threading import Event

from herdbook.actions.foundation import Foundation, foundation_of
from herdbook.actions.inputs import Inputs
from herdbook.actions.keep_layers import keep_packages
from herdbook.actions.keep_patches import refuse_to_take_back
from herdbook.actions.make_application import Application, make_application, make_machine
from herdbook.actions.make_bills import Declared, make_bills
from herdbook.actions.make_roots import RootMaker, control_of
from herdbook.actions.prepare import prepare
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.builds.arrangement import Group, packages_of, with_arrangement
from herdbook.builds.chains import apart
from herdbook.builds.lock import Lock, render
from herdbook.catalogue.components import LayerBill
from herdbook.catalogue.model import Cause, NewVersion, Variant, VariantRecord, Version
from herdbook.catalogue.stamps import Stamp
from herdbook.core.digests import Digest
from herdbook.core.errors import HerdbookError
from herdbook.core.progress import ProgressAbout
from herdbook.images import documents
from herdbook.images.documents import Document, LayerReference
from herdbook.packages.model import LockedPackage
from herdbook.packages.suites import NO_SUITE, suite_named
from herdbook.people.acts import Act
from herdbook.recipes.reading import RecipeFile


@dataclass(frozen=True)
class BuildResult:
    """A version, whether anything had to be done for it, and the seconds each variant took.

    What variants share counts for the first one.
    """

    version: Version
    unchanged: bool
    seconds: dict[Variant, float] = field(default_factory=dict)


@dataclass(frozen=True)
class FailedBuild:
    """A recipe that could not be built, and why; the others are built all the same."""

    recipe_file: RecipeFile
    error: HerdbookError


def build(workshop: Workshop, recipe_file: RecipeFile, *, frozen: bool = False) -> BuildResult:
    """Build a recipe's variants, or find that nothing has changed since they were built.

    With `frozen`, lock and layer plan must be there and must fit. Raises whatever its steps raise;
    until the last one, nothing is visible in the catalogue.
    """
    require_role(workshop, Act.BUILD, recipe_file.recipe.image)
    workshop.keys.require()
    (inputs,) = prepare(workshop, [recipe_file], frozen=frozen)
    return build_prepared(workshop, inputs)


def build_all(
    workshop: Workshop, recipe_files: Sequence[RecipeFile], *, frozen: bool = False
) -> Iterator[BuildResult | FailedBuild]:
    """Build recipes side by side, as many as the machine has cores, and yield each as it ends.

    What several of them hold is made once. A recipe made from an image of another one here waits
    for it.
    """
    require_role(workshop, Act.BUILD, *(each.recipe.image for each in recipe_files))
    workshop.keys.require()
    for wave in _waves(recipe_files):
        inputs, failed = _prepared(workshop, wave, frozen=frozen)
        yield from failed
        yield from _side_by_side(workshop, inputs)


def _side_by_side(
    workshop: Workshop, inputs: Sequence[Inputs]
) -> Iterator[BuildResult | FailedBuild]:
    by_image = {each.recipe_file.recipe.image: each for each in inputs}
    order = apart({image: _way(each) for image, each in by_image.items()})
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        under_way = {
            pool.submit(build_prepared, _about(workshop, each.recipe_file), each): each
            for each in map(by_image.__getitem__, order)
        }
        try:
            for future in as_completed(under_way):
                try:
                    yield future.result()
                except HerdbookError as error:
                    yield FailedBuild(under_way[future].recipe_file, error)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            workshop.give_up()  # else the pool would wait until all packages are installed
            raise


def _way(inputs: Inputs) -> list[Hashable]:
    """Return what a build's root stands on, the lowest first."""
    steps = next(iter(inputs.arrangement.steps.values()), ())
    return [inputs.lock.suite or inputs.lock.base, *steps]


def _about(workshop: Workshop, recipe_file: RecipeFile) -> Workshop:
    progress = ProgressAbout(workshop.progress, recipe_file.recipe.image)
    return replace(workshop, progress=progress)


def _prepared(
    workshop: Workshop, recipe_files: Sequence[RecipeFile], *, frozen: bool
) -> tuple[list[Inputs], list[FailedBuild]]:
    """Lock and plan recipes together, or where one of them cannot be, each by itself."""
    with suppress(HerdbookError):
        return prepare(workshop, recipe_files, frozen=frozen), []
    ready: list[Inputs] = []
    failed: list[FailedBuild] = []
    for each in recipe_files:
        try:
            ready += prepare(workshop, [each], frozen=frozen)
        except HerdbookError as error:
            failed.append(FailedBuild(each, error))
    return ready, failed


def _waves(recipe_files: Sequence[RecipeFile]) -> Iterator[list[RecipeFile]]:
    """Yield the recipes in groups, none of which needs an image of its own or of a later one."""
    left = list(recipe_files)
    while left:
        coming = {each.recipe.image for each in left}
        wave = [each for each in left if each.recipe.parent_image not in coming] or left
        yield wave
        begun = {each.recipe.image for each in wave}
        left = [each for each in left if each.recipe.image not in begun]


def build_prepared(workshop: Workshop, inputs: Inputs) -> BuildResult:
    """Build what is locked and arranged, or find that the image's newest version is just that.

    Raises ConflictError where that would take back what a campaign has patched.
    """
    image, home = inputs.recipe_file.recipe.image, inputs.recipe_file.home
    parent = inputs.lock.parent
    with ExitStack() as leases:
        leases.enter_context(workshop.layers.lease(image))
        if parent:
            leases.enter_context(workshop.layers.lease(f"{parent.image}:{parent.number}"))
        newest = workshop.versions.find(image)
        if newest is not None and newest.build_key == inputs.key and _is_kept(workshop, newest):
            result = BuildResult(newest, unchanged=True)
            if not workshop.bundles.is_home(newest.home):  # there it is as it was approved
                workshop.versions.move_home(newest, home)
        else:
            if newest is not None:
                where = str(inputs.recipe_file.path)
                refuse_to_take_back(workshop, newest, inputs.lock, where)
            result = build_inputs(workshop, inputs, after=newest.number if newest else 0)
        version = result.version
        layers = {layer.digest for each in version.variants for layer in each.layers}
        needed = tuple(sorted(layers))
        stamp = Stamp(image, version.number, version.digest, inputs.key, needed, home)
        workshop.stamps.keep(stamp)
    return result


def _is_kept(workshop: Workshop, version: Version) -> bool:
    """Tell whether every layer of a version is there, with its bill: building makes what lacks."""
    layers = {layer.digest for each in version.variants for layer in each.layers}
    return all(map(workshop.layers.has, layers)) and workshop.components.known(layers) >= layers


def build_inputs(
    workshop: Workshop,
    inputs: Inputs,
    cause: Cause | None = None,
    *,
    after: int | None = None,
) -> BuildResult:
    """Build what is locked and arranged already, whatever was built before.

    `cause` says what made that necessary, where it was not its author. Raises ConflictError where
    the image's newest version is not, or not any more, the one it is to come `after`.
    """
    new, seconds = Making(workshop, inputs).version(cause)
    version = workshop.versions.add(new, after=after)
    workshop.advisories.match_new()
    return BuildResult(version, unchanged=False, seconds=seconds)


@dataclass(frozen=True)
class Making:
    """One build under way."""

    workshop: Workshop
    inputs: Inputs
    packages: dict[Digest, Sequence[LockedPackage]] = field(default_factory=dict)

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
        times = [index.date for index in self.lock.indexes]
        below = (self.foundation(variant).created for variant in self.wanted)
        return max([*times, *filter(None, below)])

    def foundation(self, variant: Variant) -> Foundation:
        """Return what a variant stands on."""
        return foundation_of(self.workshop, self.lock, variant, self.recipe_file.folder)

    def bills(self, variants: Sequence[VariantRecord]) -> tuple[LayerBill, ...]:
        """Return the bills of layers that have none yet, once the variants are made."""
        declared = Declared(self.lock, self.packages)
        with self.workshop.progress.task("Listing components"):
            found = (make_bills(self.workshop, each.layers, declared) for each in variants)
            return tuple({bill.layer: bill for bills in found for bill in bills}.values())

    def version(
        self, cause: Cause | None = None, reason: str = ""
    ) -> tuple[NewVersion, dict[Variant, float]]:
        """Make all of it; return the version, not kept yet, and the seconds each variant took."""
        variants, rendered, seconds = self.variants()
        index = index_of(variants, rendered)
        recipe_file, parent = self.recipe_file, self.lock.parent
        new = NewVersion(
            image=recipe_file.recipe.image,
            digest=index.digest,
            build_key=self.inputs.key,
            lock=render(with_arrangement(self.lock, self.inputs.arrangement)),
            recipe=recipe_file.written,
            created_at=self.workshop.clock.now(),
            variants=tuple(variants),
            documents=(index, *rendered),
            parent=(parent.image, parent.number) if parent else None,
            bills=self.bills(variants),
            wishes=self.inputs.wishes,
            home=recipe_file.home,
            may_rebase=recipe_file.recipe.rebase == "automatic",
            cause=cause,
            reason=reason,
        )
        return new, seconds

    def variants(self) -> tuple[list[VariantRecord], list[Document], dict[Variant, float]]:
        """Make every variant; package layers are written beside the installation of roots."""
        self.workshop.sandbox.require()
        held = {each for variant in self.wanted for each in packages_of(self.lock, variant)}
        everything = sorted(held, key=lambda package: package.name)
        self.workshop.archive.fetch(everything, self.workshop.progress)
        controls = {package.name: control_of(self.workshop, package) for package in everything}
        groups = self.inputs.arrangement.groups
        records, rendered, seconds = [], [], {}
        before = self.workshop.clock.monotonic_seconds()
        pool = ThreadPoolExecutor(os.cpu_count())
        over = Event()
        try:
            kept = {
                group: pool.submit(keep_packages, self.workshop, group, over)
                for group in dict.fromkeys(each for found in groups.values() for each in found)
            }
            suite = suite_named(self.lock.suite) if self.lock.suite else NO_SUITE
            application: Application | None = None
            for variant in self.wanted:
                maker = RootMaker(self.workshop, suite, controls, self.foundation(variant))
                record, made, application = self._variant(variant, kept, maker, application)
                records.append(record)
                rendered += made
                now = self.workshop.clock.monotonic_seconds()
                seconds[variant], before = now - before, now
        finally:
            over.set()
            pool.shutdown(cancel_futures=True)
        return records, rendered, seconds

    def _variant(
        self,
        variant: Variant,
        kept: dict[Group, Future[LayerReference]],
        maker: RootMaker,
        before: Application | None,
    ) -> tuple[VariantRecord, list[Document], Application]:
        arrangement = self.inputs.arrangement
        steps = maker.whole(arrangement.steps[variant])
        if steps:
            maker.prepare(steps)
        groups = arrangement.groups[variant]
        packages = [kept[group].result() for group in groups]
        for layer, group in zip(packages, groups, strict=True):
            self.packages[layer.digest] = group.packages
        configured = maker.configured(steps, packages) if steps else ()
        root = [*maker.foundation.layers, *packages, *configured]
        application = make_application(self.workshop, self.inputs, maker, steps, root, before)
        layers = [*root, *application.layers]
        brings_its_unit = maker.foundation.is_machine and not application.process.command
        if variant is Variant.VM and not brings_its_unit:
            layers.append(make_machine(self.workshop, application, maker.suite.epoch))
        common = len(root) + application.common
        record, made = self._documents(variant, layers, application, common)
        return record, made, application

    def _documents(
        self,
        variant: Variant,
        layers: Sequence[LayerReference],
        application: Application,
        common: int,
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
            documents.CREATED_ANNOTATION: documents.timestamp(self.created),
        }
        manifest = documents.manifest(config, layers, annotations)
        record = VariantRecord(variant, manifest.digest, config.digest, tuple(layers), common)
        return record, [config, manifest]


def index_of(variants: Sequence[VariantRecord], rendered: Sequence[Document]) -> Document:
    """Return the index of a version of these variants, whose documents were rendered."""
    by_digest = {document.digest: document for document in rendered}
    return documents.index(
        [
            (by_digest[variant.manifest], {"io.herdbook.variant": variant.kind.value})
            for variant in variants
        ]
    )
