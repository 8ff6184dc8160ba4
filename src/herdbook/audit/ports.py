"""The port to the place where the audit is kept."""

from collections.abc import Collection, Generator
from datetime import datetime
from typing import Protocol

from herdbook.audit.chain import Entry, Head, Record


class AuditLog(Protocol):
    """The audit of one installation: records are added, never changed and never removed."""

    def append(self, entry: Entry, at: datetime) -> Record:
        """Add a record after all others; what it follows on is settled by the order of writing."""
        ...

    def records(
        self, after: int = 0, *, newest: int | None = None
    ) -> Generator[Record, None, None]:
        """Yield records in order, those beyond the number `after`, or only so many `newest` ones.

        The first come before the last are read, however many there are: who does not want them all
        closes it.
        """
        ...

    def newest_about(self, subject: str, verbs: Collection[str]) -> Record | None:
        """Return the newest record of something done to a subject, or None."""
        ...

    def head(self) -> Head:
        """Return the newest record's place; raises VerificationError where its seal is broken."""
        ...
