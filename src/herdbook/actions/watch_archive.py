"""Sees which packages there are newer versions of than images' newest versions hold.

For Debian's, the signed archive is read; for Python's, what recipes ask for is resolved anew.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from herdbook.actions.find_fixes import known_against
from herdbook.actions.find_python import newer_python
from herdbook.actions.workshop import Workshop
from herdbook.campaigns.sightings import (
    NOTHING,
    RETRY_SECONDS,
    Held,
    Outdated,
    Sighting,
    Sightings,
    counted,
    fixes_in,
    key_of,
    news,
    outdated_of,
    remembered,
    sightings_of,
    sightings_of_python,
    sorted_by_urgency,
)
from herdbook.catalogue.components import Ecosystem
from herdbook.core.errors import HerdbookError, NetworkError, VerificationError
from herdbook.packages.model import SignedIndex
from herdbook.packages.suites import SUITES


def look(workshop: Workshop, *, languages: bool = False) -> Sightings:
    """Read and verify the indexes of all suites that are held, and say what is newer there.

    With `languages`, also resolve anew what recipes ask for of Python.

    A suite whose index cannot be read or trusted is told of in `unread`; the others are looked at.
    """
    held = held_now(workshop)
    suites = {each.suite for each in held.components.values()}
    outdated: list[Outdated] = []
    indexes, unread = dict[str, tuple[SignedIndex, ...]](), dict[str, HerdbookError]()
    for suite in sorted(suites & SUITES.keys()):
        try:
            indexes[suite], newer = _in_archive(workshop, suite, held)
        except (NetworkError, VerificationError) as error:
            unread[suite] = error
        else:
            outdated += newer
    # Before findings: what is imported meanwhile must not make a suite look known and clean.
    known = workshop.advisories.knowledge().advisories
    no_data = tuple(each for each in sorted(indexes) if not known.get((Ecosystem.DEBIAN, each)))
    found = [
        replace(each, fixes_known=each.suite not in no_data)
        for each in _with_fixes(workshop, sightings_of(outdated, counted(outdated, held)), outdated)
    ]
    if languages:
        found += _of_python(workshop, known=bool(known.get((Ecosystem.PYTHON, ""))))
    return Sightings(
        found=sorted_by_urgency(found),
        indexes=indexes,
        unread=unread,
        no_archive=tuple(sorted(suites - SUITES.keys())),
        no_data=no_data,
        layers_not_scanned=workshop.components.count_not_scanned(),
    )


def keep_looking(
    workshop: Workshop, every_seconds: float, *, languages: bool = False
) -> Iterator[Sightings]:
    """Look again and again, and yield of each look only what was not seen by the one before it.

    Where an archive could not be read, the next look follows sooner.
    """
    before = NOTHING
    while True:
        now = look(workshop, languages=languages)
        yield news(before, now)
        before = remembered(before, now)
        workshop.clock.sleep(min(every_seconds, RETRY_SECONDS) if now.unread else every_seconds)


def held_now(workshop: Workshop) -> Held:
    """Return what images' newest versions hold of Debian; the register is gone through once."""
    components = {
        number: each
        for number, each in workshop.components.every()
        if each.ecosystem is Ecosystem.DEBIAN
    }
    layers: dict[int, set[int]] = defaultdict(set)
    for use in workshop.components.uses(components):
        layers[use.layer].add(use.component)
    holdings = Counter(each.holdings for each in workshop.components.holders(layers))
    images: Counter[frozenset[int]] = Counter()
    for held, count in holdings.items():
        images[frozenset(each.layer for each in held)] += count
    in_use = frozenset[int]().union(*images)
    held_components = set[int]().union(*(layers[each] for each in in_use))
    return Held(
        {number: components[number] for number in held_components},
        {layer: frozenset(layers[layer]) for layer in in_use},
        images,
    )


def _in_archive(
    workshop: Workshop, suite: str, held: Held
) -> tuple[tuple[SignedIndex, ...], list[Outdated]]:
    """Return a suite's indexes, and which of its components that are held are older than there."""
    mine = {number: each for number, each in held.components.items() if each.suite == suite}
    names = {each.name for each in mine.values()}
    offer = workshop.archive.newest(SUITES[suite], names, workshop.progress)
    return offer.indexes, outdated_of(mine, offer.packages)


def _with_fixes(
    workshop: Workshop, sightings: Iterable[Sighting], outdated: Iterable[Outdated]
) -> Iterator[Sighting]:
    """Yield sightings with what they fix, as far as imported advisories know."""
    known = known_against(workshop, {each.number: key_of(each) for each in outdated})
    for each in sightings:
        fixes = fixes_in(each.available, known.get((each.suite, each.source), ()))
        yield replace(each, fixes=fixes)


def _of_python(workshop: Workshop, *, known: bool) -> Iterator[Sighting]:
    """Yield what recipes could have of Python that is newer, with what it fixes."""
    names = {
        number: each.name
        for number, each in workshop.components.every()
        if each.ecosystem is Ecosystem.PYTHON
    }
    found = sightings_of_python(
        (old.versions, new.versions, of.images) for of, old, new in newer_python(workshop, names)
    )
    against = known_against(workshop, names)
    for each in found:
        fixes = fixes_in(each.available, against.get(each.source, ()), Ecosystem.PYTHON)
        yield replace(each, fixes=fixes, fixes_known=known)
