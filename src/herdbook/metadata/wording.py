"""Says in words what a document says, for whoever is to sign it."""

from collections.abc import Iterator

from tuf.api.metadata import Delegations, Root, Targets

from herdbook.metadata.composing import GIVEN
from herdbook.metadata.signing import holders_of, name_of

_SHOWN = 8
"""So many digits of a key's identity tell whether it is the one that its owner has."""


def in_words(signed: Root | Targets) -> list[str]:
    """Return what a root, targets or a list says, a line each."""
    if isinstance(signed, Root):
        holders, threshold = holders_of(signed)
        keys = (f"{name} ({key.identity[:_SHOWN]})" for name, key in sorted(holders.items()))
        return [f"the root is held by {threshold} of {', '.join(keys)}"]
    if signed.delegations is None:
        return [*_given(signed)] or ["no channel got anything"]
    return [*_guards(signed.delegations)] or ["no channel is guarded"]


def _guards(delegations: Delegations) -> Iterator[str]:
    lines: dict[str, None] = {}  # a guard's lists are delegated alike
    for role in (delegations.roles or {}).values():
        keys = (delegations.keys[each] for each in role.keyids)
        names = sorted(f"{name_of(each)} ({each.keyid[:_SHOWN]})" for each in keys)
        which = ", ".join(each.partition(".")[2] for each in role.paths or [])
        lines[f"{role.threshold} of {', '.join(names)} sign for {which}"] = None
    yield from lines


def _given(listed: Targets) -> Iterator[str]:
    for path, target in sorted(listed.targets.items()):
        said = target.custom[GIVEN] if target.custom else {}
        digest = target.hashes.get("sha256", "")[:12]
        name = path.partition(".")[2]
        yield f"{name} is version {said.get('version', '?')} (sha256:{digest})"
