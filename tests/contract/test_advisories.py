"""The promises of the port AdvisoryRegister, proven on every kind of database."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from versions import layer, new_version

from herdbook.catalogue.components import Component, Ecosystem, LayerBill, Origin
from herdbook.core.digests import of_bytes
from herdbook.core.errors import InvalidInputError
from herdbook.store.advisories import SqlAdvisories
from herdbook.store.components import SqlComponents
from herdbook.store.versions import SqlVersions
from herdbook.trust.advisories import RangeStatus, Source
from herdbook.trust.feeds import FeedKind, read_feed
from herdbook.trust.ports import AdvisoryRegister, FeedOrigin, Import
from herdbook.trust.ranges import State

DEBIAN, PYTHON, NODE = Ecosystem.DEBIAN, Ecosystem.PYTHON, Ecosystem.NODE
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LIBSSL = Component(DEBIAN, "libssl3", "3.0.9-1", "bookworm", "amd64", "openssl", "3.0.9-1")
FLASK = Component(PYTHON, "flask", "2.0.0")
EXPRESS = Component(NODE, "express", "4.0.0")


@dataclass
class Register:
    """A register with everything beside it that its promises are about."""

    engine: Engine
    seeds: int = 0

    @property
    def advisories(self) -> AdvisoryRegister:
        return SqlAdvisories(self.engine)

    def hold(self, *components: Component) -> list[int]:
        """Have a version that holds components, and return their numbers."""
        self.seeds += 1
        new = new_version(f"shop/web{self.seeds}", f"{self.seeds}")
        own = layer(f"{self.seeds}")
        variants = tuple(replace(each, layers=(own,)) for each in new.variants)
        bill = LayerBill(own.digest, components, Origin.DECLARED)
        SqlVersions(self.engine).add(replace(new, variants=variants, bills=(bill,)))
        numbers = self.advisories.numbers_of(components)
        return [numbers[each.purl] for each in components]

    def import_(
        self, content: bytes | object, name: str = "feed", *, whole: bool = False
    ) -> Import:
        written = content if isinstance(content, bytes) else json.dumps(content).encode()
        feed = read_feed(written, name)
        origin = FeedOrigin(name, of_bytes(written), MOMENT, whole=whole)
        return self.advisories.import_feed(feed, origin)

    def found(self, number: int) -> list[tuple[str, State, str]]:
        """Return what was found of a component."""
        found = self.advisories.findings_of([number])[number]
        return [(each.advisory.id, each.state, each.fixed) for each in found]

    def rows(self, table: str) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608


@pytest.fixture
def register(engine: Engine) -> Register:
    return Register(engine)


def release(status: str = "open", fixed: str | None = None, **more: str) -> dict[str, Any]:
    return {"status": status, **({"fixed_version": fixed} if fixed else {}), **more}


def tracker(**issues: dict[str, Any]) -> dict[str, Any]:
    """Return a tracker that speaks of openssl in bookworm alone."""
    return {
        "openssl": {
            name.replace("_", "-"): {"description": "A flaw", "releases": {"bookworm": said}}
            for name, said in issues.items()
        }
    }


def osv(name: str, *packages: tuple[str, str], fixed: str = "9", **more: Any) -> dict[str, Any]:
    events = [{"introduced": "0"}, {"fixed": fixed}]
    affected = [
        {
            "package": {"ecosystem": ecosystem, "name": package},
            "ranges": [{"type": "ECOSYSTEM", "events": events}],
        }
        for ecosystem, package in packages
    ]
    return {"id": name, "modified": "2026-01-01T00:00:00Z", "affected": affected, **more}


def archive(*documents: dict[str, Any]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for document in documents:
            file.writestr(f"{document['id']}.json", json.dumps(document))
    return packed.getvalue()


def statement(name: str, product: str, status: str = "not_affected") -> dict[str, Any]:
    return {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "author": "us",
        "timestamp": "2026-01-01T00:00:00Z",
        "statements": [
            {
                "vulnerability": {"name": name},
                "products": [product],
                "status": status,
                "justification": "component_not_present",
            }
        ],
    }


def kev(*names: str) -> dict[str, Any]:
    listed = [{"cveID": each, "dateAdded": "2026-01-01", "dueDate": "2026-02-01"} for each in names]
    return {"catalogVersion": "1", "vulnerabilities": listed}


def test_an_import_finds_what_the_components_have(register: Register) -> None:
    libssl, flask, express = register.hold(LIBSSL, FLASK, EXPRESS)
    register.import_(tracker(CVE_1=release("resolved", "3.0.11-1"), CVE_2=release()))
    register.import_(osv("GHSA-1", ("PyPI", "Flask"), fixed="2.1", aliases=["CVE-3"]))
    assert register.found(libssl) == [
        ("CVE-1", State.AFFECTED, "3.0.11-1"),
        ("CVE-2", State.AFFECTED, ""),
    ]
    assert register.found(flask) == [("GHSA-1", State.AFFECTED, "2.1")]
    assert register.found(express) == []


def test_components_that_come_later_are_matched_too(register: Register) -> None:
    register.import_(osv("GHSA-1", ("PyPI", "flask")))
    assert register.advisories.match_new() == 0
    (flask,) = register.hold(FLASK)
    assert register.advisories.match_new() == 1
    assert register.advisories.match_new() == 0
    assert register.rows("findings") == 1
    (other,) = register.hold(replace(FLASK, version="2.0.1"))
    assert [each[0] for each in register.found(other)] == ["GHSA-1"]  # even if nobody asked to
    assert [each[0] for each in register.found(flask)] == ["GHSA-1"]


def test_findings_carry_what_their_advisory_says(register: Register) -> None:
    (flask,) = register.hold(FLASK)
    said: dict[str, Any] = {
        "aliases": ["CVE-3"],
        "upstream": ["U-1"],
        "summary": "Bad",
        "published": "2026",
    }
    register.import_(
        osv("GHSA-1", ("PyPI", "flask"), database_specific={"severity": "HIGH"}, **said)
    )
    (known,) = register.advisories.findings_of([flask])[flask]
    advisory = known.advisory
    assert (advisory.source, advisory.aliases, advisory.upstream) == (
        *(Source.OSV, ("CVE-3",), ("U-1",)),
    )
    assert (advisory.summary, advisory.severity, advisory.published) == ("Bad", "high", "2026")
    assert (known.component, known.finding.status) == (FLASK, RangeStatus.FIXED)


def test_an_advisory_that_is_imported_again_says_what_it_said_last(register: Register) -> None:
    (flask,) = register.hold(FLASK)
    register.import_(osv("GHSA-1", ("PyPI", "flask"), aliases=["CVE-3"]))
    done = register.import_(osv("GHSA-1", ("PyPI", "flask"), fixed="2.0", aliases=["CVE-4"]))
    assert (done.added, done.changed, done.removed) == (0, 1, 0)
    assert register.found(flask) == []
    assert register.advisories.advisories("CVE-3") == []
    assert [each.id for each in register.advisories.advisories("CVE-4")] == ["GHSA-1"]
    register.import_(osv("GHSA-1", ("npm", "express"), aliases=["CVE-4"]))
    assert register.advisories.components_with("CVE-4", frozenset(State)) == {}


def test_the_same_again_changes_nothing(register: Register) -> None:
    (libssl,) = register.hold(LIBSSL)
    feed = tracker(CVE_1=release(), CVE_2=release())
    first = register.import_(feed, whole=True)
    before = register.found(libssl)
    again = register.import_(feed, whole=True)
    assert (first.added, first.changed, first.removed) == (2, 0, 0)
    assert (again.added, again.changed, again.removed) == (0, 0, 0)
    assert register.found(libssl) == before
    assert len(register.advisories.feeds()) == 1


def test_a_part_leaves_what_else_its_source_said(register: Register) -> None:
    flask, express = register.hold(FLASK, EXPRESS)
    register.import_([osv("GHSA-1", ("PyPI", "flask")), osv("GHSA-2", ("npm", "express"))], "all")
    register.import_([osv("GHSA-3", ("PyPI", "flask"))], "all")
    assert [each[0] for each in register.found(flask)] == ["GHSA-1", "GHSA-3"]
    assert [each[0] for each in register.found(express)] == ["GHSA-2"]


def test_the_whole_tracker_takes_back_what_it_says_no_more(register: Register) -> None:
    libssl, flask = register.hold(LIBSSL, FLASK)
    register.import_(tracker(CVE_1=release(), CVE_2=release()), "one", whole=True)
    register.import_(osv("CVE-1", ("PyPI", "flask")))
    done = register.import_(tracker(CVE_2=release()), "other", whole=True)
    assert (done.added, done.changed, done.removed) == (0, 0, 1)
    assert [each[0] for each in register.found(libssl)] == ["CVE-2"]
    assert [each[0] for each in register.found(flask)] == ["CVE-1"]
    assert [each.name for each in register.advisories.feeds()] == ["other", "feed"]


def test_the_whole_of_an_ecosystem_leaves_the_others(register: Register) -> None:
    flask, express = register.hold(FLASK, EXPRESS)
    both = osv("GHSA-2", ("PyPI", "flask"), ("npm", "express"))
    npm = archive(both, osv("GHSA-3", ("npm", "express")))
    register.import_(npm, "npm", whole=True)
    register.import_(archive(osv("GHSA-1", ("PyPI", "flask")), both), "pypi", whole=True)
    assert [each[0] for each in register.found(express)] == ["GHSA-2", "GHSA-3"]
    new = archive(osv("GHSA-4", ("PyPI", "flask")), osv("GHSA-5", ("PyPI", "flask")))
    done = register.import_(new, "pypi", whole=True)
    assert (done.added, done.changed, done.removed) == (2, 0, 1)
    assert [each[0] for each in register.found(flask)] == ["GHSA-4", "GHSA-5"]
    assert [each[0] for each in register.found(express)] == ["GHSA-2", "GHSA-3"]
    register.import_(npm, "npm", whole=True)  # nothing new but for what was taken back of it
    assert [each[0] for each in register.found(flask)] == ["GHSA-2", "GHSA-4", "GHSA-5"]


@pytest.mark.parametrize("other", ["Maven", "Debian:7"])
def test_the_whole_of_what_is_not_kept_leaves_all_that_is(register: Register, other: str) -> None:
    """Its advisories that speak of npm too are not on npm alone."""
    (express,) = register.hold(EXPRESS)
    register.import_(osv("GHSA-1", ("npm", "express")))
    both = osv("GHSA-2", (other, "a"), ("npm", "express"))
    done = register.import_(archive(both, osv("GHSA-3", (other, "a"))), "other", whole=True)
    assert (done.added, done.changed, done.removed, done.feed.count) == (1, 0, 0, 1)
    assert [each[0] for each in register.found(express)] == ["GHSA-1", "GHSA-2"]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    "now",
    [
        osv("GHSA-1", ("npm", "express"), withdrawn="2026-02-01T00:00:00Z"),
        osv("GHSA-1", ("Go", "express")),
        osv("GHSA-1"),
    ],
)
def test_an_advisory_that_is_none_any_more_takes_back_what_it_said(
    register: Register, now: dict[str, Any], *, packed: bool
) -> None:
    (express,) = register.hold(EXPRESS)
    register.import_([osv("GHSA-1", ("npm", "express")), osv("GHSA-2", ("npm", "express"))])
    never_known = osv("GHSA-9", ("Go", "express"))
    new = archive(now, never_known) if packed else [now, never_known]
    done = register.import_(new, "new")
    assert (done.added, done.changed, done.removed, done.feed.count) == (0, 0, 1, 0)
    assert [each[0] for each in register.found(express)] == ["GHSA-2"]
    assert register.advisories.advisories("GHSA-1") == []
    assert register.advisories.knowledge().advisories == {(NODE, ""): 1}
    again = register.import_(new, "new")
    assert (again.added, again.changed, again.removed) == (0, 0, 0)
    assert register.import_(osv("GHSA-1", ("npm", "express"))).added == 1


def test_the_list_of_exploited_replaces_the_one_before(register: Register) -> None:
    register.import_(osv("GHSA-1", ("PyPI", "flask"), aliases=["CVE-1"]))
    register.import_(osv("GHSA-2", ("PyPI", "flask"), aliases=["CVE-2"]))
    register.import_(kev("CVE-1"), "old")
    done = register.import_(kev("CVE-2"), "new")
    assert (done.added, done.changed, done.removed) == (1, 0, 1)
    opinions = register.advisories.opinions()
    marks = [opinions.exploited(register.advisories.advisories(f"GHSA-{n}")[0]) for n in (1, 2)]
    assert marks[0] is None
    assert marks[1] is not None
    assert (marks[1].added, marks[1].due) == ("2026-01-01", "2026-02-01")
    kinds = [(each.kind, each.name) for each in register.advisories.feeds()]
    assert (FeedKind.EXPLOITED, "new") in kinds
    assert (FeedKind.EXPLOITED, "old") not in kinds


def test_statements_are_replaced_by_those_of_the_same_name(register: Register) -> None:
    def speaks(name: str) -> bool:
        (advisory,) = register.advisories.advisories(name)
        return register.advisories.opinions().statement_on(advisory, FLASK, None) is not None

    for name in ("CVE-1", "CVE-2", "CVE-3"):
        register.import_(osv(name, ("PyPI", "flask")))
    register.import_(statement("CVE-1", "pkg:pypi/flask"), "ours")
    register.import_(statement("CVE-2", "pkg:pypi/flask"), "theirs")
    done = register.import_(statement("CVE-3", "pkg:pypi/flask"), "ours")
    assert (done.added, done.changed, done.removed) == (1, 0, 1)
    assert [speaks(f"CVE-{number}") for number in (1, 2, 3)] == [False, True, True]


@pytest.mark.parametrize(
    "damaged",
    [
        b'{"id": "GHSA-9", "modified": "x"}\n{"id": "GHSA-8", "modi',
        json.dumps({"openssl": {"CVE-9": {"releases": {}}}}).encode()[:-4],
        json.dumps(tracker(CVE_9=release()) | {"curl": 3}).encode(),
        json.dumps([osv("GHSA-9", ("PyPI", "flask")), {"id": "GHSA-8", "affected": 3}]).encode(),
        archive(osv("GHSA-9", ("PyPI", "flask")), osv("GHSA-8", ("PyPI", "flask"), affected=3)),
        json.dumps(osv("GHSA-9" + "9" * 300, ("PyPI", "flask"))).encode(),
        json.dumps(kev("CVE-9", "C" * 300)).encode(),
        gzip.compress(json.dumps(tracker(CVE_9=release())).encode())[:-9],
    ],
    ids=[
        *("lines cut off", "tracker cut off", "tracker with more", "list with more"),
        *("archive with more", "long name", "long text", "gzip cut off"),
    ],
)
def test_a_damaged_feed_changes_nothing(register: Register, damaged: bytes) -> None:
    (flask,) = register.hold(FLASK)
    register.import_(osv("GHSA-1", ("PyPI", "flask")))
    register.import_(kev("CVE-1"))
    before = (register.found(flask), register.advisories.feeds(), register.advisories.knowledge())
    with pytest.raises(InvalidInputError):
        register.import_(damaged, whole=True)
    after = (register.found(flask), register.advisories.feeds(), register.advisories.knowledge())
    assert before == after
    assert register.rows("advisories") == register.rows("exploited") == 1


def test_an_import_is_kept_whole_or_not_at_all(register: Register, engine: Engine) -> None:
    (libssl,) = register.hold(LIBSSL)
    register.import_(tracker(CVE_1=release()), whole=True)

    def fail(*arguments: object) -> None:
        if "INTO advisory_scopes" in str(arguments[2]):
            raise RuntimeError("the machine stops here")

    event.listen(engine, "before_cursor_execute", fail)
    with pytest.raises(RuntimeError):
        register.import_(tracker(CVE_2=release()), whole=True)
    event.remove(engine, "before_cursor_execute", fail)
    assert [each[0] for each in register.found(libssl)] == ["CVE-1"]
    assert register.advisories.advisories("CVE-2") == []


def test_matching_that_was_cut_off_is_made_up_for(register: Register, engine: Engine) -> None:
    (libssl,) = register.hold(LIBSSL)
    register.import_(tracker(CVE_1=release()), whole=True)

    def fail(*arguments: object) -> None:
        if "INTO findings" in str(arguments[2]):
            raise RuntimeError("the machine stops here")

    event.listen(engine, "before_cursor_execute", fail)
    with pytest.raises(RuntimeError):
        register.import_(tracker(CVE_2=release()), whole=True)
    event.remove(engine, "before_cursor_execute", fail)
    assert [each[0] for each in register.found(libssl)] == ["CVE-2"]


@pytest.mark.parametrize("name", ["CVE-2026-1", "cve-2026-1", "GHSA-aaaa", "DSA-1"])
def test_components_are_found_by_any_name_of_a_vulnerability(register: Register, name: str) -> None:
    libssl, flask, _ = register.hold(LIBSSL, FLASK, EXPRESS)
    register.import_(
        [
            osv("GHSA-aaaa", ("PyPI", "flask"), aliases=["CVE-2026-1"]),
            osv("DSA-1", ("Debian:12", "openssl"), upstream=["CVE-2026-1", "CVE-2026-2"]),
            osv("GHSA-bbbb", ("npm", "express"), aliases=["CVE-2026-3"]),
        ]
    )
    expected = {"GHSA-aaaa": {flask}, "DSA-1": {libssl}}.get(name, {libssl, flask})
    found = register.advisories.components_with(name)
    assert set(found) == expected
    assert {each.component for each in found.values()} <= {LIBSSL, FLASK}


def test_of_several_advisories_the_worst_counts(register: Register) -> None:
    (flask,) = register.hold(FLASK)
    register.import_(
        [
            osv("GHSA-1", ("PyPI", "flask"), fixed="1", aliases=["CVE-1"]),
            osv("PYSEC-1", ("PyPI", "flask"), fixed="3", aliases=["CVE-1"]),
            osv("GHSA-2", ("PyPI", "flask"), fixed="1", aliases=["CVE-2"]),
        ]
    )
    (found,) = register.advisories.components_with("CVE-1").values()
    assert (found.advisory.id, found.state, found.fixed) == ("PYSEC-1", State.AFFECTED, "3")
    assert register.advisories.components_with("CVE-2") == {}
    (settled,) = register.advisories.components_with("CVE-2", frozenset({State.FIXED})).values()
    assert settled.state is State.FIXED
    assert flask in register.advisories.components_with("CVE-2", frozenset(State))
    assert register.advisories.components_with("CVE-1", frozenset({State.FIXED})) == {}


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("CVE-2024-3095", "CVE-2024-3094"),
        ("cve-2024-3904", "CVE-2024-3094"),
        ("CVE-2042-3094", "CVE-2024-3094"),
        ("CVE-2024-309", "CVE-2024-3094"),
        ("GHSA-aaab", "GHSA-aaaa"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(
    register: Register, wrong: str, near: str
) -> None:
    names = [f"CVE-2019-{number}" for number in range(1000, 1100)]
    register.import_(
        [osv(name, ("npm", "x")) for name in (*names, "CVE-2024-3094", "GHSA-aaaa", "A_%")]
    )
    assert register.advisories.nearest_names(wrong)[0] == near
    assert len(register.advisories.nearest_names("CVE-2019-1000", 5)) == 5
    assert register.advisories.nearest_names("") == []


def test_what_is_known_of_each_ecosystem_and_suite_is_counted(register: Register) -> None:
    register.hold(LIBSSL, FLASK, EXPRESS, replace(LIBSSL, suite="trixie"))
    assert register.advisories.knowledge().advisories == {}
    register.import_(tracker(CVE_1=release(), CVE_2=release()), whole=True)
    register.import_(osv("GHSA-1", ("PyPI", "flask"), ("PyPI", "werkzeug")))
    knowledge = register.advisories.knowledge()
    assert knowledge.advisories == {(DEBIAN, "bookworm"): 2, (PYTHON, ""): 1}
    assert [knowledge.covers(each) for each in (LIBSSL, FLASK, EXPRESS)] == [True, True, False]
    assert register.advisories.held_scopes() == {
        (DEBIAN, "bookworm"): 1,
        (DEBIAN, "trixie"): 1,
        (PYTHON, ""): 1,
        (NODE, ""): 1,
    }
    register.import_(tracker(CVE_2=release()), whole=True)
    assert register.advisories.knowledge().advisories[DEBIAN, "bookworm"] == 1


def test_feeds_are_listed_with_when_they_came_and_what_was_left_out(register: Register) -> None:
    register.import_([osv("GHSA-1", ("Go", "x")), osv("GHSA-2", ("npm", "x"))], "https://host/a")
    (feed,) = register.advisories.feeds()
    assert (feed.kind, feed.name, feed.imported_at) == (FeedKind.OSV, "https://host/a", MOMENT)
    assert (feed.count, dict(feed.skipped)) == (1, {"ecosystem Go": 1})


def test_findings_go_with_their_component(register: Register, engine: Engine) -> None:
    """Its number may be given to another component, which then has none of them."""
    (flask,) = register.hold(FLASK)
    register.import_(osv("GHSA-1", ("PyPI", "flask")))
    versions = SqlVersions(engine)
    versions.forget(versions.every())
    assert register.rows("findings") == 0
    (express,) = register.hold(EXPRESS)
    assert register.found(express) == []
    assert SqlComponents(engine).every() == [(express, EXPRESS)]
    assert register.advisories.findings_of([10**6]) == {}
    del flask


def test_many_advisories_and_components_are_kept(register: Register) -> None:
    """More than one question to the database can name."""
    components = [Component(NODE, f"package{number}", "1.0.0") for number in range(1200)]
    numbers = register.hold(*components)
    register.import_([osv(f"GHSA-{number}", ("npm", f"package{number}")) for number in range(1200)])
    found = register.advisories.findings_of(numbers)
    assert all(len(each) == 1 for each in found.values())
    assert len(found) == 1200
    newer = [
        osv(f"GHSA-{number}", ("npm", f"package{number}"), fixed="1.0.0") for number in range(1100)
    ]
    done = register.import_(archive(*newer), whole=True)
    assert (done.added, done.changed, done.removed) == (0, 1100, 100)
    assert not any(register.advisories.findings_of(numbers).values())


def test_odd_texts_are_kept_as_they_are(register: Register) -> None:
    odd: Callable[[str], dict[str, Any]] = lambda name: osv(  # noqa: E731
        name, ("npm", "ünï/\u202ecode%_"), ("npm", "x" * 900), aliases=["ẞ" * 250, "a'\"b"]
    )
    done = register.import_([odd("GHSA-ö"), odd("GHSA-ö")])
    assert (done.added, done.feed.count) == (1, 2)
    (advisory,) = register.advisories.advisories("ghsa-Ö")
    assert [each.package for each in advisory.ranges] == ["ünï/\u202ecode%_"]
    assert advisory.aliases == ("ẞ" * 250, "a'\"b")
