"""Forgets versions: takes them out of the register, unless somebody uses them right now."""

from collections.abc import Sequence

from herdbook.actions.list_channels import list_channels
from herdbook.actions.note import note
from herdbook.actions.released import released_labels
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.catalogue.needs import in_use, named_by_others
from herdbook.catalogue.stock import Stock
from herdbook.core.errors import ConflictError
from herdbook.people.acts import Act


def forget(workshop: Workshop, stock: Stock, versions: Sequence[Version]) -> None:
    """Forget versions, all or none; what only they needed stays until the store is cleaned.

    Raises ConflictError where an instance or work under way needs one of them.
    """
    require_role(workshop, Act.FORGET, *(each.image for each in versions))
    with stock.alone() as leases:
        known = workshop.versions.every()
        used = in_use(known, leases, needed_labels(workshop))
        used |= dict.fromkeys(named_by_others(known, versions), "another image is made from it")
        for version in versions:
            if version.label in used:
                raise ConflictError(
                    f"{version.label} cannot be forgotten: {used[version.label]}",
                    hint="See what runs: herdbook ps. What is under way may be waited for.",
                )
        note(workshop, "forget", "versions", labels=[version.label for version in versions])
        for image in {version.image for version in versions}:
            workshop.stamps.forget(image)
        workshop.versions.forget(versions)


def needed_labels(workshop: Workshop) -> dict[str, str]:
    """Return the labels of versions that channels mean or instances were started from, and why.

    Whoever starts one holds a lease on its version until it is seen here; what an application may
    start, its releases hold.
    """
    started = {
        f"{seen.origin.image}:{seen.origin.number}"
        for engine in workshop.engines.values()
        for seen in engine.observe()
    }
    channels = list_channels(workshop)
    meant = [each for channel in channels for each in (channel.newest, channel.now) if each]
    proposed = workshop.channels.proposals()
    return {
        **{f"{each.image}:{each.version}": "it is proposed" for each in proposed},
        **{each.label: "it is proposed" for each in proposed},
        **{each.label: f"{each.channel} means it" for each in meant},
        **dict.fromkeys(released_labels(workshop) | started, "an instance runs it"),
    }
