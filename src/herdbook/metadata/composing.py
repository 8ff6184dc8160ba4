"""Writes what is to be signed: root, targets, what channels get, snapshots, timestamps."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from typing import TypeVar

from securesystemslib.signer import Key, SSlibKey
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.metadata.model import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, Given, Guard, target_path
from herdbook.signatures.keys import PublicKey, sslib_key

_Part = TypeVar("_Part", Root, Targets)

NAME = "x-herdbook-name"
"""The field of a key that says what people call it."""

GIVEN = "herdbook"
"""The field of a target's custom data that says which version it is."""


def root(
    holders: Mapping[str, PublicKey],
    threshold: int,
    online: PublicKey,
    version: int,
    expires: datetime,
) -> Metadata[Root]:
    """Return the root: whose keys sign it and the targets, and which one the server signs with."""
    keys: dict[str, Key] = {each.keyid: each for each in [*_named(holders), sslib_key(online)]}
    people, server = [each.keyid for each in _named(holders)], [online.identity]
    roles = {
        ROOT: Role(people, threshold),
        TARGETS: Role(people, threshold),
        SNAPSHOT: Role(server, 1),
        TIMESTAMP: Role(server, 1),
    }
    return Metadata(Root(version=version, expires=expires, keys=keys, roles=roles))


def targets(guards: Sequence[Guard], version: int, expires: datetime) -> Metadata[Targets]:
    """Return who has to sign for which channels; the first guard that fits a channel is the one.

    Each list is delegated to the keys that sign it, and to no role between: a document does not say
    of which role it is, so one that others may sign could be put in that one's place.
    """
    keys: dict[str, Key] = {}
    roles: dict[str, DelegatedRole] = {}
    for guard in guards:
        people = _named(guard.keys)
        keys |= {each.keyid: each for each in people}
        names = [each.keyid for each in people]
        for role, pattern in guard.lists.items():
            roles[role] = DelegatedRole(
                role, names, guard.threshold, terminating=True, paths=[pattern]
            )
    return Metadata(Targets(version=version, expires=expires, delegations=Delegations(keys, roles)))


def moved(before: Targets | None, given: Given, expires: datetime) -> Metadata[Targets]:
    """Return a list of what channels got, with one channel at another version."""
    after = again(Metadata(before), expires).signed if before else Targets(expires=expires)
    path = target_path(given.image, given.channel)
    said = {"image": given.image, "channel": given.channel}
    numbers = {"number": given.number, "version": given.version}
    hashes = {"sha256": digests.hexadecimal(given.digest)}
    custom = {"custom": {GIVEN: {**said, **numbers}}}
    after.targets[path] = TargetFile(given.length, hashes, path, custom)
    return Metadata(after)


def again(published: Metadata[_Part], expires: datetime) -> Metadata[_Part]:
    """Return the next version of what is published, which says the same, unsigned."""
    signed = deepcopy(published.signed)
    signed.version += 1
    signed.expires = expires
    return Metadata(signed)


def given_by(document: Targets, image: str, channel: str) -> Given | None:
    """Return what a list says that a channel got; None where it says nothing of it."""
    found = document.targets.get(target_path(image, channel))
    return given_of(found, image, channel) if found else None


def given_of(target: TargetFile, image: str, channel: str) -> Given:
    """Return what a target says that a channel got."""
    said = target.custom[GIVEN] if target.custom else {}
    digest = Digest(f"sha256:{target.hashes['sha256']}")
    return Given(image, channel, said["number"], said["version"], digest, target.length)


def snapshot(versions: Mapping[str, int], version: int, expires: datetime) -> Metadata[Snapshot]:
    """Return which versions of all that people sign belong together."""
    meta = {f"{role}.json": MetaFile(number) for role, number in sorted(versions.items())}
    return Metadata(Snapshot(version=version, expires=expires, meta=meta))


def timestamp(snapshot_version: int, version: int, expires: datetime) -> Metadata[Timestamp]:
    """Return which snapshot is the newest, and until when that can be relied on."""
    meta = MetaFile(snapshot_version)
    return Metadata(Timestamp(version=version, expires=expires, snapshot_meta=meta))


def _named(keys: Mapping[str, PublicKey]) -> list[SSlibKey]:
    found = []
    for name, key in sorted(keys.items()):
        known = deepcopy(sslib_key(key))
        known.unrecognized_fields[NAME] = name
        found.append(known)
    return found
