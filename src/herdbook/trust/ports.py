"""The ports through which advisories are fetched and kept, and held against components."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from herdbook.catalogue.components import Component
from herdbook.core.digests import Digest
from herdbook.core.progress import Task
from herdbook.trust.advisories import Advisory
from herdbook.trust.feeds import Feed, FeedKind
from herdbook.trust.judging import Opinions
from herdbook.trust.matching import UNSETTLED, Finding, Knowledge, Scope
from herdbook.trust.ranges import State


@dataclass(frozen=True)
class FeedOrigin:
    """Where a feed is from: a file's path or an address, never with credentials.

    `digest` is that of its bytes. A feed that is `whole` says all that its source has to say of
    the scopes it is about: what it does not say any more was withdrawn.
    """

    name: str
    digest: Digest
    imported_at: datetime
    whole: bool = False


@dataclass(frozen=True)
class ImportedFeed:
    """A feed that was imported, how many entries it had, and what was left out of it, by reason."""

    kind: FeedKind
    name: str
    imported_at: datetime
    digest: Digest
    count: int
    skipped: Mapping[str, int]


@dataclass(frozen=True)
class Import:
    """What an import changed: so many entries are new, say something else, or are gone."""

    feed: ImportedFeed
    added: int
    changed: int
    removed: int


@dataclass(frozen=True, slots=True)
class KnownFinding:
    """A finding with its advisory, whose ranges are left out."""

    finding: Finding
    advisory: Advisory

    @property
    def component(self) -> Component:
        """The component it was found of."""
        return self.finding.component

    @property
    def state(self) -> State:
        """What is known of the component."""
        return self.finding.state

    @property
    def fixed(self) -> str:
        """The first version with the fix, empty where there is none."""
        return self.finding.fixed


class AdvisoryRegister(Protocol):
    """What is known of vulnerabilities, and what that means for the components of layers.

    Components are named by the numbers that `catalogue.ports.Components` gives.
    """

    def import_feed(self, feed: Feed, origin: FeedOrigin) -> Import:
        """Keep what a feed says, all of it or nothing, and hold components against it.

        Of an advisory that is known its newest import counts; one without ranges takes back what
        it said. A whole feed replaces what its
        source said of the same scopes, the list of exploited vulnerabilities replaces the one
        before, statements those of the same name. Raises InvalidInputError where the feed turns
        out to be damaged: then nothing has changed.
        """
        ...

    def feeds(self) -> list[ImportedFeed]:
        """Return the newest import of each feed that something is left of, by kind and name."""
        ...

    def knowledge(self) -> Knowledge:
        """Return of which scopes advisories are known, and how many."""
        ...

    def held_scopes(self) -> dict[Scope, int]:
        """Return of which scopes there are components, and how many."""
        ...

    def match_new(self) -> int:
        """Hold components against advisories that were not yet; return how many those were.

        Does nothing, and quickly, where there are none.
        """
        ...

    def numbers_of(self, components: Iterable[Component]) -> dict[str, int]:
        """Return the numbers of components by package URL; one that no layer holds has none."""
        ...

    def findings_of(self, components: Iterable[int]) -> dict[int, tuple[KnownFinding, ...]]:
        """Return what was found of components, by number: what is affected or undetermined.

        One finding for each advisory, by identifier. Ask `knowledge` as well: nothing found says
        something only where there is data.
        """
        ...

    def components_with(
        self, name: str, states: frozenset[State] = UNSETTLED
    ) -> dict[int, KnownFinding]:
        """Return the components of which a vulnerability is known, by number.

        `name` is its CVE, an identifier of an advisory, or an alias, in upper or lower case. Where
        several advisories speak of it, the worst state counts. Only findings of `states` are
        returned; those that are settled say where a vulnerability was fixed.
        """
        ...

    def advisories(self, name: str) -> list[Advisory]:
        """Return all advisories on a vulnerability, named as for `components_with`."""
        ...

    def nearest_names(self, wrong: str, limit: int = 3) -> list[str]:
        """Return the names of vulnerabilities that are most like one nobody knows."""
        ...

    def opinions(self) -> Opinions:
        """Return all statements, and what is known to be exploited."""
        ...


class FeedSource(Protocol):
    """Gets feeds from where they are published."""

    def fetch(self, address: str, to: Path, largest_bytes: int, task: Task) -> str:
        """Write what is at an address into a file, and return the address to keep and to show.

        Credentials may stand in the address (`https://NAME:PASSWORD@HOST/`); they are not in what
        is returned, nor is what follows `?`. Raises NotFoundError, InvalidInputError where it is
        no address, larger, or not for everybody, and NetworkError.
        """
        ...
