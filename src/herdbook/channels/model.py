"""The frozen records of channels: what was assigned when by whom, holds, and revocations."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError

Made = tuple[str, int]
"""An image's name and a version's number."""

_CHANNEL = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


def check_channel(name: str) -> str:
    """Return a channel's name; raises InvalidInputError for what is none."""
    if not _CHANNEL.fullmatch(name) or name.isdecimal():  # numbers are versions, also as tags
        raise InvalidInputError(
            f"{name!r} is no name of a channel",
            hint="Channels have names such as dev, staging or production.",
        )
    return name


class Way(StrEnum):
    """How a version came to a channel."""

    PROMOTED = "promoted"
    FOLLOWED = "followed"
    """Another channel got it, which this one follows back."""


@dataclass(frozen=True)
class Assignment:
    """That a channel means a version from then on; `number` counts a channel's from 1.

    `signature` is that of the builder's `key` of this identity, once it is kept.
    """

    image: str
    channel: str
    number: int
    version: int
    digest: Digest
    at: datetime
    who: str
    why: str = ""
    way: Way = Way.PROMOTED
    key: str = field(default="", compare=False)
    signature: bytes = field(default=b"", compare=False, repr=False)

    @property
    def place(self) -> str:
        """How people name the channel."""
        return f"{self.image}@{self.channel}"

    @property
    def made(self) -> Made:
        """The version, as lineages name it."""
        return self.image, self.version

    @property
    def label(self) -> str:
        """How people name the version."""
        return f"{self.image}:{self.version}"


@dataclass(frozen=True)
class Hold:
    """That a channel stays where it is until a person says otherwise."""

    image: str
    channel: str
    at: datetime
    who: str
    why: str


class Level(StrEnum):
    """What a revoked version must not be used for any more; each level is worth a date of its own.

    None includes another one: a version may be kept from new releases, and running instances be
    restarted for a while.
    """

    BUILDS = "builds"
    """No image is made from it."""
    RELEASES = "releases"
    """No channel means it, and no application is released with it."""
    RESTARTS = "restarts"
    """No instance is started from it."""
    RUNNING = "running"
    """What runs is replaced."""


@dataclass(frozen=True)
class Revocation:
    """That a version is bad: `since` says from when for which levels.

    What was made from it is as bad where `inherited`.
    """

    image: str
    version: int
    at: datetime
    who: str
    reason: str
    since: Mapping[Level, datetime]
    inherited: bool = True

    @property
    def label(self) -> str:
        """How people name the version."""
        return f"{self.image}:{self.version}"

    def holds(self, level: Level, now: datetime) -> bool:
        """Tell whether it holds for a level at a time."""
        since = self.since.get(level)
        return since is not None and since <= now
