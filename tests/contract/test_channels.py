"""The promises of the port ChannelRegister, proven on every kind of database."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from channel_images import add_versions, in_database
from fleet_workshop import fleet_workshop
from older_schemas import at_revision
from sqlalchemy import Engine, text, update
from versions import digest, new_version

from herdbook.actions.name_version import present
from herdbook.actions.promote import promote
from herdbook.actions.workshop import Workshop
from herdbook.audit.chain import Entry, Record, verify
from herdbook.channels.model import Assignment, Hold, Level, Made, Revocation, Way
from herdbook.channels.ports import ChannelRegister
from herdbook.channels.rules import ChannelRule, ChannelRules, Freeze, Hours
from herdbook.core.errors import ConflictError, GateError, VerificationError
from herdbook.drivers.fake import FakeClock
from herdbook.store import channel_schema, schema
from herdbook.store.audit import SqlAudit
from herdbook.store.channels import SqlChannels
from herdbook.store.database import open_database
from herdbook.store.versions import SqlVersions

NOW = datetime(2026, 11, 1, 12, 0, 0, 7, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ELSEWHERE = timezone(timedelta(hours=5, minutes=30))
WEB = "shop/web"
MADE = (WEB, 3)
ENTRY = Entry(who="ann", verb="try", subject="something", details={"why": "because"})
HOLD = Hold(WEB, "production", NOW, "ann", "we look into it")
REVOKED = Revocation(
    *(WEB, 3, NOW, "bob", "it leaks"), {Level.RELEASES: NOW, Level.RUNNING: LATER}, inherited=False
)
RULES = ChannelRules(
    channels=(
        ChannelRule.model_validate({"channel": "production", "from": ["staging", "canary"]}),
        ChannelRule(
            channel="production",
            images="shop/*",
            hours=Hours(days=("mon", "sun"), begin="09:00", zone="Europe/Berlin"),
            freezes=(Freeze(begin="2026-12-20", end="2027-01-02 06:30", reason="Ö"),),
            follow_back=("dev",),
        ),
    )
)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "audit.key"


@pytest.fixture
def audit(engine: Engine, key_file: Path) -> SqlAudit:
    return SqlAudit(engine, key_file)


@pytest.fixture
def channels(engine: Engine, audit: SqlAudit) -> ChannelRegister:
    return SqlChannels(engine, audit)


def assignment(
    number: int = 1, channel: str = "production", image: str = WEB, version: int = 3
) -> Assignment:
    at = NOW + timedelta(minutes=number)
    return Assignment(image, channel, number, version, digest(f"{version}"), at, "ann", "Ö")


def fill(channels: ChannelRegister, *assignments: Assignment) -> None:
    for each in assignments:
        channels.assign([each], ENTRY)


def test_nothing_is_there_at_first(channels: ChannelRegister) -> None:
    assert channels.every() == channels.every(WEB) == channels.history(WEB, "production") == []
    assert channels.holds() == []
    assert channels.revocations() == channels.revocations([MADE]) == {}
    assert channels.rules() == ChannelRules()


def test_an_assignment_is_found_as_it_was_kept(channels: ChannelRegister) -> None:
    kept = replace(assignment(), way=Way.FOLLOWED, why="")
    fill(channels, kept)
    assert channels.every() == channels.history(WEB, "production") == [kept]


def test_a_history_begins_with_the_newest_and_only_grows(channels: ChannelRegister) -> None:
    every = [assignment(number, version=10 - number) for number in range(1, 13)]
    fill(channels, *every, assignment(1, "staging"), assignment(1, image="shop/web2"))
    newest_first = every[::-1]
    assert channels.history(WEB, "production") == newest_first
    assert channels.history(WEB, "production", 2) == newest_first[:2]
    assert channels.history(WEB, "production", 99) == newest_first
    assert channels.history(WEB, "production", 0) == []
    assert channels.history(WEB, "production", version=2) == [
        each for each in newest_first if each.version == 2
    ]
    assert channels.history(WEB, "production", version=99) == []
    assert channels.history(WEB, "dev") == []


def test_the_newest_of_each_channel_are_listed_by_their_names(channels: ChannelRegister) -> None:
    fill(
        channels,
        *(assignment(number) for number in range(1, 4)),
        *(assignment(number, "dev") for number in range(1, 3)),
        assignment(1, "staging", "art"),
    )
    expected = [assignment(1, "staging", "art"), assignment(2, "dev"), assignment(3)]
    assert channels.every() == expected
    assert channels.every(WEB) == expected[1:]
    assert channels.every("shop") == []


@pytest.mark.parametrize("number", [1, 2, 4, 0])
def test_an_assignment_that_comes_too_late_or_too_early_is_refused(
    channels: ChannelRegister, audit: SqlAudit, number: int
) -> None:
    fill(channels, assignment(1), assignment(2))
    with pytest.raises(ConflictError) as caught:
        fill(channels, assignment(number))
    assert f"{WEB}@production" in caught.value.message
    assert channels.history(WEB, "production") == [assignment(2), assignment(1)]
    assert audit.head().number == 2


def test_of_several_assignments_all_are_kept_or_none(
    channels: ChannelRegister, audit: SqlAudit
) -> None:
    fill(channels, assignment(1, "dev"))
    with pytest.raises(ConflictError):
        channels.assign([assignment(1), assignment(1, "staging"), assignment(1, "dev")], ENTRY)
    assert channels.every() == [assignment(1, "dev")]
    assert channels.history(WEB, "production") == []
    together = [assignment(1), assignment(1, "staging"), assignment(2, "dev")]
    channels.assign(together, ENTRY)
    assert channels.every() == [assignment(2, "dev"), assignment(1), assignment(1, "staging")]
    follow = [each.subject for each in audit.records() if each.verb == "follow"]
    assert follow == [f"{WEB}@staging", f"{WEB}@dev"]
    assert audit.head().number == 4


def test_nothing_is_assigned_to_a_channel_that_is_held(
    channels: ChannelRegister, audit: SqlAudit
) -> None:
    """Also where the hold came after it was decided; nor to others together with it."""
    fill(channels, assignment(1))
    channels.hold(HOLD, ENTRY)
    with pytest.raises(ConflictError):
        channels.assign([assignment(1, "dev"), assignment(2)], ENTRY)
    assert channels.every() == [assignment(1)]
    assert audit.head().number == 2


def test_holds_are_found_as_they_were_kept_by_their_names(channels: ChannelRegister) -> None:
    others = [replace(HOLD, channel="dev"), replace(HOLD, image="art")]
    for each in (HOLD, *others):
        channels.hold(each, ENTRY)
    assert channels.holds() == [others[1], others[0], HOLD]
    assert channels.holds(WEB) == [others[0], HOLD]


def test_another_hold_of_a_channel_replaces_the_one_before(channels: ChannelRegister) -> None:
    channels.hold(HOLD, ENTRY)
    again = replace(HOLD, at=LATER, who="bob", why="still")
    channels.hold(again, ENTRY)
    assert channels.holds() == [again]


def test_a_hold_is_released_once(channels: ChannelRegister, audit: SqlAudit) -> None:
    kept = replace(HOLD, channel="dev")
    channels.hold(HOLD, ENTRY)
    channels.hold(kept, ENTRY)
    assert channels.release(WEB, "production", ENTRY, NOW)
    assert channels.holds() == [kept]
    assert not channels.release(WEB, "production", ENTRY, NOW)
    assert not channels.release("art", "dev", ENTRY, NOW)
    assert channels.holds() == [kept]
    assert audit.head().number == 3


def test_a_revocation_is_found_as_it_was_kept(channels: ChannelRegister) -> None:
    nothing = replace(REVOKED, image="art", since={}, inherited=True)
    for each in (REVOKED, nothing):
        channels.revoke(each, ENTRY)
    assert channels.revocations() == {("art", 3): nothing, MADE: REVOKED}
    assert list(channels.revocations()) == [("art", 3), MADE]


def test_revocations_are_asked_for_by_image_and_number(channels: ChannelRegister) -> None:
    for version in (3, 4):
        channels.revoke(replace(REVOKED, version=version), ENTRY)
    channels.revoke(replace(REVOKED, image="art", version=5), ENTRY)
    assert channels.revocations([MADE]) == {MADE: REVOKED}
    assert channels.revocations([("art", 3), (WEB, 5), (WEB, 4)]).keys() == {(WEB, 4)}
    assert channels.revocations([]) == {}


def test_revocations_of_very_many_versions_are_all_found(channels: ChannelRegister) -> None:
    bad: list[Made] = [(f"image{number}", number) for number in (0, 499, 500, 501, 999, 1700)]
    for image, version in bad:
        channels.revoke(replace(REVOKED, image=image, version=version), ENTRY)
    asked = [(f"image{number}", number) for number in range(1701)]
    assert list(channels.revocations(asked)) == bad
    assert channels.revocations(set(asked)).keys() == set(bad)


def test_another_revocation_of_a_version_replaces_the_one_before(
    channels: ChannelRegister,
) -> None:
    channels.revoke(REVOKED, ENTRY)
    again = replace(REVOKED, at=LATER, since={Level.BUILDS: LATER}, inherited=True)
    channels.revoke(again, ENTRY)
    assert channels.revocations() == {MADE: again}


def test_a_version_is_reinstated_once(channels: ChannelRegister, audit: SqlAudit) -> None:
    kept = replace(REVOKED, version=4)
    channels.revoke(REVOKED, ENTRY)
    channels.revoke(kept, ENTRY)
    assert channels.reinstate(MADE, ENTRY, NOW)
    assert channels.revocations() == {(WEB, 4): kept}
    assert not channels.reinstate(MADE, ENTRY, NOW)
    assert not channels.reinstate(("art", 4), ENTRY, NOW)
    assert audit.head().number == 3


def test_rules_are_found_as_they_were_set_and_replace_those_before(
    channels: ChannelRegister,
) -> None:
    for rules in (RULES, ChannelRules(channels=RULES.channels[:1]), ChannelRules()):
        channels.set_rules(rules, ENTRY, NOW)
        assert channels.rules() == rules


def test_the_time_in_which_versions_serve_adds_up(channels: ChannelRegister) -> None:
    assert channels.served(MADE) == timedelta(0)
    channels.add_served([MADE, (WEB, 4)], timedelta(seconds=30.5))
    channels.add_served([MADE], timedelta(hours=2))
    channels.add_served([], timedelta(hours=2))
    assert channels.served(MADE) == timedelta(hours=2, seconds=30.5)
    assert channels.served((WEB, 4)) == timedelta(seconds=30.5)
    assert channels.served(("shop/other", 3)) == timedelta(0)


def test_times_of_other_zones_are_the_same_moments(
    channels: ChannelRegister, audit: SqlAudit
) -> None:
    there = NOW.astimezone(ELSEWHERE)
    fill(channels, replace(assignment(), at=there))
    channels.hold(replace(HOLD, at=there), ENTRY)
    since = {Level.RELEASES: there}
    channels.revoke(replace(REVOKED, at=there, since=since), ENTRY)
    channels.set_rules(RULES, ENTRY, there)
    assert channels.every()[0].at == channels.holds()[0].at == NOW
    [revocation] = channels.revocations().values()
    assert (revocation.at, revocation.since) == (NOW, {Level.RELEASES: NOW})
    assert revocation.at.tzinfo is UTC
    assert [each.at for each in audit.records()] == [NOW] * 4
    assert verify(audit.records(), audit.head()).number == 4


# Every change and its record in the audit are one transaction.

Change = Callable[[ChannelRegister], object]
CHANGES: dict[str, Change] = {
    "assign": lambda channels: channels.assign([assignment(1, "dev")], ENTRY),
    "hold": lambda channels: channels.hold(replace(HOLD, channel="dev"), ENTRY),
    "hold again": lambda channels: channels.hold(replace(HOLD, why="still"), ENTRY),
    "release": lambda channels: channels.release(WEB, "production", ENTRY, LATER),
    "revoke": lambda channels: channels.revoke(replace(REVOKED, version=4), ENTRY),
    "revoke again": lambda channels: channels.revoke(replace(REVOKED, reason="!"), ENTRY),
    "reinstate": lambda channels: channels.reinstate(MADE, ENTRY, LATER),
    "set rules": lambda channels: channels.set_rules(ChannelRules(), ENTRY, LATER),
}


def everything(channels: ChannelRegister) -> list[object]:
    histories = [channels.history(WEB, name) for name in ("production", "dev")]
    held, revoked = channels.holds(), channels.revocations()
    return [channels.every(), histories, held, revoked, channels.rules()]


@pytest.fixture
def filled(channels: ChannelRegister) -> ChannelRegister:
    fill(channels, assignment())
    channels.hold(HOLD, ENTRY)
    channels.revoke(REVOKED, ENTRY)
    channels.set_rules(RULES, ENTRY, NOW)
    return channels


def test_every_change_adds_one_record_at_its_time(filled: ChannelRegister, audit: SqlAudit) -> None:
    before = everything(filled)
    for number, (name, change) in enumerate(CHANGES.items(), 5):
        change(filled)
        after = everything(filled)
        assert after != before, name
        before = after
        [record] = audit.records(number - 1)
        assert record.number == number
        assert Entry(**record.model_dump(include=set(Entry.model_fields))) == ENTRY
        expected = {"assign": assignment().at}.get(
            name, NOW if name.startswith(("hold", "revoke")) else LATER
        )
        assert record.at == expected, name
    assert verify(audit.records(), audit.head()).number == 4 + len(CHANGES)


def test_a_change_whose_record_cannot_be_added_is_not_made(
    filled: ChannelRegister, audit: SqlAudit, engine: Engine
) -> None:
    before, records = everything(filled), list(audit.records())
    with engine.begin() as connection:
        connection.execute(update(channel_schema.audit_head).values(seal="0" * 64))
    for change in CHANGES.values():
        with pytest.raises(VerificationError):
            change(filled)
        assert everything(filled) == before
        assert list(audit.records()) == records


def test_a_record_whose_seal_cannot_be_made_is_not_kept(
    channels: ChannelRegister, audit: SqlAudit, key_file: Path
) -> None:
    """The first record is written by then: neither it nor the change is left."""
    key_file.write_bytes(b"")
    changes: list[Change] = [
        lambda channels: channels.assign([assignment()], ENTRY),
        *(CHANGES[name] for name in ("hold", "revoke", "set rules")),
    ]
    before = everything(channels)
    for change in changes:
        with pytest.raises(VerificationError):
            change(channels)
        assert everything(channels) == before
        assert list(audit.records()) == []


# Two at once.


def test_of_two_who_assign_at_once_exactly_one_does(database_url: str, key_file: Path) -> None:
    open_database(database_url).dispose()
    together = Barrier(4)

    def assign(writer: int) -> list[bool]:
        engine = open_database(database_url)
        channels = SqlChannels(engine, SqlAudit(engine, key_file))
        won = []
        for number in range(1, 6):
            entry = ENTRY.model_copy(update={"who": f"{writer}", "details": {"number": number}})
            try:
                channels.assign([replace(assignment(number), who=f"{writer}")], entry)
            except ConflictError:
                won.append(False)
            else:
                won.append(True)
            together.wait(60)
        engine.dispose()
        return won

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(assign, range(4)))
    assert [sum(each) for each in zip(*outcomes, strict=True)] == [1] * 5
    engine = open_database(database_url)
    audit = SqlAudit(engine, key_file)
    history = SqlChannels(engine, audit).history(WEB, "production")
    assert [each.number for each in history] == [5, 4, 3, 2, 1]
    assert [each.who for each in audit.records()] == [each.who for each in history[::-1]]
    assert all(outcomes[int(each.who)][each.number - 1] for each in history)
    assert verify(audit.records(), audit.head()).number == 5
    engine.dispose()


@pytest.fixture
def workshop(engine: Engine, audit: SqlAudit, tmp_path: Path) -> Workshop:
    made = in_database(fleet_workshop(tmp_path / "workshop"), engine, audit)
    add_versions(made, 3, WEB)
    return made


class Interrupted(FakeClock):
    """A clock: whenever the time is asked for, somebody else does something first, once."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self._acts = [act]

    def now(self) -> datetime:
        while self._acts:
            self._acts.pop()()
        return super().now()


