"""Decides what has to be signed: what is not published as it should be, or ends soon."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tuf.api.metadata import Metadata, Root, Targets

from herdbook.metadata import composing
from herdbook.metadata.model import BY_PEOPLE, ROOT, TARGETS, Document, Guard
from herdbook.metadata.signing import (
    Standing,
    document,
    is_as,
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

    def is_as(self, other: "Due") -> bool:
        """Tell whether both say the same, but for when they expire."""
        return is_as(self.metadata, other.metadata)

    def document(self) -> Document:
        """Return it as it is published."""
        return document(self.role, self.metadata)


@dataclass(frozen=True)
class Known:
    """What is published and drafted; only the root is verified.

    What too few have signed for whom it is delegated to by now is due again, whatever it is.
    """

    now: datetime
    root: Metadata[Root] | None = None
    published: Mapping[str, Metadata[Targets]] = field(default_factory=dict)
    drafts: Mapping[str, bytes] = field(default_factory=dict)


def due(known: Known, wanted: Sequence[Guard]) -> list[Due]:
    """Return what waits for signatures, from the root down; nothing before there is a root."""
    found = list(_root(known))
    root = read(found[0].document().content, Root) if found else known.root
    if root is None:
        return []
    targets = composing.targets(wanted, 1, _expires(known))
    found += _one(known, Due(TARGETS, targets, root.signed, ROOT))
    for role in targets.signed.delegations.roles or {} if targets.signed.delegations else {}:
        if (listed := known.published.get(role)) is not None:
            again = composing.again(listed, _expires(known))
            found += _one(known, Due(role, again, targets.signed, TARGETS))
    return found


def ready(dues: Sequence[Due]) -> list[Due]:
    """Return what can be published: signed by enough, and all above it is there.

    A root comes with targets that its holders have signed, or not at all.
    """
    waiting = {each.role for each in dues}
    found = []
    for each in dues:
        if each.standing.enough and each.above not in waiting:
            waiting.discard(each.role)
            found.append(each)
    return [] if TARGETS in waiting and ROOT in {each.role for each in found} else found


def ends_soon(metadata: Metadata[Root] | Metadata[Targets], now: datetime) -> bool:
    """Tell whether a document is due again, for it expires soon."""
    return metadata.signed.expires - now < _BEFORE_ITS_END


def signed_so_far(draft: bytes, fresh: Metadata[Any], now: datetime) -> Metadata[Targets] | None:
    """Return a draft, with its signatures, where it is what would be written now; else None."""
    drafted = read(draft, Targets)
    early = drafted.signed.expires <= fresh.signed.expires
    lasts = early and not ends_soon(drafted, now)
    return drafted if lasts and is_as(drafted, fresh) else None


def _expires(known: Known) -> datetime:
    return known.now + BY_PEOPLE


def _root(known: Known) -> Iterator[Due]:
    before = known.root.signed if known.root else None
    number = before.version + 1 if before else 1
    if ROOT in known.drafts:
        drafted = read(known.drafts[ROOT], Root)
        if drafted.signed.version == number and not ends_soon(drafted, known.now):
            yield Due(ROOT, drafted, drafted.signed, before=before)
            return
    if known.root is not None and ends_soon(known.root, known.now):
        again = composing.again(known.root, _expires(known))
        yield Due(ROOT, again, again.signed, before=before)


def _one(known: Known, asked: Due) -> Iterator[Due]:
    role, fresh = asked.role, asked.metadata
    published = known.published.get(role)
    if published is not None:
        same = says_the_same(published.signed, fresh.signed)
        lasts = same and not ends_soon(published, known.now)
        if lasts and standing(asked.delegator, role, published).enough:
            return
        fresh.signed.version = published.signed.version + 1
    drafted = signed_so_far(known.drafts[role], fresh, known.now) if role in known.drafts else None
    yield Due(role, drafted, asked.delegator, asked.above) if drafted else asked
