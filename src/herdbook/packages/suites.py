"""The Debian suites an image can be made from, and what differs between them."""

from dataclasses import dataclass

from herdbook.core.errors import InvalidInputError
from herdbook.core.nearest import did_you_mean


@dataclass(frozen=True)
class Suite:
    """One Debian release.

    `release` is Debian's number for it. `epoch` (seconds since 1970, the day of its release)
    stands in for every time that would otherwise be the moment of the build, so that two builds of
    one suite differ only where their content does. `security` is the name of its security pocket.
    `base` are packages every image of the suite holds besides the essential ones: without
    `usr-is-merged`, bookworm's solver picks `usrmerge` and with it all of perl.
    """

    name: str
    release: int
    epoch: int
    security: str
    base: tuple[str, ...] = ()

    @property
    def updates(self) -> str:
        """The pocket of urgent changes between point releases."""
        return f"{self.name}-updates"


SUITES = {
    suite.name: suite
    for suite in (
        Suite("bullseye", 11, 1_628_899_200, "bullseye-security"),  # 2021-08-14
        Suite("bookworm", 12, 1_686_355_200, "bookworm-security", ("usr-is-merged",)),  # 2023-06-10
        Suite("trixie", 13, 1_754_697_600, "trixie-security", ("usr-is-merged",)),  # 2025-08-09
    )
}


NO_SUITE = Suite("", 0, 946_684_800, "")  # 2000-01-01
"""Stands for the suite of an image that is made from what is no Debian."""


def suite_named(name: str) -> Suite:
    """Return a suite; raises InvalidInputError with the nearest known name."""
    if name not in SUITES:
        raise InvalidInputError(
            f"{name!r} is not a Debian suite Herdbook knows",
            hint=did_you_mean(name, SUITES, f"Known are {', '.join(SUITES)}."),
        )
    return SUITES[name]
