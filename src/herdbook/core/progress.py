"""How long work tells a person how far it is, without knowing who is looking."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol


class Task(Protocol):
    """One piece of work under way."""

    def advance(self, amount: int = 1) -> None:
        """Say that `amount` more of the total is done."""
        ...

    def describe(self, text: str) -> None:
        """Say what is being done right now."""
        ...


class Progress(Protocol):
    """Shows the pieces of work under way; safe to call from several threads."""

    @contextmanager
    def task(self, title: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        """Show one piece of work until the block ends.

        `total` is None where nobody can know it; `unit` is `bytes` or a plain noun.
        """
        ...

    def say(self, text: str) -> None:
        """Tell one fact worth a line of its own."""
        ...


class _Silence:
    def advance(self, amount: int = 1) -> None:
        pass

    def describe(self, text: str) -> None:
        pass


class NoProgress:
    """Shows nothing: for scripts and tests."""

    @contextmanager
    def task(self, title: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        """Show nothing while the block runs."""
        del title, total, unit
        yield _Silence()

    def say(self, text: str) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class ProgressAbout:
    """Says of every piece of work what it is about: for several things done side by side."""

    progress: Progress
    subject: str

    @contextmanager
    def task(self, title: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        """Show one piece of work until the block ends."""
        with self.progress.task(f"{self.subject}: {title}", total, unit) as task:
            yield task

    def say(self, text: str) -> None:
        """Tell one fact worth a line of its own."""
        self.progress.say(f"{self.subject}: {text}")
