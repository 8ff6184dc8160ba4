"""Forgets versions: takes them out of the register, unless somebody uses them right now."""

from collections.abc import Sequence

from herdbook.actions.released import released_labels
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.catalogue.needs import in_use, named_by_others
from herdbook.catalogue.stock import Stock
from herdbook.core.errors import ConflictError


def forget(workshop: Workshop, stock: Stock, versions: Sequence[Version]) -> None:
    """Forget versions, all or none; what only they needed stays until the store is cleaned.

    Raises ConflictError where an instance or work under way needs one of them.
    """
    with stock.alone() as leases:
        known = workshop.versions.every()
        used = in_use(known, leases, running_labels(workshop))
        used |= dict.fromkeys(named_by_others(known, versions), "another image is made from it")
        for version in versions:
            if version.label in used:
                raise ConflictError(
                    f"{version.label} cannot be forgotten: {used[version.label]}",
                    hint="See what runs: herdbook ps. What is under way may be waited for.",
                )
        for image in {version.image for version in versions}:
            workshop.stamps.forget(image)
        workshop.versions.forget(versions)


def running_labels(workshop: Workshop) -> set[str]:
    """Return the labels of the versions that instances were started from, whatever became of them.

    Whoever starts one holds a lease on its version until it is seen here; what an application may
    start, its releases hold.
    """
    return released_labels(workshop) | {
        f"{seen.origin.image}:{seen.origin.number}"
        for engine in workshop.engines.values()
        for seen in engine.observe()
    }
