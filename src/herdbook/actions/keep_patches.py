"""Keeps builds from taking back what campaigns have patched."""

from collections.abc import Mapping

from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock
from herdbook.campaigns.sightings import PYPI
from herdbook.catalogue.components import Ecosystem
from herdbook.catalogue.model import Version
from herdbook.core.errors import ConflictError
from herdbook.trust.version_order import is_older

_Held = Mapping[tuple[bool, str], str]
"""Versions by name, those of Python's packages apart."""


def refuse_to_take_back(workshop: Workshop, newest: Version, lock: Lock, where: str) -> None:
    """Raise ConflictError where a lock has older packages than campaigns brought to an image.

    Such a lock lies in another copy of the recipe's folder, for instance, or stands on an older
    version of the image below; `where` names the recipe. Whoever means it can forget the versions
    with the patch first.
    """
    changes = workshop.campaigns.changes(newest.image)
    patched = {(each.pocket == PYPI, each.name) for each in changes}
    if not patched:
        return
    before = _held(workshop, Lock.model_validate_json(newest.lock))
    after = _held(workshop, lock)
    back = [
        f"{name} from {before[key]} to {after[key]}"
        for key in sorted(patched & before.keys() & after.keys())
        for is_python, name in [key]
        if _is_older(is_python, after[key], before[key])
    ]
    if back:
        raise ConflictError(
            f"A campaign has patched {newest.image}, and this lock would take that back: "
            f"{', '.join(back)}",
            hint=f"Lock it anew: herdbook lock {where}. To go back on purpose: "
            f"herdbook store forget {newest.label}",
            where=where,
        )


def _held(workshop: Workshop, lock: Lock) -> _Held:
    """Return the newest version of each package in a lock and in the images below it."""
    below: _Held = {}
    if lock.parent:
        found = workshop.versions.find(lock.parent.image, lock.parent.number)
        below = _held(workshop, Lock.model_validate_json(found.lock)) if found else {}
    own = {(False, each.name): each.version for each in (*lock.packages, *lock.machine)}
    own |= {
        (True, name): version
        for name, version in (lock.python.versions if lock.python else {}).items()
    }
    held = dict(below)
    for key, version in own.items():
        if key not in held or _is_older(key[0], held[key], version):
            held[key] = version
    return held


def _is_older(is_python: bool, one: str, other: str) -> bool:  # noqa: FBT001 - part of a key
    return is_older(Ecosystem.PYTHON if is_python else Ecosystem.DEBIAN, one, other)
