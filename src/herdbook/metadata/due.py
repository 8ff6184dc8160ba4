"""Decides what has to be signed: what is not published as it should be, or ends soon."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tuf.api.metadata import Metadata, Root, Targets

from herdbook.metadata import composing
from herdbook.metadata.model import BY_PEOPLE, ROOT, TARGETS, Document, Guard
from herdbook.metadata.signing import (
    Standing,
    document,
    holders_of,
    may_sign,
    read,
    says_the_same,
    standing,
    succeeds,
)

_BEFORE_ITS_END = timedelta(days=60)
"""So long before it expires is a document due again."""


@dataclass(frozen=True)
class Due:
    """A document that waits for signatures, which count by a delegator.

    `above` is the role that has to be published with it or before; of a root, `before` is the one
    whose holders have to sign it, too.
    """

    role: str
    metadata: Metadata[Root] | Metadata[Targets]
    delegator: Root | Targets
    above: str = ""
    before: Root | None = None

    @property
    def standing(self) -> Standing:
        """Who has signed it."""
        if self.before is not None:
            return succeeds(self.metadata, self.before)
        return standing(self.delegator, self.role, self.metadata)

    def takes(self, identity: str) -> bool:
        """Tell whether a key's signature would count."""
        old = self.before is not None and may_sign(self.before, self.role, identity)
        return old or may_sign(self.delegator, self.role, identity)

    def document(self) -> Document:
        """Return it as it is published."""
        return document(self.role, self.metadata)


@dataclass(frozen=True)
class Known:
    """What is published, verified down to the guards, and the drafts that somebody has signed.

    `lists` are what guards' channels got, by guard and list: they may be signed by keys of before.
    """

    now: datetime
    root: Metadata[Root] | None = None
    targets: Metadata[Targets] | None = None
    guards: Mapping[str, Metadata[Targets]] = field(default_factory=dict)
    lists: Mapping[str, Mapping[str, Metadata[Targets]]] = field(default_factory=dict)
    drafts: Mapping[str, bytes] = field(default_factory=dict)


def due(known: Known, wanted: Sequence[Guard]) -> list[Due]:
    """Return what waits for signatures, from the root down; nothing before there is a root."""
    found = list(_root(known))
    root = read(found[0].document().content, Root) if found else known.root
    if root is None:
        return []
    holders, threshold = holders_of(root.signed)
    targets = composing.targets(holders, threshold, wanted, 1, _expires(known))
    found += _one(known, TARGETS, known.targets, targets, Due(TARGETS, targets, root.signed, ROOT))
    for guard in wanted:
        fresh = composing.guarded(guard, 1, _expires(known))
        asked = Due(guard.role, fresh, targets.signed, TARGETS)
        found += _one(known, guard.role, known.guards.get(guard.role), fresh, asked)
        for role, published in known.lists.get(guard.role, {}).items():
            again = composing.again(published, _expires(known))
            asked = Due(role, again, fresh.signed, guard.role)
            found += _one(known, role, published, again, asked)
    return found


def ready(dues: Sequence[Due], known: Known) -> list[Due]:
    """Return what can be published: signed by enough, and all above it is there.

    A root is not published without saying which channels are guarded.
    """
    waiting = {each.role for each in dues}
    found = []
    for each in dues:
        if each.standing.enough and each.above not in waiting:
            waiting.discard(each.role)
            found.append(each)
    return found if known.targets or TARGETS in {each.role for each in found} else []


def _expires(known: Known) -> datetime:
    return known.now + BY_PEOPLE


def _root(known: Known) -> Iterator[Due]:
    before = known.root.signed if known.root else None
    number = before.version + 1 if before else 1
    if ROOT in known.drafts:
        drafted = read(known.drafts[ROOT], Root)
        if drafted.signed.version == number:
            yield Due(ROOT, drafted, drafted.signed, before=before)
            return
    if known.root is not None and _ends_soon(known, known.root):
        again = composing.again(known.root, _expires(known))
        yield Due(ROOT, again, again.signed, before=before)


def _one(
    known: Known,
    role: str,
    published: Metadata[Targets] | None,
    fresh: Metadata[Targets],
    asked: Due,
) -> Iterator[Due]:
    if published is not None:
        same = says_the_same(published.signed, fresh.signed) and not _ends_soon(known, published)
        if same and standing(asked.delegator, role, published).enough:
            return
        fresh.signed.version = published.signed.version + 1
    if role in known.drafts:
        drafted = read(known.drafts[role], Targets)
        same = says_the_same(drafted.signed, fresh.signed)
        early = drafted.signed.expires <= fresh.signed.expires
        if same and early and drafted.signed.version == fresh.signed.version:
            yield Due(role, drafted, asked.delegator, asked.above)
            return
    yield asked


def _ends_soon(known: Known, published: Metadata[Root] | Metadata[Targets]) -> bool:
    return published.signed.expires - known.now < _BEFORE_ITS_END
