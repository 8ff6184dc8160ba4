"""The ports to what is kept of applications: releases, rollouts, instances, and what happened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from herdbook.fleet.applications import Release, Settings
from herdbook.fleet.networks import NetworkPlan
from herdbook.fleet.records import Instance
from herdbook.rollouts.model import Rollout
from herdbook.rollouts.situation import SlotHistory


@dataclass(frozen=True)
class Application:
    """An application: where its files are, which release stands, and which networks are its own.

    `standing` is 0 where nothing is to run.
    """

    name: str
    folder: str
    standing: int = 0
    networks: Mapping[str, NetworkPlan] = field(default_factory=dict)


@dataclass(frozen=True)
class Happening:
    """Something that was done or found, in words; about the whole application without `instance`.

    `number` grows from one to the next.
    """

    at: datetime
    words: str
    component: str = ""
    instance: str = ""
    number: int = 0

    @property
    def line(self) -> str:
        """The words, after whom they are about."""
        about = self.instance or self.component
        return f"{about}: {self.words}" if about else self.words


@dataclass(frozen=True)
class Changes:
    """What one look at an application changes: all of it is kept, or nothing.

    `rollout` is kept only if it is still as `rollout_before` says: else somebody had a say in it
    meanwhile, and the next look sees that; `standing` then stays, too. It is None where it does
    not change.
    """

    instances: Sequence[Instance] = ()
    removed: Sequence[Instance] = ()
    histories: Mapping[tuple[str, int], SlotHistory] = field(default_factory=dict)
    rollout: Rollout | None = None
    rollout_before: Rollout | None = None
    standing: int | None = None
    happenings: Sequence[Happening] = ()


class Applications(Protocol):
    """The applications of one installation."""

    def every(self) -> list[Application]:
        """Return all applications by name."""
        ...

    def find(self, name: str) -> Application | None:
        """Return an application, or None."""
        ...

    def keep(self, application: Application) -> None:
        """Keep an application, new or changed."""
        ...

    def forget(self, name: str) -> None:
        """Remove an application with all that is kept of it; an absent one is not an error."""
        ...


class Releases(Protocol):
    """The releases of applications: added, never changed."""

    def add(self, settings: Settings, now: datetime, cause: str = "") -> Release:
        """Keep settings as a new release, numbered; the newest one if it has just these."""
        ...

    def release(self, application: str, number: int) -> Release | None:
        """Return a release, or None."""
        ...

    def releases(self, application: str, most: int | None = None) -> list[Release]:
        """Return all of them, or the `most` newest, the newest first."""
        ...


class Rollouts(Protocol):
    """The rollouts of applications, of which one at most is not over."""

    def begin(self, rollout: Rollout) -> Rollout:
        """Keep a new rollout under the next number; one that is not over is superseded."""
        ...

    def newest(self, application: str) -> Rollout | None:
        """Return the newest rollout, or None."""
        ...

    def rollouts(self, application: str) -> list[Rollout]:
        """Return all of them, the newest first."""
        ...

    def save(self, rollout: Rollout, before: Rollout) -> bool:
        """Keep a rollout if it is still as `before` says; tell whether it was."""
        ...


class Instances(Protocol):
    """The records of instances: what is meant to run, written before anything is done."""

    def instances(self, application: str) -> list[Instance]:
        """Return an application's instances."""
        ...

    def histories(self, application: str) -> Mapping[tuple[str, int], SlotHistory]:
        """Return what happened in its slots, by component and slot."""
        ...

    def record(self, application: str, changes: Changes) -> None:
        """Keep what a look has changed, in one transaction."""
        ...

    def happenings(self, application: str, after: int = 0, most: int = 1000) -> list[Happening]:
        """Return what happened after that number, the oldest first; the newest if too many."""
        ...


class FleetRegister(Applications, Releases, Rollouts, Instances, Protocol):
    """All of it."""


class Vault(Protocol):
    """Keeps the values of secrets: sealed, so that neither database nor backup shows them."""

    def keep(self, application: str, name: str, value: bytes) -> str:
        """Keep a value, and return its fingerprint: equal for equal values, and telling nothing."""
        ...

    def open(self, application: str, name: str, fingerprint: str) -> bytes:
        """Return a value; raises NotFoundError where it is not kept (any more)."""
        ...

    def forget(self, application: str) -> None:
        """Remove all values of an application."""
        ...
