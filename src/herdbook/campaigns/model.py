"""The frozen records of campaigns: what they are about, what they may use, what they have done."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum

from pydantic import Field

from herdbook.builds.lock import LockedPython
from herdbook.campaigns.conditions import Finding, Way
from herdbook.core.digests import Digest
from herdbook.core.errors import ConflictError
from herdbook.packages.model import Frozen, LockedPackage, SignedIndex


class CampaignState(StrEnum):
    """Where a campaign is; one that is done may still have images that failed."""

    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    ABORTED = "aborted"


MOVES: Mapping[CampaignState, Collection[CampaignState]] = {
    CampaignState.RUNNING: {CampaignState.PAUSED, CampaignState.DONE, CampaignState.ABORTED},
    CampaignState.PAUSED: {CampaignState.RUNNING, CampaignState.ABORTED},
    CampaignState.DONE: {CampaignState.RUNNING},  # once more, for what failed
    CampaignState.ABORTED: (),
}
"""From where one gets to where."""

OPEN = (CampaignState.RUNNING, CampaignState.PAUSED)
"""Where a campaign takes in whoever wants to start the same one."""

OVER = (CampaignState.DONE, CampaignState.ABORTED)
"""Where a campaign has ended."""


def require_move(number: int, before: CampaignState, after: CampaignState) -> None:
    """Raise ConflictError where a campaign cannot get from one state to another."""
    if after not in MOVES[before]:
        raise ConflictError(
            f"Campaign {number} is {before}: it cannot become {after}",
            hint=f"See where it is: herdbook campaign show {number}",
        )


class Verify(StrEnum):
    """Which rebased images are also built the long way, and compared file by file."""

    SAMPLE = "sample"
    ALL = "all"
    NONE = "none"


class Target(Frozen):
    """What was offered when the campaign began: it moves there, and no further.

    Of a suite, these are binary packages. Where `python` packages are what it is about, there is
    no suite, but for each lock, by its inputs, all that its requirements come to now.
    `fixes` are the vulnerabilities that were known, then, to be fixed there.
    """

    suite: str = ""
    indexes: tuple[SignedIndex, ...] = ()
    packages: tuple[LockedPackage, ...] = ()
    python: Mapping[Digest, LockedPython] = {}
    fixes: tuple[str, ...] = ()


class Budget(Frozen):
    """What a campaign may use.

    `builds` run side by side. It pauses when, since it was started or resumed, it has kept so many
    bytes of new layers as `most_bytes` says, and works within `hours` of the day (UTC) alone.
    """

    builds: int = Field(default=1, ge=1)
    most_bytes: int | None = Field(default=None, ge=1)
    hours: tuple[time, time] | None = None


class Change(Frozen):
    """One binary package, before and after."""

    name: str
    old: str
    new: str
    pocket: str = ""


class LayerChange(Frozen):
    """One layer, before and after."""

    title: str
    old: Digest
    new: Digest


class Proof(Frozen):
    """Why images followed a patch the way they did: one for all that are alike in this.

    `checked` says how that was held against a build of the long way; empty where it was not.
    """

    way: Way
    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    layers: tuple[LayerChange, ...] = ()
    checked: str = ""


@dataclass(frozen=True)
class NewCampaign:
    """A campaign about to be opened.

    `sources` are what it is about, in order: source packages, or `pypi/` and a Python package.
    """

    sources: tuple[str, ...]
    targets: tuple[Target, ...]
    budget: Budget
    verify: Verify
    created_at: datetime
    planned: Mapping[str, int]


@dataclass(frozen=True)
class Campaign:
    """One cause carried through the catalogue; `planned` counts images by way, at its start."""

    number: int
    state: CampaignState
    sources: tuple[str, ...]
    targets: tuple[Target, ...]
    budget: Budget
    verify: Verify
    created_at: datetime
    ended_at: datetime | None
    planned: Mapping[str, int]

    @property
    def cause(self) -> str:
        """How people name what it is about."""
        return ", ".join(self.sources)


@dataclass(frozen=True)
class Failure:
    """An image that could not follow, and why; `number` is of the version it stayed at."""

    image: str
    number: int
    words: str


@dataclass(frozen=True)
class Follower:
    """A version that a campaign made, and the number of the one before it."""

    image: str
    number: int
    before: int
    way: Way
    proof: int


@dataclass(frozen=True)
class Made:
    """How a version came to be that a campaign made: why so, and after which number."""

    campaign: Campaign
    proof: Proof
    before: int


@dataclass(frozen=True)
class LockChange:
    """A lock of versions built from the file at `home`, as text, and the one in its place."""

    home: str
    old: str
    new: str
