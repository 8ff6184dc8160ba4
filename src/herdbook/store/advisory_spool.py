"""Reads a feed to its end before anything of it is kept, in flat memory."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import BinaryIO

from herdbook.catalogue.components import Ecosystem
from herdbook.core.errors import InvalidInputError
from herdbook.store.schema import NAME_LENGTH
from herdbook.trust.advisories import Advisory, AffectedRange, RangeStatus, Source
from herdbook.trust.matching import Scope

_CHUNK = 500


@dataclass
class Spool:
    """Advisories as lines of text in a file that has no name.

    `alone` are the scopes that some advisory speaks of and of no other, kept or not. In the whole
    feed of a scope there are such, and only of that scope: what else its advisories affect is not
    whole. `count` is without the advisories that only take back what they said.
    """

    _file: BinaryIO
    count: int = 0
    alone: set[Scope] = field(default_factory=set)

    def add(self, advisory: Advisory) -> None:
        """Take one advisory; raises InvalidInputError where its identifier is none."""
        require_name(advisory.id)
        scopes = {(each.ecosystem, each.suite) for each in advisory.ranges}
        if len(scopes) == 1 and not advisory.elsewhere:
            self.alone |= scopes
        self._file.write(_line(advisory))
        self.count += bool(scopes)

    def chunks(self) -> Iterator[dict[str, bytes]]:
        """Yield the lines by identifier, some hundreds at a time; of two the last one counts."""
        self._file.seek(0)
        chunk: dict[str, bytes] = {}
        for line in self._file:
            chunk[json.loads(line)[0]] = line
            if len(chunk) == _CHUNK:
                yield chunk
                chunk = {}
        if chunk:
            yield chunk


@contextmanager
def spooled(advisories: Iterable[Advisory]) -> Iterator[Spool]:
    """Give all advisories of a feed while the block lasts; raises what reading them raises."""
    with TemporaryFile(prefix="herdbook-") as file:
        spool = Spool(file)
        for advisory in advisories:
            spool.add(advisory)
        yield spool


def require_name(name: str) -> None:
    """Raise InvalidInputError for what is too long to be the name of a vulnerability."""
    if len(name) > NAME_LENGTH:
        raise InvalidInputError(
            f"This is no identifier of a vulnerability: {name[:60]}…",
            hint="Fetch the feed again from where it is published.",
        )


def advisory_in(line: bytes) -> Advisory:
    """Return the advisory that a line holds."""
    (name, source, aliases, summary, severity, published, modified, upstream, ranges) = json.loads(
        line
    )
    return Advisory(
        id=name,
        source=Source(source),
        aliases=tuple(aliases),
        summary=summary,
        severity=severity,
        published=published,
        modified=modified,
        ranges=tuple(
            AffectedRange(
                ecosystem=Ecosystem(ecosystem),
                package=package,
                suite=suite,
                introduced=introduced,
                fixed=fixed,
                last_affected=last_affected,
                versions=tuple(versions),
                status=RangeStatus(status),
            )
            for (
                *(ecosystem, package, suite, introduced, fixed, last_affected),
                versions,
                status,
            ) in ranges
        ),
        upstream=tuple(upstream),
    )


def _line(advisory: Advisory) -> bytes:
    ranges = [
        (
            each.ecosystem,
            each.package,
            each.suite,
            each.introduced,
            each.fixed,
            each.last_affected,
            each.versions,
            each.status,
        )
        for each in advisory.ranges
    ]
    fields = (
        advisory.id,
        advisory.source,
        advisory.aliases,
        advisory.summary,
        advisory.severity,
        advisory.published,
        advisory.modified,
        advisory.upstream,
        ranges,
    )
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"
