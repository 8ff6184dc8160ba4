"""Puts beside a finding what was said of it: that it does not matter here, or that it is urgent."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from herdbook.catalogue.components import Component
from herdbook.trust.advisories import Advisory, Exploited, RangeStatus, Source, Statement
from herdbook.trust.matching import UNSETTLED, Finding
from herdbook.trust.products import ImageIdentity, speaks_of


@dataclass(frozen=True)
class Verdict:
    """A finding, the newest statement that speaks of it, and whether it is known to be exploited.

    A statement never removes a finding: it is shown with who said it, and why.
    """

    finding: Finding
    statement: Statement | None = None
    exploited: Exploited | None = None

    @property
    def cleared(self) -> bool:
        """Whether somebody said that it needs no attention here."""
        return self.statement is not None and self.statement.status.clears

    @property
    def open(self) -> bool:
        """Whether somebody has to act or decide; what Debian calls unimportant needs nobody."""
        unimportant = self.finding.status is RangeStatus.UNIMPORTANT
        return self.finding.state in UNSETTLED and not unimportant and not self.cleared


class Opinions:
    """VEX statements and exploited vulnerabilities, to be found by a vulnerability's names."""

    def __init__(
        self, statements: Iterable[Statement] = (), exploited: Iterable[Exploited] = ()
    ) -> None:
        self._exploited = {_same_case(each.id): each for each in exploited}
        self._statements: dict[str, list[tuple[int, Statement]]] = defaultdict(list)
        in_order = sorted(statements, key=lambda each: each.timestamp)
        for number, statement in enumerate(in_order):
            for name in {_same_case(each) for each in statement.vulnerabilities}:
                self._statements[name].append((number, statement))

    def statement_on(
        self, advisory: Advisory, component: Component, image: ImageIdentity | None
    ) -> Statement | None:
        """Return the newest statement on an advisory that speaks of a component in an image.

        An advisory that is about several vulnerabilities is meant only by its own name: that one of
        them does not matter says nothing of the others, whatever aliases the statement has.
        """
        names = {_same_case(each) for each in advisory.names}
        several = len(advisory.upstream) > 1
        applying = {
            number: statement
            for name in names
            for number, statement in self._statements.get(name, ())
            if (not several or _same_case(statement.vulnerabilities[0]) in names)
            and any(speaks_of(each, component, image) for each in statement.products)
        }
        return applying[max(applying)] if applying else None

    def exploited(self, advisory: Advisory) -> Exploited | None:
        """Return the mark of an advisory one of whose vulnerabilities is exploited."""
        names = (*advisory.names, *advisory.upstream)
        marks = (self._exploited.get(_same_case(each)) for each in names)
        return next(filter(None, marks), None)


def judged(
    findings: Iterable[Finding],
    advisories: Mapping[str, Advisory],
    opinions: Opinions,
    image: ImageIdentity | None = None,
) -> Iterator[Verdict]:
    """Yield every finding with what is said of it, in the image that holds the component.

    `advisories` are those of the findings by identifier; their ranges are not looked at. Without
    an image, statements on images say nothing.
    """
    for finding in findings:
        unknown = Advisory(finding.advisory_id, Source.OSV)
        advisory = advisories.get(finding.advisory_id, unknown)
        statement = opinions.statement_on(advisory, finding.component, image)
        yield Verdict(finding, statement, opinions.exploited(advisory))


def _same_case(name: str) -> str:
    return name.casefold()