def records_of(workshop: Workshop) -> list[Record]:
    return list(workshop.audit.records())


def test_who_is_overtaken_while_deciding_does_not_promote(workshop: Workshop) -> None:
    """What was decided on is not so any more, and the audit would say what was never there."""
    promote(workshop, f"{WEB}:1", "production")
    clock = Interrupted(lambda: promote(workshop, f"{WEB}:2", "production"))
    with pytest.raises(ConflictError):
        promote(replace(workshop, clock=clock), f"{WEB}:3", "production")
    now = present(workshop, WEB, "production")
    assert now
    assert now.version == 2
    assert [each.details["before"] for each in records_of(workshop)] == [0, 1]


def test_who_is_overtaken_on_a_channel_that_follows_moves_neither(workshop: Workshop) -> None:
    rules = ChannelRules(channels=(ChannelRule(channel="production", follow_back=("dev",)),))
    workshop.channels.set_rules(rules, ENTRY, NOW)
    clock = Interrupted(lambda: promote(workshop, f"{WEB}:2", "dev"))
    with pytest.raises(ConflictError):
        promote(replace(workshop, clock=clock), f"{WEB}:3", "production")
    assert [(each.channel, each.version) for each in workshop.channels.every()] == [("dev", 2)]


def test_where_the_newest_is_revoked_it_is_refused_and_the_one_before_can_be_meant_to_stay(
    workshop: Workshop,
) -> None:
    for number in (1, 2):
        promote(workshop, f"{WEB}:{number}", "production")
    now = workshop.clock.now()
    workshop.channels.revoke(replace(REVOKED, version=2, since={Level.RELEASES: now}), ENTRY)
    with pytest.raises(GateError, match="is revoked"):
        promote(workshop, f"{WEB}:2", "production")
    assert promote(workshop, f"{WEB}:1", "production").changed
    assert workshop.channels.reinstate((WEB, 2), ENTRY, now)
    found = present(workshop, WEB, "production")
    assert found
    assert (found.number, found.version) == (3, 1)


