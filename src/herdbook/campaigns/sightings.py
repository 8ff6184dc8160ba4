"""What was seen that is newer than what images hold, and how urgent it is."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cmp_to_key

from herdbook.catalogue.components import Component, Ecosystem
from herdbook.core.errors import HerdbookError
from herdbook.packages.model import LockedPackage, SignedIndex
from herdbook.packages.suites import SUITES
from herdbook.trust.matching import version_of
from herdbook.trust.severities import RANKED, worst
from herdbook.trust.version_order import compare_versions, is_older
from herdbook.trust.vulnerabilities import Vulnerability

RETRY_SECONDS = 300.0
"""After how long an archive that could not be read is asked again, if not sooner anyway."""

PYPI = "pypi"
"""The pocket of what is of Python."""


@dataclass(frozen=True)
class Held:
    """What images' newest versions hold of Debian, by the index's numbers.

    `layers` has the components of each layer; `images` says how many images have just these of the
    layers: as most images share their layers with many others, there are few such combinations.
    """

    components: Mapping[int, Component]
    layers: Mapping[int, frozenset[int]]
    images: Mapping[frozenset[int], int]


@dataclass(frozen=True)
class Outdated:
    """A component that is held, by the index's number, and what the archive has in its place."""

    number: int
    component: Component
    package: LockedPackage


@dataclass(frozen=True)
class Fix:
    """A vulnerability that the newer version does not have any more."""

    name: str
    severity: str
    exploited: bool


@dataclass(frozen=True)
class NewerPackage:
    """A binary package: the older versions of it that are held, and the one the archive has."""

    name: str
    held: tuple[str, ...]
    available: str


@dataclass(frozen=True)
class Sighting:
    """A source of which there is something newer than `images` images hold.

    What is of Python is in no suite, and its pocket is called `pypi`.
    `held` are the older versions of the source, the oldest first. Where its packages were only
    built again, `available` is one of them. Nobody knows what is fixed unless `fixes_known`.
    """

    suite: str
    source: str
    held: tuple[str, ...]
    available: str
    pocket: str
    packages: tuple[NewerPackage, ...]
    images: int
    fixes: tuple[Fix, ...] = ()
    fixes_known: bool = True

    @property
    def severity(self) -> str:
        """The gravest of what is fixed, empty where nobody rated it."""
        return worst(each.severity for each in self.fixes)

    @property
    def exploited(self) -> bool:
        """Whether something that is fixed is known to be exploited."""
        return any(each.exploited for each in self.fixes)

    @property
    def of_security(self) -> bool:
        """Whether the newer version is in the suite's security pocket."""
        return self.suite in SUITES and self.pocket == SUITES[self.suite].security

    @property
    def rebuilt(self) -> bool:
        """Whether the same version of the source was only built again."""
        return self.available in self.held


@dataclass(frozen=True)
class Sightings:
    """What was seen, the most urgent first, and what was not looked at.

    `indexes` are those of the suites that were read, `unread` says why others were not; of
    `no_archive` suites none is known. About `no_data` suites no advisories were imported. Of
    `layers_not_scanned` nobody knows what they hold.
    """

    found: tuple[Sighting, ...]
    indexes: Mapping[str, tuple[SignedIndex, ...]]
    unread: Mapping[str, HerdbookError]
    no_archive: tuple[str, ...] = ()
    no_data: tuple[str, ...] = ()
    layers_not_scanned: int = 0


NOTHING = Sightings((), {}, {})


def news(before: Sightings, now: Sightings) -> Sightings:
    """Return of what is seen now what was not seen before, or is known to fix more than then."""
    seen = {_identity(each) for each in before.found}
    return replace(now, found=tuple(each for each in now.found if _identity(each) not in seen))


def remembered(before: Sightings, now: Sightings) -> Sightings:
    """Return what is seen now, and of suites that could not be read what was seen before."""
    kept = tuple(each for each in before.found if each.suite in now.unread)
    return replace(now, found=(*now.found, *kept))


def _identity(each: Sighting) -> tuple[object, ...]:
    packages = {(package.name, package.available) for package in each.packages}
    return each.suite, each.source, each.pocket, frozenset(packages), each.fixes


def outdated_of(
    components: Mapping[int, Component], offered: Iterable[LockedPackage]
) -> list[Outdated]:
    """Return those components that are older than what a suite offers, by dpkg's order.

    Versions of binary packages decide, as for apt: they grow where a package was only built again,
    for instance with another version of what is linked into it.
    """
    by_name = {each.name: each for each in offered}
    return [
        Outdated(number, each, by_name[each.name])
        for number, each in sorted(components.items())
        if each.name in by_name and _order(each.version, by_name[each.name].version) < 0
    ]


