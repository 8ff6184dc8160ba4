"""What stands in front of instances: doors where requests come in, and the members behind them."""

from dataclasses import dataclass
from enum import Enum

FULL_WEIGHT = 100
"""The weight of a member that takes its whole share."""


class DoorMode(Enum):
    """What a door understands of what passes through it."""

    HTTP = "http"
    TCP = "tcp"


@dataclass(frozen=True)
class Door:
    """An address of this machine where requests for one component come in.

    `name` is unique within an application. `slots` is how many members there may be at once;
    more of them later cost a reload. `hosts` are the names that an HTTP door with the address of
    another one answers to; empty for all others. `certificate` is a PEM file with its key.
    """

    name: str
    address: str
    port: int
    mode: DoorMode = DoorMode.HTTP
    slots: int = 16
    hosts: tuple[str, ...] = ()
    certificate: str = ""


class MemberState(Enum):
    """Whether a member gets new requests.

    DRAINING ends what it has begun. GONE is dead: what it had begun is broken off, for nobody will
    ever answer.
    """

    READY = "ready"
    DRAINING = "draining"
    GONE = "gone"


@dataclass(frozen=True)
class Member:
    """An instance behind a door; `weight` is of FULL_WEIGHT."""

    instance: str
    address: str
    port: int
    weight: int = FULL_WEIGHT
    state: MemberState = MemberState.READY


@dataclass(frozen=True)
class Traffic:
    """What a member has done since it is behind the door: only grows.

    `failed` counts answers of 5xx, refused connections and answers that broke off.
    `response_milliseconds` is the mean of the last 1,024 answers; `sessions` are open now.
    """

    requests: int = 0
    failed: int = 0
    sessions: int = 0
    response_milliseconds: float = 0.0