# Where a version comes from, and what was made from it.


@pytest.fixture
def line(engine: Engine) -> SqlVersions:
    """A chain of five, of which the third has another child; and a second version of each."""
    versions = SqlVersions(engine)
    parent: Made | None = None
    for image in ("a", "b", "c", "d", "e"):
        versions.add(replace(new_version(image), parent=parent))
        versions.add(new_version(image, "2"))
        parent = (image, 1)
    versions.add(replace(new_version("d", "3"), parent=("c", 1)))
    versions.add(replace(new_version("aside", "3"), parent=("d", 3)))
    return versions


def test_a_lineage_is_a_version_and_all_it_was_made_from(line: SqlVersions) -> None:
    assert line.lineage("e", 1) == [("e", 1), ("d", 1), ("c", 1), ("b", 1), ("a", 1)]
    assert line.lineage("aside", 1) == [("aside", 1), ("d", 3), ("c", 1), ("b", 1), ("a", 1)]
    assert line.lineage("a", 1) == [("a", 1)]
    assert line.lineage("e", 2) == [("e", 2)]


def test_descendants_are_all_that_was_made_from_a_version_by_name(line: SqlVersions) -> None:
    below = [("aside", 1), ("d", 1), ("d", 3), ("e", 1)]
    assert line.descendants("c", 1) == below
    assert line.descendants("a", 1) == [*below[:1], ("b", 1), ("c", 1), *below[1:]]
    assert line.descendants("e", 1) == line.descendants("a", 2) == []


