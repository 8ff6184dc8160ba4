"""The ports to the key ring, and to the signed statements of where versions come from."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

from herdbook.audit.chain import Entry
from herdbook.core.digests import Digest
from herdbook.signatures.envelopes import Envelope
from herdbook.signatures.model import KnownKey, Ring, Standing
from herdbook.signatures.statements import Origins


class KeyRing(Protocol):
    """The keys whose signatures count, among them the builder's own, which is made when needed.

    It is kept apart from the register: whoever can write there cannot say whose word counts.
    """

    def ring(self) -> Ring:
        """Return all keys; raises VerificationError where they cannot be read."""
        ...

    def own(self) -> KnownKey:
        """Return the key that the builder signs with."""
        ...

    def add(self, key: KnownKey) -> None:
        """Keep a key; raises ConflictError where its name is taken, or it is known already."""
        ...

    def change(self, name: str, standing: Standing) -> KnownKey:
        """Change a key's standing, and return it with that; it stays as it is if it has it.

        Raises NotFoundError for an unknown one, ConflictError for a move that may not be.
        """
        ...

    def rotate(self) -> KnownKey:
        """Have the builder sign with a new key from now on, and retire the one before.

        Raises InvalidInputError where that is encrypted, and no password was given.
        """
        ...

    def require(self) -> None:
        """Raise as `sign` unless the builder can: before work that would end in vain."""
        ...

    def state(self, origins: Origins) -> Envelope:
        """Return where a version comes from, signed by the builder.

        Raises as `sign`.
        """
        ...

    def sign(self, payload_of: Callable[[str], bytes]) -> Envelope:
        """Return an in-toto statement signed; it may name the identity of the builder's key.

        Raises InvalidInputError where the key is encrypted, and its password was not given.
        """
        ...

    def signature_of(self, digest: Digest) -> bytes:
        """Return the builder's signature of what has that digest, in DER; raises as `sign`."""
        ...


class Provenances(Protocol):
    """The signed statements of where versions come from, and of what layers hold.

    Each version is kept with its own, and each bill.
    """

    def find(self, image: str, number: int) -> Envelope | None:
        """Return a version's; None where it has none, or is not there."""
        ...

    def keep(self, image: str, number: int, envelope: Envelope, entry: Entry) -> None:
        """Keep one in place of what was there; raises NotFoundError for an unknown version."""
        ...

    def bills(self, layers: Iterable[Digest]) -> dict[Digest, tuple[str, bytes]]:
        """Return the identity of who has signed the bill of each of these layers, and how.

        Those that nobody has signed are left out.
        """
        ...

    def keep_bills(self, signed: Mapping[Digest, Envelope]) -> None:
        """Keep who has signed the bills of layers, in place of what was there."""
        ...

    def lacking(self, keys: Collection[str]) -> list[tuple[str, int]]:
        """Return the versions that have none signed by one of these keys, by image and number."""
        ...
