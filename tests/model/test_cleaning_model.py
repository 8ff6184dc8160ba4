"""Cleaning beside builds, in any order of their steps, never takes what one of them needs."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from stores import open_store
from versions import digest

from herdbook.actions.clean_store import begin, plan, remove
from herdbook.actions.forget import forget
from herdbook.core.errors import ConflictError
from herdbook.images.documents import LayerReference

TICK_SECONDS = 0.005
"""More than the steps in which a file system counts time: what comes after is seen to."""

NAMES = ["a", "b", "c", "d"]
IMAGES = ["shop/db", "shop/web"]
AT_ONCE = 2
OVER = object()
images = some.sampled_from(IMAGES)
numbers = some.integers(0, AT_ONCE - 1)


@dataclass
class Build:
    """A build under way: its lease, and the layers it has so far."""

    image: str
    seed: int
    lease: ExitStack
    layers: list[LayerReference] = field(default_factory=list)


class CleaningMachine(RuleBasedStateMachine):
    """Builds and cleaners in steps, as if each were a process of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.state = Path(tempfile.mkdtemp())
        self.store = open_store(self.state)
        self.seeds = 0
        self.builds: list[Build] = []
        self.cleaners: list[Iterator[object]] = []

    def teardown(self) -> None:
        for build in self.builds:
            build.lease.close()
        shutil.rmtree(self.state)

    @precondition(lambda self: len(self.builds) < AT_ONCE)
    @rule(image=images)
    def build_begins(self, image: str) -> None:
        time.sleep(TICK_SECONDS)
        lease = ExitStack()
        lease.enter_context(self.store.workshop.layers.lease(image))
        self.seeds += 1
        self.builds.append(Build(image, self.seeds, lease))

    @precondition(lambda self: self.builds)
    @rule(number=numbers, names=some.sets(some.sampled_from(NAMES), min_size=2))
    def build_takes_layers(self, number: int, names: set[str]) -> None:
        """Take what an earlier build made of the same, or make it."""
        time.sleep(TICK_SECONDS)
        for name in sorted(names):
            known = self.store.workshop.cache.recall(digest(name))
            if known is None:
                known = (self.store.keep(name),)
                self.store.workshop.cache.remember(digest(name), known)
            self.builds[number % len(self.builds)].layers += known

    @precondition(lambda self: self.builds)
    @rule(number=numbers)
    def build_takes_what_another_image_holds(self, number: int) -> None:
        """As an image made from another one does; what is gone is told, not lost."""
        newest = self.store.workshop.versions.find(IMAGES[0])
        held = newest.variants[0].layers if newest else ()
        if all(self.store.workshop.layers.has(layer.digest) for layer in held):
            self.builds[number % len(self.builds)].layers += held

    @precondition(lambda self: self.builds)
    @rule(number=numbers, well=some.sampled_from([False, False, True]))
    def build_ends_or_is_killed(self, number: int, *, well: bool) -> None:
        build = self.builds.pop(number % len(self.builds))
        if well and build.layers:
            self.store.add(build.image, str(build.seed), *build.layers)
        build.lease.close()

    @precondition(lambda self: len(self.cleaners) < AT_ONCE)
    @rule(keep=some.sampled_from([None, 1, 2]))
    def cleaner_begins(self, keep: int | None) -> None:
        time.sleep(TICK_SECONDS)
        before, _ = begin(self.store.workshop, self.store.stock, keep)
        self.cleaners.append(self.cleaning(before))

    @precondition(lambda self: self.cleaners)
    @rule(number=numbers, steps=some.integers(1, 5))
    def cleaner_goes_on(self, number: int, steps: int) -> None:
        cleaner = self.cleaners[number % len(self.cleaners)]
        if OVER in [next(cleaner, OVER) for _ in range(steps)]:
            self.cleaners.remove(cleaner)

    @precondition(lambda self: self.cleaners)
    @rule(number=numbers)
    def cleaner_is_killed(self, number: int) -> None:
        self.cleaners.pop(number % len(self.cleaners))

    def cleaning(self, before: int) -> Iterator[object]:
        """Clean as the program does, a step at a time."""
        workshop, stock = self.store.workshop, self.store.stock
        versions = workshop.versions.every()
        yield self
        removals = plan(workshop, stock, versions, before)
        yield self
        for removal in removals:
            remove(stock, removal, removal.things[:1])
        yield self
        for removal in removals:
            remove(stock, removal, removal.things[1:])
        yield self
        workshop.cache.forget_lost()

    @rule(image=images)
    def newest_is_forgotten(self, image: str) -> None:
        newest = self.store.workshop.versions.find(image)
        if newest is None:
            return
        busy = image in {build.image for build in self.builds}
        try:
            forget(self.store.workshop, self.store.stock, [newest])
        except ConflictError:
            assert busy
        else:
            assert not busy

    @invariant()
    def every_version_has_its_layers(self) -> None:
        for version in self.store.workshop.versions.every():
            self.assert_kept(version.variants[0].layers)

    @invariant()
    def every_build_has_its_layers(self) -> None:
        for build in self.builds:
            self.assert_kept(build.layers)

    def assert_kept(self, layers: "list[LayerReference] | tuple[LayerReference, ...]") -> None:
        for layer in layers:  # looked at without being used, which would protect them
            assert self.store.blob(layer.digest).exists()
            assert self.store.stock.tree(layer.digest) is not None


TestCleaning = CleaningMachine.TestCase
TestCleaning.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