@pytest.mark.parametrize("made", [("a", 3), ("z", 1), ("e", 0)])
def test_a_version_that_is_not_there_has_neither(line: SqlVersions, made: Made) -> None:
    assert line.lineage(*made) == line.descendants(*made) == []


def test_a_lineage_ends_at_a_version_that_was_forgotten(line: SqlVersions) -> None:
    forgotten = line.find("c", 1)
    assert forgotten
    line.forget([forgotten])
    assert line.lineage("e", 1) == [("e", 1), ("d", 1)]
    assert line.descendants("a", 1) == [("b", 1)]
    assert line.descendants("d", 1) == [("e", 1)]
    assert line.lineage("c", 1) == line.descendants("c", 1) == []


# The schema.


@pytest.fixture
def older(database_url: str) -> Iterator[Engine]:
    old = at_revision(database_url, "0006")
    with old.begin() as connection:
        connection.execute(text("INSERT INTO images (id, name) VALUES (1, 'shop/web')"))
    old.dispose()
    engine = open_database(database_url)
    yield engine
    engine.dispose()


def test_a_database_of_the_schema_before_keeps_what_it_has_and_gets_the_tables(
    older: Engine, key_file: Path
) -> None:
    channels = SqlChannels(older, SqlAudit(older, key_file))
    fill(channels, assignment())
    assert channels.every() == [assignment()]
    with older.connect() as connection:
        assert connection.execute(text("SELECT name FROM images")).scalar() == "shop/web"


def test_the_tables_are_as_the_code_describes_them(engine: Engine) -> None:
    ours = {
        *("assignments", "channels", "channel_holds", "revocations", "channel_rules"),
        *("audit_records", "audit_head"),
    }
    assert ours <= schema.metadata.tables.keys()
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        differences = compare_metadata(context, schema.metadata)
    assert [each for each in differences if any(name in str(each) for name in ours)] == []
