"""Decides how a version stands in what is to be found out of it, by what came of trying it."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from herdbook.channels.gate_rules import Gates, text_of
from herdbook.channels.results import Result, ResultKind, title_of
from herdbook.core.digests import EMPTY, Digest
from herdbook.recipes.model import RecipeTest, Variant


class Standing(StrEnum):
    """How a version stands in one of the things that are to be found out."""

    PASSED = "passed"
    FAILED = "failed"
    MISSING = "missing"
    """Nobody has found it out, or nobody's word that counts is on it."""
    STALE = "stale"
    """It passed too long ago."""


class Tried(BaseModel):
    """One of the things that are to be found out of a version; `failed` are its parts that did not.

    `never` says why it cannot be found out at all; empty where it can.
    """

    model_config = ConfigDict(frozen=True)

    kind: ResultKind
    name: str
    text: Digest
    standing: Standing
    failed: tuple[str, ...] = ()
    never: str = ""

    @property
    def title(self) -> str:
        """How people name it."""
        return title_of(self.kind, self.name)


@dataclass(frozen=True)
class Subject:
    """What of a version decides which things are to be found out of it.

    `tests` are those of its recipe, None where that cannot be read; it is to get to
    `channel`.
    """

    variants: Collection[Variant]
    tests: tuple[RecipeTest, ...] | None
    channel: str


_Wanted = tuple[ResultKind, str, Digest, str]


def text_of_tests(tests: Iterable[RecipeTest]) -> Digest:
    """Return what names the words of tests."""
    return text_of(*(each.run for each in tests))


def tried(
    gates: Gates, subject: Subject, results: Iterable[Result], now: datetime
) -> tuple[Tried, ...]:
    """Return how a version stands: in what gates want, in their order, then in all else known."""
    known = {(each.kind, each.name, each.text): each for each in results}
    wanted = list(_wanted(gates, subject))
    keys = {(kind, name, text) for kind, name, text, _ in wanted}
    more = sorted(key for key in known if key not in keys and _is_present(key, subject))
    return tuple(
        _tried(each, known, gates, now) for each in (*wanted, *((*key, "") for key in more))
    )


def _is_present(key: tuple[ResultKind, str, Digest], subject: Subject) -> bool:
    """Tell whether a result is about something of today's: not a command that nobody wants."""
    return key[0] is not ResultKind.COMMAND and (
        key[0] is not ResultKind.TESTS or key[2] == text_of_tests(subject.tests or ())
    )


def _wanted(gates: Gates, subject: Subject) -> Iterator[_Wanted]:
    for variant in dict.fromkeys(gates.boots):
        absent = f"it has no {variant}: its recipe's `variants` do not name it"
        yield ResultKind.BOOTS, variant.value, EMPTY, "" if variant in subject.variants else absent
    if gates.tests:
        yield from _wanted_tests(subject)
    if gates.reproduced:
        yield ResultKind.REPRODUCED, "", EMPTY, ""
    for command in gates.commands:
        yield ResultKind.COMMAND, command.name, command.text_for(subject.channel), ""


def _wanted_tests(subject: Subject) -> Iterator[_Wanted]:
    """Yield those of each variant: what holds in the container need not hold in the machine."""
    text = text_of_tests(subject.tests or ())
    if subject.tests is None:
        yield ResultKind.TESTS, "", text, "its recipe cannot be read any more"
    elif not subject.tests:
        yield ResultKind.TESTS, "", text, "its recipe has no `tests`"
    else:
        for variant in dict.fromkeys(subject.variants):
            yield ResultKind.TESTS, variant.value, text, ""


def _tried(
    wanted: _Wanted,
    known: Mapping[tuple[ResultKind, str, Digest], Result],
    gates: Gates,
    now: datetime,
) -> Tried:
    kind, name, text, never = wanted
    result = None if never else known.get((kind, name, text))
    standing = _standing(result, gates, now)
    failed = result.failed if result else ()
    return Tried(kind=kind, name=name, text=text, standing=standing, failed=failed, never=never)


def _standing(result: Result | None, gates: Gates, now: datetime) -> Standing:
    if result is None:
        return Standing.MISSING
    if not result.passed:
        return Standing.FAILED
    stale = gates.lasts is not None and now >= result.at + gates.lasts
    return Standing.STALE if stale else Standing.PASSED
