"""Finds what a version was made from, up to its root, and what was made from it, all the way."""

from dataclasses import dataclass, field

from herdbook.actions.name_version import version_meant
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock
from herdbook.catalogue.model import Version


@dataclass
class Ancestor:
    """A version, a suite or an image of others, and what was made from it."""

    label: str
    asked: bool = False
    children: list["Ancestor"] = field(default_factory=list)


def ancestry(workshop: Workshop, name: str) -> Ancestor:
    """Return the tree that a version stands in: its line from the root, and all its descendants.

    Raises as `version_meant`.
    """
    version = version_meant(workshop, name)
    here = _descendants(workshop, version.image, version.number)
    here.asked = True
    while True:
        lock = Lock.model_validate_json(version.lock)
        if lock.parent is None:
            break
        above = Ancestor(f"{lock.parent.image}:{lock.parent.number}", children=[here])
        found = workshop.versions.find(lock.parent.image, lock.parent.number)
        here = above
        if found is None:
            return here
        version = found
    return Ancestor(_ground(version, lock), children=[here])


def _ground(version: Version, lock: Lock) -> str:
    """Return what an image without a parent stands on."""
    if lock.base:
        return f"oci:{lock.base.reference}"
    return f"debian:{lock.suite}" if lock.suite else version.label


def _descendants(workshop: Workshop, image: str, number: int) -> Ancestor:
    children = workshop.versions.children(image, number)
    return Ancestor(
        f"{image}:{number}", children=[_descendants(workshop, *child) for child in children]
    )
