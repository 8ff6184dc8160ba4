"""The ports through which campaigns are kept, and images follow by the thousand."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from herdbook.campaigns.conditions import Way
from herdbook.campaigns.model import (
    Campaign,
    CampaignState,
    Change,
    Failure,
    Follower,
    LockChange,
    Made,
    NewCampaign,
    Proof,
)
from herdbook.catalogue.components import LayerBill
from herdbook.core.digests import Digest
from herdbook.images.documents import LayerReference
from herdbook.recipes.model import Variant

ClassKey = tuple[str | bool, ...]
"""What tells classes apart, for good."""


@dataclass(frozen=True)
class ImageClass:
    """Images whose newest versions are alike in all that a patch of packages can reach.

    They have the same lock and, in each variant, the same `layers` below what is their own. `key`
    is the register's own. `opaque` says that there are layers in what is their own that programs
    of an author's wrote; `allowed` that their recipes allow a rebase; `complete` that the register
    knows all that names their build.
    """

    key: ClassKey
    lock: str
    layers: Mapping[Variant, tuple[LayerReference, ...]]
    images: int
    opaque: bool
    allowed: bool
    complete: bool


@dataclass(frozen=True)
class Member:
    """An image of a class, with its newest version and the file it was built from."""

    image: str
    number: int
    home: str
    wishes: Digest | None


@dataclass(frozen=True)
class Move:
    """What the images of a class become by a rebase.

    `replaced` says which layer stands for which from now on; documents are no older than `floor`.
    `arrangement` is the digest of how the lock's packages are arranged, `recipe_lock` that of the
    `lock` as recipes have it. `bills` are those of new layers.
    """

    of: ImageClass
    lock: str
    recipe_lock: Digest
    arrangement: Digest
    replaced: Mapping[Digest, LayerReference]
    floor: datetime
    proof: Proof
    bills: tuple[LayerBill, ...] = ()
    parent: tuple[str, int] | None = None


class Herd(Protocol):
    """The newest versions of all images, by what they have in common."""

    def classes(self, layers: Collection[Digest]) -> list[ImageClass]:
        """Return the classes of all images whose newest version has one of these layers."""
        ...

    def key(self, image: str) -> ClassKey | None:
        """Return the key of the class that an image belongs to; None where there is no image."""
        ...

    def members(self, of: ImageClass) -> Iterator[Member]:
        """Yield the images of a class, by name."""
        ...

    def rebase(
        self,
        campaign: int,
        moves: Sequence[Move],
        *,
        now: datetime,
        limit: int,
        first: Collection[str] = (),
    ) -> int:
        """Give up to `limit` images of these classes their next version, all of them or none.

        Returns how many they were: when it is 0, all have followed. Those in `first` come first.
        A class's members that changed meanwhile are not members any more and stay as they are.
        Raises VerificationError where the documents of one of them are damaged: its words name the
        version. None has followed then, and those of its class cannot.
        """
        ...


class Campaigns(Protocol):
    """The register of campaigns."""

    def open(self, new: NewCampaign) -> tuple[Campaign, bool]:
        """Keep a new campaign, or return the open one with the same sources: True says which."""
        ...

    def find(self, number: int) -> Campaign | None:
        """Return a campaign, or None."""
        ...

    def every(self) -> list[Campaign]:
        """Return all campaigns, the newest first."""
        ...

    def move(self, number: int, state: CampaignState, now: datetime) -> Campaign:
        """Bring a campaign into another state; nothing happens where it is in that state already.

        Raises NotFoundError where there is none, ConflictError where it cannot get there.
        """
        ...

    def work(self, number: int) -> AbstractContextManager[bool]:
        """Be the only process that works at a campaign until the block ends, or learn of another.

        Yields False where another process works at it. It ends with its process, even by kill -9,
        and where the register is a server's, with the connection to it: a worker that lost that
        is not told, and another may begin.
        """
        ...

    def keep_proof(self, number: int, proof: Proof) -> int:
        """Keep a proof of a campaign and return its number; one that is there keeps its own."""
        ...

    def proof(self, number: int) -> Proof:
        """Return a proof; raises NotFoundError."""
        ...

    def fail(self, number: int, failures: Iterable[Failure]) -> None:
        """Say that images could not follow; what was said of them before is replaced."""
        ...

    def failures(self, number: int) -> list[Failure]:
        """Return the images that could not follow, by name."""
        ...

    def forgive(self, number: int) -> None:
        """Forget which images could not follow: they are to be tried again."""
        ...

    def count(self, number: int) -> Mapping[Way, int]:
        """Return how many versions a campaign made in which way."""
        ...

    def followers(self, number: int, skip: int = 0, limit: int | None = None) -> list[Follower]:
        """Return the versions that a campaign made, in the order in which they were made."""
        ...

    def lock_changes(self, number: int) -> list[LockChange]:
        """Return which locks a campaign put in the place of which, each pair once."""
        ...

    def changes(self, image: str) -> set[Change]:
        """Return what campaigns have changed in any version that is kept of an image."""
        ...

    def cause(self, image: str, number: int) -> Made | None:
        """Return which campaign made a version, why and after which one; None for no campaign."""
        ...
