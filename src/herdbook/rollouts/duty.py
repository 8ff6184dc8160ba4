"""Which of several servers on one database works: who is on duty, and who may take over from whom.

What an application runs belongs to one machine and state directory, its *home*: there are its
containers and machines, its networks and its data. So nobody takes over elsewhere while there is
anything: it would be started a second time.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from herdbook.core.errors import ConflictError

LEASE_SECONDS = 5.0
"""After so long a silence others may take over, each by a clock of its own that only grows."""

TRUST_SECONDS = 4.0
"""So long after its last sign of life a server trusts that nobody has: less than they wait."""


@dataclass(frozen=True)
class Post:
    """A server: where its applications live, and who it is there; no other has its `mark`."""

    host: str
    process: int
    machine: str
    state: str
    mark: str

    @property
    def home(self) -> tuple[str, str]:
        """The machine and the state directory."""
        return self.machine, self.state

    def __str__(self) -> str:
        """Who it is, for people."""
        return f"{self.host}/{self.process}"


@dataclass(frozen=True)
class Held:
    """Who is on duty, or was the last, as the database has it; `beats` are its signs of life.

    `epoch` grows with each time that somebody takes over. `disturbances` counts who came late:
    what they did last may have undone something.
    """

    post: Post
    epoch: int
    beats: int
    since: datetime
    held: bool
    disturbances: int = 0


class Verdict(Enum):
    """Whether a server may work."""

    TAKE = "take"
    WAIT = "wait"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Sight:
    """What is known of who was last seen on duty.

    `silent_seconds` is how long we have watched it give no sign of life; `gone` whether its
    process is known to have ended; `empty` whether nothing of any application is wanted or left.
    """

    last: Held | None
    silent_seconds: float
    gone: bool
    empty: bool


def may_take(sight: Sight, mine: Post) -> Verdict:
    """Decide whether a server may go on duty now."""
    last = sight.last
    if last is None:
        return Verdict.TAKE
    at_home = last.post.home == mine.home
    if not at_home and not sight.empty:
        return Verdict.REFUSE
    over = not last.held or sight.silent_seconds >= LEASE_SECONDS or (at_home and sight.gone)
    return Verdict.TAKE if over else Verdict.WAIT


def lives_elsewhere(last: Held) -> ConflictError:
    """Return the error of a server that may not take over, with all that is possible instead."""
    return ConflictError(
        f"The applications of this database run on {last.post.host} ({last.post.state}), not here",
        hint="Start it there, where a second one may stand by; or take them down there (herdbook "
        "down), and start it here. Where that machine is gone for good: herdbook serve "
        "--move-here",
    )


def works_elsewhere(last: Held) -> ConflictError:
    """Return the error of who wants to begin here while a server lives there that is idle."""
    return ConflictError(
        f"The server of this database works on {last.post.host} ({last.post.state}), not here",
        hint="Bring it up there; or end the server there (herdbook serve --stop), and try again.",
    )


class Duty(Protocol):
    """Whether this program's server is the one that works.

    `shared` is false where no other can reach the same register: then all of this holds at once.
    What is written by this program is refused from `begin` on unless it is on duty.
    """

    @property
    def shared(self) -> bool:
        """Whether there may be several servers at all."""
        ...

    @property
    def mine(self) -> Post:
        """Who this program is."""
        ...

    def begin(self, *, move: bool = False) -> None:
        """Be a server that stands by; `move` says that no other home counts any more."""
        ...

    def present(self) -> Held | None:
        """Return who is on duty, or was the last."""
        ...

    def is_free(self) -> bool:
        """Tell whether nothing of any application is wanted or left: then any home may be next."""
        ...

    def take(self, seen: Held | None, silent_seconds: float) -> Verdict:
        """Go on duty if that may be, and nothing has changed since `seen`."""
        ...

    def beat(self) -> int | None:
        """Give a sign of life; return how many came late so far.

        None where another server has taken over: then this one is such a one.
        """
        ...

    def holds(self) -> bool:
        """Tell, at once, whether nobody else can have taken over by now."""
        ...

    def require(self) -> None:
        """Return while this server is on duty; wait where that is not known for the moment.

        Raises ConflictError once another one is, or this one is to end.
        """
        ...

    def wind_up(self) -> None:
        """Let nothing wait any more: this server is to end."""
        ...

    def give_back(self) -> None:
        """End the duty, so that others need not wait."""
        ...


class UndisputedDuty:
    """The duty of the only server there can be."""

    shared = False

    def __init__(self, mine: Post | None = None) -> None:
        self.mine = mine or Post("", 0, "", "", "")

    def begin(self, *, move: bool = False) -> None:
        """Do nothing."""

    def present(self) -> Held | None:
        """Return None: nobody else has to know."""
        return None

    def is_free(self) -> bool:
        """Return true: nobody else is bound to anything."""
        return True

    def take(self, seen: Held | None, silent_seconds: float) -> Verdict:
        """Go on duty."""
        del seen, silent_seconds
        return Verdict.TAKE

    def beat(self) -> int | None:
        """Return 0."""
        return 0

    def holds(self) -> bool:
        """Return true."""
        return True

    def require(self) -> None:
        """Do nothing."""

    def wind_up(self) -> None:
        """Do nothing."""

    def give_back(self) -> None:
        """Do nothing."""
