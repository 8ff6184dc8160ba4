"""Signs documents, tells who has signed them and who is missing, and reads them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from securesystemslib.signer import Key, Signature
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Signed, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer

from herdbook.core.errors import VerificationError
from herdbook.metadata.composing import NAME
from herdbook.metadata.model import ROOT, Document, Draft
from herdbook.signatures.keys import PrivateKey, PublicKey

_Part = TypeVar("_Part", Root, Targets, Snapshot, Timestamp)


@dataclass(frozen=True)
class Standing:
    """Who has signed a document: `threshold` of all these, by the names of their keys."""

    threshold: int
    signed: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def enough(self) -> bool:
        """Whether it counts."""
        return len(self.signed) >= self.threshold

    def in_words(self) -> str:
        """Say who still has to sign."""
        count = self.threshold - len(self.signed)
        if count == len(self.missing):
            return f"{' and '.join(self.missing)} {'has' if count == 1 else 'have'} to sign"
        return (
            f"{count} more of {', '.join(self.missing)} {'has' if count == 1 else 'have'} to sign"
        )


def sign(metadata: Metadata[Any], key: PrivateKey) -> None:
    """Add a key's signature."""
    identity = key.public.identity
    signature = Signature(identity, key.sign(metadata.signed_bytes).hex())
    metadata.signatures[identity] = signature


def standing(delegator: Root | Targets, role: str, metadata: Metadata[Any]) -> Standing:
    """Return who has signed a role's document, by who says whose signatures count."""
    found = delegator.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    return Standing(found.threshold, _names(found.signed.values()), _names(found.unsigned.values()))


def may_sign(delegator: Root | Targets, role: str, identity: str) -> bool:
    """Tell whether a key's signature would count for a role."""
    return identity in delegator.get_delegated_role(role).keyids


def succeeds(root: Metadata[Any], before: Root | None) -> Standing:
    """Return who has signed a root: by the one before, and then by itself (TUF 1.0, 5.3.4)."""
    if before is not None:
        old = standing(before, ROOT, root)
        if not old.enough:
            return old
    return standing(root.signed, ROOT, root)


def holders_of(root: Root) -> tuple[dict[str, PublicKey], int]:
    """Return the keys that hold a root, by their names, and how many of them have to sign."""
    role = root.roles[ROOT]
    keys = (root.keys[each] for each in role.keyids)
    return {name_of(each): PublicKey(each.keyval["public"]) for each in keys}, role.threshold


def name_of(key: Key) -> str:
    """Return what people call a key."""
    return str(key.unrecognized_fields.get(NAME, key.keyid[:12]))


def trusted_root(pinned: bytes, later: Iterable[bytes]) -> Metadata[Root]:
    """Return the newest root, each signed by the one before; raises VerificationError else."""
    found = read(pinned, Root)
    for content in later:
        following = read(content, Root)
        is_next = following.signed.version == found.signed.version + 1
        if not (is_next and succeeds(following, found.signed).enough):
            raise VerificationError(
                f"The root {following.signed.version} is not signed by the holders of the one "
                "before",
                hint="Somebody has put it there. Lay the register back from a backup.",
            )
        found = following
    return found


def read(content: bytes, kind: type[_Part]) -> Metadata[_Part]:
    """Read a document; raises VerificationError for what is none of that kind."""
    try:
        found: Metadata[_Part] = Metadata.from_bytes(content)
    except (DeserializationError, RepositoryError) as error:
        raise VerificationError("A document of signed metadata cannot be read") from error
    if not isinstance(found.signed, kind):
        raise VerificationError(f"A document of signed metadata is no {kind.type}")
    return found


def expires_of(content: bytes) -> datetime:
    """Return until when a document holds, of whichever kind it is."""
    found: Metadata[Any] = Metadata.from_bytes(content)
    expires: datetime = found.signed.expires
    return expires


def document(role: str, metadata: Metadata[Any]) -> Document:
    """Return a document as it is published."""
    return Document(role, metadata.signed.version, written(metadata))


def draft(role: str, metadata: Metadata[Any], proposal: int = 0) -> Draft:
    """Return a document as it is kept until enough have signed it."""
    return Draft(role, written(metadata), proposal)


def merged(kept: bytes, given: bytes) -> bytes | None:
    """Return a document with the signatures of both; None where they do not say the same."""
    one: Metadata[Any] = Metadata.from_bytes(kept)
    other: Metadata[Any] = Metadata.from_bytes(given)
    if one.signed_bytes != other.signed_bytes:
        return None
    one.signatures |= other.signatures
    return written(one)


def written(metadata: Metadata[Any]) -> bytes:
    """Return a document's bytes."""
    return metadata.to_bytes(JSONSerializer(compact=False))


def says_the_same(one: Signed, other: Signed) -> bool:
    """Tell whether two documents differ in nothing but their versions and when they expire."""
    same = {"expires": "", "version": 0}
    return one.to_dict() | same == other.to_dict() | same


def is_as(one: Metadata[Any], other: Metadata[Any]) -> bool:
    """Tell whether two documents are of one version, and differ in nothing but their ends."""
    same = bool(one.signed.version == other.signed.version)
    return same and says_the_same(one.signed, other.signed)


def _names(keys: Iterable[Key]) -> tuple[str, ...]:
    return tuple(sorted(map(name_of, keys)))
