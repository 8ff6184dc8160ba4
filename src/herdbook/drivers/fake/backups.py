"""Keeps backups in memory: the port's promises, and what is kept laid open for tests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from herdbook.core.errors import NoSpaceError, NotFoundError
from herdbook.fleet.backups import fitting, is_name, patiently, words_of

_LOOK_SECONDS = 0.05


@dataclass
class FakeBackups:
    """A target of backups; `room_bytes` is how much it takes, None for any amount.

    It can be made a bad one: of what is kept, `unlisted` is not listed, and `unanswered` is listed
    and then said to be absent.
    """

    kept: dict[str, bytes] = field(default_factory=dict)
    room_bytes: int | None = None
    unlisted: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    where: str = "memory"
    _lock: Lock = field(default_factory=Lock)

    def names(self, folder: str) -> set[str]:
        """Return the names below a folder."""
        listed = {name for name in list(self.kept) if is_name(name)} - self.unlisted
        return {name for name in listed if not folder or name.startswith(f"{folder}/")}

    def keep(self, name: str, content: bytes) -> None:
        """Keep bytes, if there is room."""
        words_of(name)
        kept = list(self.kept.items())  # several threads keep at once
        others = sum(len(each) for other, each in kept if other != name)
        if self.room_bytes is not None and others + len(content) > self.room_bytes:
            raise NoSpaceError(f"There is no space left in {self.where}")
        self.kept[name] = content

    def read(self, name: str) -> bytes:
        """Return what is kept."""
        words_of(name)
        if name not in self.kept or name in self.unanswered:
            raise NotFoundError(f"There is no {name} in {self.where}")
        return fitting(name, self.kept[name])

    def forget(self, name: str) -> None:
        """Forget a name."""
        words_of(name)
        self.kept.pop(name, None)

    @contextmanager
    def alone(self, folder: str = "", waits: Callable[[], None] = patiently) -> Iterator[None]:
        """Keep other threads out."""
        del folder
        while not self._lock.acquire(timeout=_LOOK_SECONDS):
            waits()
        try:
            yield
        finally:
            self._lock.release()
