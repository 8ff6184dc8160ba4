"""A session in memory, for tests and demos."""

from collections.abc import Iterator
from contextlib import contextmanager

from herdbook.people.logins import Session


class FakeSessions:
    """One user's session, for as long as this program runs."""

    def __init__(self) -> None:
        self._session: Session | None = None

    def load(self) -> Session | None:
        """Return the session, or None."""
        return self._session

    def keep(self, session: Session) -> None:
        """Keep a session in place of the one before."""
        self._session = session

    def end(self) -> bool:
        """Forget the session; tell whether there was one."""
        was = self._session is not None
        self._session = None
        return was

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep nobody out: there is nobody else."""
        yield
