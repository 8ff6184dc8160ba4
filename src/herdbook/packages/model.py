"""The frozen records of what was chosen from the archive."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from herdbook.core.digests import Digest

DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}$"
_NAME_PATTERN = r"^[a-z0-9][a-z0-9+.-]+$"


class Frozen(BaseModel):
    """A record that is never edited and refuses what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LockedPackage(Frozen):
    """One binary package, pinned.

    `path` is relative to the archive of `pocket`, so that any mirror will do; `size` is in bytes.
    """

    name: str = Field(pattern=_NAME_PATTERN)
    version: str
    architecture: str
    source: str
    source_version: str
    pocket: str
    path: str = Field(pattern=r"^pool(/[^\s/.][^\s/]*)+\.deb$")
    size: int = Field(ge=0)
    sha256: Digest = Field(pattern=DIGEST_PATTERN)

    @property
    def label(self) -> str:
        """How people name it."""
        return f"{self.name} {self.version}"


class SignedIndex(Frozen):
    """One verified InRelease file that packages were chosen from."""

    pocket: str
    digest: Digest = Field(pattern=DIGEST_PATTERN)
    date: datetime
    valid_until: datetime | None = None


class Resolution(Frozen):
    """apt's answer: one list of packages for each wanted set, and the indexes it came from."""

    indexes: tuple[SignedIndex, ...]
    sets: tuple[tuple[LockedPackage, ...], ...]


class Offer(Frozen):
    """What the archive has now of some packages: the newest of each, by name, and its indexes."""

    indexes: tuple[SignedIndex, ...]
    packages: tuple[LockedPackage, ...]
