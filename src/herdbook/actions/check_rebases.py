"""Checks rebases: builds an image the long way, and compares what comes of it file by file."""

from collections.abc import Sequence

from herdbook.actions.build import Making
from herdbook.actions.find_homes import Homes
from herdbook.actions.keep_layers import stacked
from herdbook.actions.lay_roots import lay_root
from herdbook.actions.workshop import Workshop
from herdbook.builds.arrangement import arrangement_in
from herdbook.builds.lock import Lock
from herdbook.campaigns.ports import Member, Move
from herdbook.catalogue.model import Version
from herdbook.core.errors import ConflictError, NotFoundError, VerificationError
from herdbook.images.documents import Document, LayerReference
from herdbook.images.rebasing import Rebase
from herdbook.layers.stacking import differences


def check_rebase(workshop: Workshop, homes: Homes, move: Move, member: Member) -> str:
    """Build an image of a class the long way, with nothing kept, and say what was compared.

    Where its recipe is not at hand, its root is made and compared, which is all that a patch
    reaches. Raises VerificationError with the first paths that differ, and what a build raises.
    """
    version = workshop.versions.find(member.image, member.number)
    if version is None:
        raise NotFoundError(f"{member.image}:{member.number} is not here any more")
    lock = Lock.model_validate_json(move.lock)
    try:
        inputs = homes.inputs(member, lock)
    except (ConflictError, NotFoundError):
        return _check_roots(workshop, move, lock, version)
    rebase = Rebase(move.replaced, move.floor)
    records, rendered, _ = Making(workshop, inputs).variants()
    for record in records:
        before = version.variant(record.kind)
        expected = rebase.layers(before.layers if before else ())
        _require_same(workshop, version.label, expected, record.layers)
    found = {each.digest for each in rendered}
    wanted = {each.digest for each in rebase.of(_documents(workshop, version)).documents[:-1]}
    if found != wanted:
        raise VerificationError(f"{version.label}, built the long way, has other documents")
    return f"{version.label} built the long way: the same, to the last byte"


def _check_roots(workshop: Workshop, move: Move, lock: Lock, version: Version) -> str:
    rebase = Rebase(move.replaced, move.floor)
    arrangement = arrangement_in(lock)
    for kind, layers in move.of.layers.items():
        root = lay_root(workshop, lock, arrangement, kind, workshop.roots).layers
        _require_same(workshop, version.label, rebase.layers(layers)[: len(root)], root)
    return f"the root of {version.label} made the long way: the same, to the last byte"


def _require_same(
    workshop: Workshop,
    label: str,
    expected: Sequence[LayerReference],
    found: Sequence[LayerReference],
) -> None:
    if [each.digest for each in expected] == [each.digest for each in found]:
        return
    wrong = [
        str(each) for each in differences(stacked(workshop, expected), stacked(workshop, found))
    ]
    told = "\n".join(wrong[:10]) or "the same files, in other layers"
    raise VerificationError(f"{label}, built the long way, differs in {len(wrong)} paths:\n{told}")


def _documents(workshop: Workshop, version: Version) -> list[Document]:
    names = [each.config for each in version.variants] + [
        each.manifest for each in version.variants
    ]
    return [workshop.versions.document(name) for name in (*names, version.digest)]
