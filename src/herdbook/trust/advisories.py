"""Advisories: what others say of vulnerabilities, whatever format they said it in."""

from dataclasses import dataclass
from enum import StrEnum

from herdbook.catalogue.components import Ecosystem


class Source(StrEnum):
    """Who published an advisory; the values name the feeds in tables and listings."""

    OSV = "osv"
    DEBIAN = "debian"


class RangeStatus(StrEnum):
    """What the publisher says of the versions in a range, beside where it begins and ends.

    `unimportant` and `ignored` are Debian's words: the source has the flaw but no harm comes of it,
    or it has it and this suite will get no fix. Both are affected all the same.
    """

    OPEN = "open"
    FIXED = "fixed"
    NOT_AFFECTED = "not-affected"
    UNIMPORTANT = "unimportant"
    UNDETERMINED = "undetermined"
    IGNORED = "ignored"


BEGINNING = "0"
"""As `introduced`: the version before all others, in every ecosystem."""


@dataclass(frozen=True, slots=True)
class AffectedRange:
    """Versions of one package that have a vulnerability.

    `package` is canonical for its ecosystem; for Debian it is the source package, and `suite` is
    the code name (`bookworm`) the range holds for. Affected is what is at or above `introduced` and
    below `fixed`, or up to and with `last_affected`; with neither of these, all that follows. Where
    `versions` lists any, exactly these are affected and the bounds say nothing.
    """

    ecosystem: Ecosystem
    package: str
    suite: str = ""
    introduced: str = BEGINNING
    fixed: str = ""
    last_affected: str = ""
    versions: tuple[str, ...] = ()
    status: RangeStatus = RangeStatus.OPEN


@dataclass(frozen=True, slots=True)
class Advisory:
    """One publisher's account of one vulnerability, or of several that were fixed together.

    `aliases` name the same vulnerability elsewhere, `upstream` names the ones it is about where it
    is not one itself: a `DSA` fixes several of them. `severity` is `critical`, `high`, `medium`,
    `low`, or empty where nobody said. `published` and `modified` are as they were written (RFC
    3339), empty where unknown. `summary` is one printable line.

    One that was just read from a feed and has no ranges takes back what it said before: it was
    withdrawn, or affects nothing any more that Herdbook keeps. `elsewhere` is known only then too:
    it also speaks of scopes that are not kept.
    """

    id: str
    source: Source
    aliases: tuple[str, ...] = ()
    summary: str = ""
    severity: str = ""
    published: str = ""
    modified: str = ""
    ranges: tuple[AffectedRange, ...] = ()
    upstream: tuple[str, ...] = ()
    elsewhere: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All identifiers of this very vulnerability, its own first.

        One `upstream` is another name for it; of several, none stands for the whole.
        """
        alone = self.upstream if len(self.upstream) == 1 else ()
        return tuple(dict.fromkeys((self.id, *self.aliases, *alone)))

    @property
    def name(self) -> str:
        """The name to show and to group by: its CVE if it has exactly one, else its own."""
        cves = [name for name in self.names if name.startswith("CVE-")]
        return cves[0] if len(cves) == 1 else self.id


@dataclass(frozen=True, slots=True)
class Exploited:
    """A vulnerability that is known to be exploited (CISA's KEV catalogue).

    `id` is its CVE; `added` and `due` (when US agencies had to act by) are days, `2024-05-31`.
    """

    id: str
    added: str
    due: str
    name: str


class VexStatus(StrEnum):
    """What a VEX statement says of its products; the values are OpenVEX's labels."""

    NOT_AFFECTED = "not_affected"
    AFFECTED = "affected"
    FIXED = "fixed"
    UNDER_INVESTIGATION = "under_investigation"

    @property
    def clears(self) -> bool:
        """Whether what it speaks of needs no more attention."""
        return self in (VexStatus.NOT_AFFECTED, VexStatus.FIXED)


@dataclass(frozen=True, slots=True)
class Product:
    """What a statement speaks of: a component's package URL, or an image under any name.

    With `subcomponents` (package URLs) it speaks of these alone, and only inside the product.
    """

    identifier: str
    subcomponents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """Somebody's word on whether a vulnerability matters in some products (OpenVEX).

    `vulnerabilities` has its main name first, then its aliases. `justification` is one of OpenVEX's
    labels or empty, `explanation` is free text. `timestamp` is in UTC with microseconds and ends
    in `Z`, so that sorting it as text sorts it by time.
    """

    vulnerabilities: tuple[str, ...]
    products: tuple[Product, ...]
    status: VexStatus
    timestamp: str
    author: str
    justification: str = ""
    explanation: str = ""
