"""The port to the Debian archive: solving there, and fetching what was locked."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from herdbook.core.progress import Progress
from herdbook.packages.model import LockedPackage, Offer, Resolution
from herdbook.packages.suites import Suite


class Archive(Protocol):
    """The signed archive, whatever mirror it is read from."""

    def resolve(
        self,
        suite: Suite,
        sets: Sequence[Sequence[str]],
        progress: Progress,
        *,
        essential: bool = True,
        installed: str = "",
    ) -> Resolution:
        """Choose versions for each set of package names, each set on top of the one before it.

        Every set holds the essential packages, if those are wanted. Recommended packages are left
        out. On top of what is `installed` already (the text of dpkg's status file), a set holds
        only what has to be fetched in addition, upgrades included, and essential packages are not
        asked for. What would remove something from there is refused as unsatisfiable. Nothing is
        trusted that the suite's keyring did not sign or whose time is over. Raises
        VerificationError for such an index, UnsatisfiableError (naming the packages) where no
        answer exists, NetworkError where the archive cannot be reached.
        """
        ...

    def newest(self, suite: Suite, names: Collection[str], progress: Progress) -> Offer:
        """Return the newest package of each of these names that any pocket of the suite has now.

        Newest is by dpkg's order, over the main, updates and security pockets; of the same version
        in several of them, the first one's. It is what the solver would choose where nothing
        stands against it. Names that no pocket has are left out. What is trusted, and what is
        raised, is as for `resolve`.
        """
        ...

    def unlisted(
        self, suite: Suite, packages: Collection[LockedPackage], progress: Progress
    ) -> list[LockedPackage]:
        """Return those packages that no pocket of the suite lists now with these bytes.

        Such a one was replaced since, or never was in the archive. What is trusted, and what is
        raised, is as for `resolve`.
        """
        ...

    def one_reading(self) -> AbstractContextManager[None]:
        """Let every suite's index be read and verified once at most until the block ends.

        For work on many recipes: all of them are then resolved against the same state of things.
        """
        ...

    def fetch(self, packages: Sequence[LockedPackage], progress: Progress) -> None:
        """See to it that every package is kept here, complete and with the locked digest.

        Idempotent; what is kept already costs no network. Raises VerificationError where the
        archive gives other bytes than the lock says, NetworkError where it gives none.
        """
        ...

    def kept(self, package: LockedPackage) -> Path:
        """Return the file of a package that was fetched; its digest was checked then."""
        ...
