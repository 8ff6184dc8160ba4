"""Makes the root of a variant from a lock that says how it is arranged; no recipe is needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from herdbook.actions.foundation import foundation_of
from herdbook.actions.keep_layers import keep_packages
from herdbook.actions.make_roots import RootMaker, Step, control_of
from herdbook.actions.workshop import Workshop
from herdbook.builds.arrangement import Arrangement, packages_of
from herdbook.builds.lock import Lock
from herdbook.catalogue.model import Variant
from herdbook.images.documents import LayerReference
from herdbook.packages.suites import NO_SUITE, suite_named


@dataclass(frozen=True)
class LaidRoot:
    """A root with who made it and in which steps, and all layers it stacks up from."""

    maker: RootMaker
    steps: Sequence[Step]
    layers: tuple[LayerReference, ...]


def lay_root(
    workshop: Workshop, lock: Lock, arrangement: Arrangement, variant: Variant, folder: Path
) -> LaidRoot:
    """Return a variant's root, made as far as it is not there; `folder` is where a base may lie."""
    packages = packages_of(lock, variant)
    workshop.archive.fetch(packages, workshop.progress)
    controls = {package.name: control_of(workshop, package) for package in packages}
    foundation = foundation_of(workshop, lock, variant, folder)
    suite = suite_named(lock.suite) if lock.suite else NO_SUITE
    maker = RootMaker(workshop, suite, controls, foundation)
    steps = maker.whole(arrangement.steps[variant])
    never = Event()
    kept = [keep_packages(workshop, group, never) for group in arrangement.groups[variant]]
    configured = maker.configured(steps, kept) if steps else ()
    return LaidRoot(maker, steps, (*foundation.layers, *kept, *configured))
