"""The operations a plan is made of; each is done once, and says why."""

from dataclasses import dataclass

from herdbook.core.digests import Digest


@dataclass(frozen=True)
class Start:
    """Start an instance in a slot; the same one again where its record is there already."""

    component: str
    slot: int
    attempt: int
    revision: Digest
    release: int
    reason: str


@dataclass(frozen=True)
class Admit:
    """Put an instance behind the doors, or weigh it anew."""

    instance: str
    weight: int
    reason: str


@dataclass(frozen=True)
class Drain:
    """Take an instance from behind the doors, and let it end what it has begun."""

    instance: str
    reason: str


@dataclass(frozen=True)
class KeepWarm:
    """Let an instance run on without work."""

    instance: str
    reason: str


@dataclass(frozen=True)
class Finish:
    """Keep of a job that ended well nothing but its record."""

    instance: str
    reason: str


@dataclass(frozen=True)
class End:
    """Stop an instance and remove it; `failed` says that it did not do what it was for."""

    instance: str
    reason: str
    failed: bool = False


Operation = Start | Admit | Drain | KeepWarm | Finish | End
