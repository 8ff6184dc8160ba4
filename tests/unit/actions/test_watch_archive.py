"""What is newer in the archive is found, counted and ranked as its users have to act on it."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from locked import package
from stores import open_store
from versions import layer, new_version

from herdbook.actions.watch_archive import keep_looking, look
from herdbook.actions.workshop import Workshop
from herdbook.campaigns.sightings import (
    NOTHING,
    RETRY_SECONDS,
    Fix,
    Held,
    Sighting,
    Sightings,
    counted,
    fixes_in,
    news,
    outdated_of,
    remembered,
    sightings_of,
    sorted_by_urgency,
)
from herdbook.catalogue.components import Component, Ecosystem, LayerBill, Origin
from herdbook.core.digests import of_bytes
from herdbook.core.errors import HerdbookError, NetworkError, VerificationError
from herdbook.core.progress import Progress
from herdbook.images.documents import LayerReference
from herdbook.packages.model import LockedPackage, Offer, Resolution, SignedIndex
from herdbook.packages.suites import Suite
from herdbook.trust.advisories import (
    Advisory,
    AffectedRange,
    Exploited,
    RangeStatus,
    Source,
)
from herdbook.trust.feeds import Feed, FeedKind
from herdbook.trust.judging import Verdict
from herdbook.trust.matching import Finding
from herdbook.trust.ports import FeedOrigin
from herdbook.trust.ranges import State
from herdbook.trust.vulnerabilities import Vulnerability

MOMENT = datetime(2026, 1, 2, tzinfo=UTC)


def held(
    name: str, version: str, source: str = "", built: str = "", suite: str = "bookworm"
) -> Component:
    """A binary package; `built` is the version of its source, if that is another one."""
    whole = (suite, "amd64", source or name, built or version)
    return Component(Ecosystem.DEBIAN, name, version, *whole)


def offered(
    name: str, version: str, source: str = "", built: str = "", pocket: str = "bookworm"
) -> LockedPackage:
    return package(name).model_copy(
        update={
            "version": version,
            "source": source or name,
            "source_version": built or version,
            "pocket": pocket,
        }
    )


LIBSSL, OPENSSL = held("libssl3", "3.0.9-1", "openssl"), held("openssl", "3.0.9-1")
OLDER = held("libssl3", "3.0.8-1", "openssl")
FIXED = (
    offered("libssl3", "3.0.11-1~deb12u2", "openssl", pocket="bookworm-security"),
    offered("openssl", "3.0.11-1~deb12u2", pocket="bookworm-security"),
)


def sighted(components: Sequence[Component], packages: Sequence[LockedPackage]) -> list[Sighting]:
    """Sightings where one image holds all components."""
    numbered = dict(enumerate(components))
    outdated = outdated_of(numbered, packages)
    everything = Held(numbered, {1: frozenset(numbered)}, {frozenset({1}): 1})
    return sightings_of(outdated, counted(outdated, everything))


# --- what is newer


def test_what_was_built_from_one_source_is_one_sighting() -> None:
    (found,) = sighted([LIBSSL, OPENSSL, OLDER], FIXED)
    assert (found.suite, found.source, found.pocket) == ("bookworm", "openssl", "bookworm-security")
    assert found.held == ("3.0.8-1", "3.0.9-1")
    assert found.available == "3.0.11-1~deb12u2"
    assert [(each.name, each.held) for each in found.packages] == [
        ("libssl3", ("3.0.8-1", "3.0.9-1")),
        ("openssl", ("3.0.9-1",)),
    ]


@pytest.mark.parametrize(
    ("own", "there", "older"),
    [
        ("3.0.9-1", "3.0.10-1", True),
        ("3.0.9-1", "3.0.9-1", False),
        ("3.0.9-1", "3.0.9-1~deb12u1", False),
        ("1:1.0", "9.0", False),
        ("3.0.9-1", "3.0.9-1+b1", True),
        ("not a version", "1.0", False),
    ],
)
def test_versions_are_compared_as_dpkg_does(own: str, there: str, older: bool) -> None:  # noqa: FBT001
    assert bool(sighted([held("web", own)], [offered("web", there)])) is older


def test_what_was_only_built_again_is_said_to_be() -> None:
    (found,) = sighted(
        [held("tool", "1.0-1", "tool")], [offered("tool", "1.0-1+b1", "tool", "1.0-1")]
    )
    assert found.rebuilt
    assert (found.held, found.available) == (("1.0-1",), "1.0-1")
    assert found.packages[0].available == "1.0-1+b1"
    assert not sighted([LIBSSL], FIXED)[0].rebuilt


def test_the_version_of_the_source_is_shown_where_the_packages_is_another() -> None:
    (found,) = sighted(
        [held("gcc", "4:12.2.0-3", "gcc-defaults", "1.203")],
        [offered("gcc", "4:12.2.0-4", "gcc-defaults", "1.204")],
    )
    assert (found.held, found.available) == (("1.203",), "1.204")


def test_the_newest_of_a_sources_packages_says_which_pocket() -> None:
    packages = (
        offered("libssl3", "3.0.11-1", "openssl", pocket="bookworm-updates"),
        offered("openssl", "3.0.12-1", pocket="bookworm-security"),
    )
    (found,) = sighted([LIBSSL, OPENSSL], packages)
    assert (found.available, found.pocket) == ("3.0.12-1", "bookworm-security")


def test_images_are_counted_once_in_however_many_layers() -> None:
    components = {1: LIBSSL, 2: OPENSSL, 3: held("web", "1"), 4: held("new", "2")}
    everything = Held(
        components,
        {10: frozenset({1}), 20: frozenset({2}), 30: frozenset({3}), 40: frozenset({4})},
        {
            frozenset({10, 20}): 5,
            frozenset({10, 30, 40}): 7,
            frozenset({20}): 11,
            frozenset({40}): 13,
        },
    )
    packages = (*FIXED, offered("web", "2"), offered("new", "2"))
    outdated = outdated_of(components, packages)
    assert counted(outdated, everything) == {
        ("bookworm", "openssl"): 23,
        ("bookworm", "web"): 7,
    }


# --- what it fixes


def vulnerability(
    name: str,
    fixed: str = "3.0.11-1~deb12u2",
    severity: str = "",
    status: RangeStatus = RangeStatus.OPEN,
    *,
    exploited: bool = False,
    component: Component = LIBSSL,
) -> Vulnerability:
    mark = Exploited(name, "2026-01-01", "", "") if exploited else None
    finding = Finding(component, name, State.AFFECTED, status, fixed)
    return Vulnerability(name, (name,), severity, "", Verdict(finding, None, mark), fixed)


def test_only_what_the_available_version_reaches_is_fixed() -> None:
    known = [
        vulnerability("CVE-1", "3.0.10-1"),
        vulnerability("CVE-2", "3.0.11-1~deb12u2"),
        vulnerability("CVE-3", "3.0.11-1"),
        vulnerability("CVE-4", ""),
        vulnerability("CVE-5", "no version"),
        vulnerability("CVE-6", status=RangeStatus.UNIMPORTANT),
    ]
    found = fixes_in("3.0.11-1~deb12u2", known)
    assert [each.name for each in found] == ["CVE-1", "CVE-2"]


def test_fixes_are_each_vulnerability_once_the_gravest_first() -> None:
    known = [
        vulnerability("CVE-1", severity="low"),
        vulnerability("CVE-2", severity="high"),
        vulnerability("CVE-3", exploited=True),
        vulnerability("CVE-1", severity="medium", component=OPENSSL),
    ]
    assert fixes_in("3.0.11-1~deb12u2", known) == (
        Fix("CVE-3", "", exploited=True),
        Fix("CVE-2", "high", exploited=False),
        Fix("CVE-1", "medium", exploited=False),
    )


# --- in which order


def sighting(source: str, images: int = 1, pocket: str = "bookworm", *fixes: Fix) -> Sighting:
    return Sighting("bookworm", source, ("1",), "2", pocket, (), images, fixes)


def test_security_exploited_severity_and_images_come_first() -> None:
    security = "bookworm-security"
    in_order = (
        sighting("a", 1, security, Fix("CVE-1", "", exploited=True)),
        sighting("b", 1, security, Fix("CVE-2", "high", exploited=False)),
        sighting("c", 9, security),
        sighting("d", 8, security),
        sighting("e", 1, "bookworm", Fix("CVE-3", "", exploited=True)),
        sighting("f", 2, "bookworm-updates"),
        sighting("g", 1),
        sighting("h", 1),
    )
    assert sorted_by_urgency(reversed(in_order)) == in_order


# --- what is new


def seen(*found: Sighting, **unread: HerdbookError) -> Sightings:
    return Sightings(found, {"bookworm": ()}, unread)


def test_only_what_was_not_seen_before_is_news() -> None:
    first, second = sighting("a"), sighting("b")
    assert news(NOTHING, seen(first)).found == (first,)
    assert news(seen(first), seen(first, second)).found == (second,)
    more = replace(first, images=7, held=("0", "1"))
    assert news(seen(first), seen(more)).found == ()


def test_another_pocket_and_another_fix_are_news() -> None:
    before = sighting("a")
    fix = Fix("CVE-1", "", exploited=False)
    for now in (
        replace(before, pocket="bookworm-security"),
        replace(before, fixes=(fix,)),
    ):
        assert news(seen(before), seen(now)).found == (now,)
    marked = replace(before, fixes=(replace(fix, exploited=True),))
    assert news(seen(replace(before, fixes=(fix,))), seen(marked)).found == (marked,)


def test_what_is_gone_and_comes_back_is_news_again() -> None:
    first = sighting("a")
    after = remembered(seen(first), seen())
    assert news(after, seen(first)).found == (first,)


def test_what_could_not_be_read_for_a_while_is_no_news() -> None:
    first = sighting("a")
    after = remembered(seen(first), seen(bookworm=NetworkError("gone")))
    assert news(after, seen(first)).found == ()


# --- the whole look


@dataclass
class Shelf:
    """An archive that has some packages, and fails for some suites."""

    packages: dict[str, tuple[LockedPackage, ...]]
    failing: dict[str, HerdbookError] = field(default_factory=dict)
    asked: list[tuple[str, frozenset[str]]] = field(default_factory=list)

    def newest(self, suite: Suite, names: Collection[str], progress: Progress) -> Offer:
        del progress
        self.asked.append((suite.name, frozenset(names)))
        if suite.name in self.failing:
            raise self.failing[suite.name]
        index = SignedIndex(pocket=suite.name, digest=of_bytes(b"index"), date=MOMENT)
        found = (each for each in self.packages.get(suite.name, ()) if each.name in names)
        return Offer(indexes=(index,), packages=tuple(found))

    def resolve(
        self,
        suite: Suite,
        sets: Sequence[Sequence[str]],
        progress: Progress,
        *,
        essential: bool = True,
        installed: str = "",
    ) -> Resolution:
        raise NotImplementedError

    def unlisted(
        self, suite: Suite, packages: Collection[LockedPackage], progress: Progress
    ) -> list[LockedPackage]:
        raise NotImplementedError

    def one_reading(self) -> AbstractContextManager[None]:
        raise NotImplementedError

    def fetch(self, packages: Sequence[LockedPackage], progress: Progress) -> None:
        raise NotImplementedError

    def kept(self, package: LockedPackage) -> Path:
        raise NotImplementedError


@dataclass
class Naps:
    """A clock that tells how long somebody slept, and wakes them at once."""

    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return MOMENT

    def monotonic_seconds(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


SSL, WEB, OLD, TRIXIE = layer("openssl"), layer("web"), layer("old"), layer("trixie")


def add(
    workshop: Workshop, image: str, *layers: LayerReference, bills: tuple[LayerBill, ...] = ()
) -> None:
    new = new_version(image, f"{image} {[each.title for each in layers]}")
    variants = tuple(replace(each, layers=layers) for each in new.variants)
    workshop.versions.add(replace(new, variants=variants, bills=bills))


def bill(of: LayerReference, *components: Component) -> LayerBill:
    return LayerBill(of.digest, components, Origin.DECLARED)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf({"bookworm": (*FIXED, offered("web", "9"), offered("gone", "9"))})


@pytest.fixture
def workshop(tmp_path: Path, shelf: Shelf) -> Workshop:
    """Two images that hold an old openssl, one of which held something else before."""
    workshop = replace(open_store(tmp_path / "state").workshop, archive=shelf, clock=Naps())
    bills = (bill(SSL, LIBSSL, OPENSSL), bill(WEB, held("web", "9")), bill(OLD, held("gone", "1")))
    add(workshop, "a", OLD, bills=(bills[2],))
    add(workshop, "a", SSL, WEB, bills=bills[:2])
    add(workshop, "b", SSL)
    return workshop


def test_what_only_old_versions_hold_is_not_looked_for(workshop: Workshop, shelf: Shelf) -> None:
    found = look(workshop)
    assert shelf.asked == [("bookworm", frozenset({"libssl3", "openssl", "web"}))]
    assert [(each.source, each.images) for each in found.found] == [("openssl", 2)]
    assert [index.pocket for index in found.indexes["bookworm"]] == ["bookworm"]
    assert found.unread == {}


def test_no_images_need_no_archive(tmp_path: Path, shelf: Shelf) -> None:
    workshop = replace(open_store(tmp_path / "empty").workshop, archive=shelf)
    assert look(workshop) == NOTHING
    assert shelf.asked == []


def test_what_is_fixed_is_unknown_without_advisories_and_told_with_them(
    workshop: Workshop,
) -> None:
    (found,) = look(workshop).found
    assert (found.fixes, found.fixes_known) == ((), False)
    assert look(workshop).no_data == ("bookworm",)
    ranges = (AffectedRange(Ecosystem.DEBIAN, "openssl", "bookworm", fixed="3.0.10-1"),)
    advisory = Advisory("CVE-2026-1", Source.DEBIAN, severity="high", ranges=ranges)
    mark = Exploited("CVE-2026-1", "2026-01-01", "", "")
    for feed in (
        Feed(FeedKind.DEBIAN, advisories=iter([advisory])),
        Feed(FeedKind.EXPLOITED, exploited=(mark,)),
    ):
        origin = FeedOrigin(f"a file of {feed.kind}", of_bytes(b""), MOMENT)
        workshop.advisories.import_feed(feed, origin)
    (found,) = look(workshop).found
    assert found.fixes == (Fix("CVE-2026-1", "high", exploited=True),)
    assert (found.severity, found.exploited, found.fixes_known) == ("high", True, True)
    assert look(workshop).no_data == ()


@pytest.mark.parametrize("error", [NetworkError("gone"), VerificationError("wrong")])
def test_a_suite_that_cannot_be_read_does_not_hide_the_others(
    workshop: Workshop, shelf: Shelf, error: HerdbookError
) -> None:
    there, foreign = held("web", "1", suite="trixie"), held("web", "1", suite="sid")
    add(workshop, "c", TRIXIE, bills=(bill(TRIXIE, there, foreign),))
    shelf.failing["trixie"] = error
    found = look(workshop)
    assert [each.suite for each in found.found] == ["bookworm"]
    assert found.unread == {"trixie": error}
    assert found.no_archive == ("sid",)
    assert found.no_data == ("bookworm",)


def test_looking_goes_on_and_tells_only_what_is_new(workshop: Workshop, shelf: Shelf) -> None:
    clock = Naps()
    looks = keep_looking(replace(workshop, clock=clock), 6 * 3600)
    assert [each.source for each in next(looks).found] == ["openssl"]
    assert next(looks).found == ()
    shelf.failing["bookworm"] = NetworkError("gone")
    assert list(next(looks).unread) == ["bookworm"]
    shelf.failing.clear()
    shelf.packages["bookworm"] += (offered("web", "10"),)
    shelf.packages["bookworm"] = tuple(
        each for each in shelf.packages["bookworm"] if each.label != "web 9"
    )
    assert [each.source for each in next(looks).found] == ["web"]
    assert clock.slept == [6 * 3600, 6 * 3600, RETRY_SECONDS]