def counted(outdated: Iterable[Outdated], held: Held) -> Counter[tuple[str, str]]:
    """Return by suite and source how many images hold something outdated of it."""
    keys = {each.number: key_of(each) for each in outdated}
    by_layer = {
        layer: {keys[number] for number in numbers & keys.keys()}
        for layer, numbers in held.layers.items()
    }
    found: Counter[tuple[str, str]] = Counter()
    for layers, count in held.images.items():
        for key in set[tuple[str, str]]().union(*(by_layer[layer] for layer in layers)):
            found[key] += count
    return found


def sightings_of(
    outdated: Iterable[Outdated], images: Mapping[tuple[str, str], int]
) -> list[Sighting]:
    """Return outdated components by the source that a newer version was built from."""
    groups: dict[tuple[str, str], list[Outdated]] = defaultdict(list)
    for each in outdated:
        groups[key_of(each)].append(each)
    return [_sighting(group, images[key]) for key, group in groups.items()]


def _sighting(group: Collection[Outdated], images: int) -> Sighting:
    newest = max((each.package for each in group), key=lambda each: _ORDERED(each.source_version))
    packages: dict[str, list[Outdated]] = defaultdict(list)
    for each in group:
        packages[each.component.name].append(each)
    return Sighting(
        suite=next(iter(group)).component.suite,
        source=newest.source,
        held=_in_order(version_of(each.component) for each in group),
        available=newest.source_version,
        pocket=newest.pocket,
        packages=tuple(
            NewerPackage(
                name,
                _in_order(each.component.version for each in packages[name]),
                packages[name][0].package.version,
            )
            for name in sorted(packages)
        ),
        images=images,
    )


def sightings_of_python(
    found: Iterable[tuple[Mapping[str, str], Mapping[str, str], int]],
) -> list[Sighting]:
    """Return what is newer of Python, a sighting for each package and version it could have.

    Each of `found` is what so many images hold by name, and what they could have.
    """
    held: dict[tuple[str, str], set[str]] = defaultdict(set)
    images: Counter[tuple[str, str]] = Counter()
    for old, new, count in found:
        for name in old.keys() & new.keys():
            if is_older(Ecosystem.PYTHON, old[name], new[name]):
                held[name, new[name]].add(old[name])
                images[name, new[name]] += count
    return [
        Sighting("", name, tuple(sorted(held[name, version])), version, PYPI, (), count)
        for (name, version), count in sorted(images.items())
    ]


def fixes_in(
    available: str,
    vulnerabilities: Iterable[Vulnerability],
    ecosystem: Ecosystem = Ecosystem.DEBIAN,
) -> tuple[Fix, ...]:
    """Return those vulnerabilities that a source's version fixes, the gravest first.

    What needs nobody's attention (unimportant, or cleared for the component) is left out.
    """
    found: dict[str, list[Vulnerability]] = defaultdict(list)
    for each in vulnerabilities:
        reached = compare_versions(ecosystem, available, each.fixed) in (0, 1)
        if each.open and reached:
            found[each.name].append(each)
    fixes = [
        Fix(name, worst(each.severity for each in same), any(each.exploited for each in same))
        for name, same in found.items()
    ]
    return tuple(
        sorted(fixes, key=lambda each: (not each.exploited, -_rank(each.severity), each.name))
    )


def sorted_by_urgency(sightings: Iterable[Sighting]) -> tuple[Sighting, ...]:
    """Return first what is of a security pocket, exploited, grave, or held by many images."""
    return tuple(sorted(sightings, key=_urgency))


def _urgency(each: Sighting) -> tuple[object, ...]:
    grave = -_rank(each.severity)
    return not each.of_security, not each.exploited, grave, -each.images, each.suite, each.source


def _rank(severity: str) -> int:
    return RANKED.index(severity) + 1 if severity else 0


def key_of(each: Outdated) -> tuple[str, str]:
    """Return suite and source of what is outdated."""
    return each.component.suite, each.package.source


def _in_order(versions: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(dict.fromkeys(versions), key=_ORDERED))


def _order(left: str, right: str) -> int:
    """Return -1, 0 or 1; what is no version, and dpkg refuses, is neither older nor newer."""
    return compare_versions(Ecosystem.DEBIAN, left, right) or 0


_ORDERED = cmp_to_key(_order)
