"""What is kept of instances of applications, and what was seen of them just now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Address

from herdbook.core.digests import Digest
from herdbook.fleet.instances import host_label


class Role(StrEnum):
    """What an instance is for just now: the intent, written down before anything is done."""

    STARTING = "starting"
    """Comes up; nobody sends it anything."""
    SERVING = "serving"
    """Stands behind the doors, and its names are answered."""
    DRAINING = "draining"
    """Ends what it has begun, and gets nothing new."""
    WARM = "warm"
    """Runs on, without work, to be taken back at once."""
    DONE = "done"
    """A job that has ended well; nothing runs."""
    ENDING = "ending"
    """Is stopped, and all that it had is removed."""


LIVE = frozenset({Role.STARTING, Role.SERVING, Role.DRAINING, Role.WARM})
"""The roles of what runs."""


@dataclass(frozen=True)
class Instance:
    """The record of an instance; its name follows from where it stands, so that it is made once.

    `since` is when it got its role, `served_at` when it first served; `weight` is its share of
    requests, of 100.
    """

    application: str
    component: str
    slot: int
    attempt: int
    revision: Digest
    release: int
    role: Role
    made_at: datetime
    since: datetime
    addresses: Mapping[str, IPv4Address] = field(default_factory=dict)
    weight: int = 100
    served_at: datetime | None = None
    reason: str = ""

    @cached_property
    def name(self) -> str:
        """A DNS label: the application, the component, the slot, the attempt."""
        return f"{self.application}-{host_label(self.component)}-{self.slot}-{self.attempt}"


class Life(StrEnum):
    """What an engine sees of an instance."""

    ABSENT = "absent"
    """Not there: not started yet, or gone."""
    RUNNING = "running"
    ENDED = "ended"
    """Its process ended with status 0."""
    FAILED = "failed"


@dataclass(frozen=True)
class Sight:
    """An instance as it was seen: `well_since` is None where it is not well.

    `sessions` are open at its doors. `busy` says that it is being started or stopped right now.
    `started_at` is when its process began, where it was seen.
    """

    record: Instance
    life: Life
    well_since: datetime | None = None
    sessions: int = 0
    complaint: str = ""
    busy: bool = False
    started_at: datetime | None = None

    @property
    def name(self) -> str:
        """The instance's name."""
        return self.record.name

    @property
    def role(self) -> Role:
        """The instance's role."""
        return self.record.role

    @property
    def well(self) -> bool:
        """Whether it runs and answers as it should."""
        return self.life is Life.RUNNING and self.well_since is not None

    @property
    def serves(self) -> bool:
        """Whether it takes requests, and can."""
        return self.role is Role.SERVING and self.well
