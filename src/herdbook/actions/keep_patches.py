"""Keeps builds from taking back what a campaign has patched."""

from collections.abc import Iterator

from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock
from herdbook.campaigns.model import Proof
from herdbook.campaigns.sightings import PYPI
from herdbook.catalogue.components import Ecosystem
from herdbook.catalogue.model import Version
from herdbook.core.errors import ConflictError
from herdbook.trust.version_order import compare_versions


def refuse_to_take_back(workshop: Workshop, newest: Version, lock: Lock, where: str) -> None:
    """Raise ConflictError where a lock has older packages than a campaign brought to an image.

    Such a lock lies in another copy of the recipe's folder, for instance; `where` names the
    recipe. Whoever means it can forget the patched version first.
    """
    made = workshop.campaigns.cause(newest.image, newest.number)
    if made is None:
        return
    back = [f"{name} from {new} to {old}" for name, new, old in _taken_back(made.proof, lock)]
    if back:
        raise ConflictError(
            f"Campaign {made.campaign.number} has patched {newest.label}, and this lock would take "
            f"that back: {', '.join(back)}",
            hint=f"Lock it anew: herdbook lock {where}. To go back on purpose: "
            f"herdbook store forget {newest.label}",
            where=where,
        )


def _taken_back(proof: Proof, lock: Lock) -> Iterator[tuple[str, str, str]]:
    """Yield the names of packages that a lock has older than a proof, with both versions."""
    debian = {each.name: each.version for each in (*lock.packages, *lock.machine)}
    python = lock.python.versions if lock.python else {}
    for each in proof.changes:
        is_python = each.pocket == PYPI
        held = (python if is_python else debian).get(each.name)
        ecosystem = Ecosystem.PYTHON if is_python else Ecosystem.DEBIAN
        if held is not None and compare_versions(ecosystem, held, each.new) == -1:
            yield each.name, each.new, held
