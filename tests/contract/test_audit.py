"""The promises of the port AuditLog, and that whoever tampers with its rows is found out."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice, product
from pathlib import Path

import pytest
from fleet_workshop import fleet_workshop
from pydantic import JsonValue
from sqlalchemy import Connection, Engine, delete, insert, select, update

from herdbook.actions.verify_audit import verify_audit, verify_export
from herdbook.actions.workshop import Workshop
from herdbook.audit.chain import Entry, Head, Record, following, sealed, verify
from herdbook.cli.channels.shapes import record_shape
from herdbook.core.digests import of_bytes
from herdbook.core.errors import VerificationError
from herdbook.store.audit import SqlAudit
from herdbook.store.channel_schema import audit_head, audit_records
from herdbook.store.database import open_database

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ELSEWHERE = timezone(timedelta(hours=5, minutes=30))
DETAILS: dict[str, JsonValue] = {
    "": None,
    "flag": True,
    "no": False,
    "whole": 2**70,
    "part": 0.1,
    "large": 1e300,
    "zero": -0.0,
    "text": "ö \0 \u2028 🐄 \\",
    "list": [1, "1", None, [], {}],
    "inner": {"b": 1, "a": {"z": [False]}},
}


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "audit.key"


@pytest.fixture
def audit(engine: Engine, key_file: Path) -> SqlAudit:
    return SqlAudit(engine, key_file)


@pytest.fixture
def workshop(audit: SqlAudit, tmp_path: Path) -> Workshop:
    return replace(fleet_workshop(tmp_path / "workshop"), audit=audit)


def entry(number: int = 1, **details: JsonValue) -> Entry:
    return Entry(who="ann", verb="promote", subject=f"shop/web{number}@dev", details=details)


def fill(audit: SqlAudit, many: int = 5) -> list[Record]:
    return [audit.append(entry(each), NOW + timedelta(hours=each)) for each in range(1, many + 1)]


def head_of(record: Record) -> Head:
    return Head(number=record.number, digest=record.digest)


def test_an_audit_without_records_is_empty(audit: SqlAudit, workshop: Workshop) -> None:
    assert list(audit.records()) == []
    assert audit.head() == verify_audit(workshop) == Head()


@pytest.mark.parametrize("zone", [UTC, ELSEWHERE], ids=["utc", "elsewhere"])
def test_a_record_is_read_as_it_was_written(
    audit: SqlAudit, workshop: Workshop, zone: timezone
) -> None:
    kinds = product(({}, DETAILS), (0, 1, 120_000))
    for number, (details, microsecond) in enumerate(kinds, 1):
        at = NOW.replace(microsecond=microsecond).astimezone(zone)
        made = audit.append(Entry(who="Ö 🐄", verb="v" * 40, subject="", details=details), at)
        [found] = audit.records(number - 1)
        assert found == made
        assert (found.number, found.at, found.at.tzinfo) == (number, at, UTC)
        assert json.dumps(found.details, sort_keys=True) == json.dumps(details, sort_keys=True)
        assert verify_audit(workshop) == audit.head() == head_of(made)


def test_records_follow_on_each_other_in_the_order_of_writing(audit: SqlAudit) -> None:
    """Whatever the clock says."""
    first = audit.append(entry(1), NOW)
    second = audit.append(entry(2), NOW - timedelta(days=1))
    assert list(audit.records()) == [first, second]
    assert [first.number, second.number] == [1, 2]
    assert verify([first, second], audit.head()) == head_of(second)


def test_records_are_given_from_a_number_on_or_the_newest(audit: SqlAudit) -> None:
    fill(audit)

    def numbers(*after: int, newest: int | None = None) -> list[int]:
        return [each.number for each in audit.records(*after, newest=newest)]

    assert numbers() == numbers(0) == numbers(newest=9) == [1, 2, 3, 4, 5]
    assert numbers(3) == numbers(newest=2) == numbers(1, newest=2) == [4, 5]
    assert numbers(4, newest=3) == [5]
    assert numbers(5) == numbers(9) == numbers(newest=0) == []


def test_the_first_records_come_before_the_last_are_read(audit: SqlAudit, engine: Engine) -> None:
    """The last one cannot be read at all: it is noticed where it stands, and not before."""
    with engine.begin() as connection:
        rows = [
            {**following(Head(), entry(), NOW).model_dump(), "number": number}
            for number in range(1, 3002)
        ]
        connection.execute(insert(audit_records), [{**each, "details": {}} for each in rows])
        connection.execute(
            update(audit_records).where(audit_records.c.number == 3001).values(details=None)
        )
    records = audit.records()
    assert [each.number for each in islice(records, 1000)] == list(range(1, 1001))
    with pytest.raises(VerificationError, match="after 3000 of the audit"):
        list(records)


def test_an_audit_is_the_same_when_it_is_opened_again(
    audit: SqlAudit, database_url: str, key_file: Path
) -> None:
    made = fill(audit)
    engine = open_database(database_url)
    again = SqlAudit(engine, key_file)
    assert list(again.records()) == made
    assert again.append(entry(6), NOW).number == 6
    assert verify(audit.records(), audit.head()).number == 6
    engine.dispose()


def test_only_the_user_can_read_the_key_and_no_row_holds_it(
    audit: SqlAudit, engine: Engine, key_file: Path
) -> None:
    fill(audit, 1)
    assert key_file.stat().st_mode & 0o777 == 0o600
    with engine.connect() as connection:
        [row] = connection.execute(select(audit_head))
    assert row.seal == sealed(key_file.read_bytes(), audit.head())
    assert key_file.read_bytes().hex() not in str(row)


def test_of_records_written_at_once_each_follows_on_another(
    database_url: str, key_file: Path
) -> None:
    open_database(database_url).dispose()

    def write(writer: int) -> list[int]:
        engine = open_database(database_url)
        audit = SqlAudit(engine, key_file)
        numbers = [audit.append(entry(writer), NOW).number for _ in range(5)]
        engine.dispose()
        return numbers

    with ThreadPoolExecutor(4) as pool:
        numbers = [each for written in pool.map(write, range(4)) for each in written]
    assert sorted(numbers) == list(range(1, 21))
    engine = open_database(database_url)
    audit = SqlAudit(engine, key_file)
    assert verify(audit.records(), audit.head()).number == 20
    engine.dispose()


class Busy(SqlAudit):
    """An audit to which somebody adds a record whenever its head was read, a few times."""

    left = 3

    def head(self) -> Head:
        found = super().head()
        if self.left:
            self.left -= 1
            self.append(entry(self.left), NOW)
        return found


def test_what_is_written_while_it_is_verified_is_no_damage(
    engine: Engine, workshop: Workshop, key_file: Path
) -> None:
    fill(SqlAudit(engine, key_file))
    busy = Busy(engine, key_file)
    assert verify_audit(replace(workshop, audit=busy)) == SqlAudit(engine, key_file).head()
    assert busy.left == 0


# Tampering: by somebody who may write the database, but has no key.

Tampering = Callable[[Connection], object]
RECORDS = audit_records.c


def _change(**values: object) -> Tampering:
    return lambda connection: connection.execute(
        update(audit_records).where(RECORDS.number == 3).values(**values)
    )


def _swap(connection: Connection) -> None:
    for before, after in ((2, 99), (3, 2), (99, 3)):
        query = update(audit_records).where(RECORDS.number == before)
        connection.execute(query.values(number=after))


def _renumber_without_third(connection: Connection) -> None:
    connection.execute(delete(audit_records).where(RECORDS.number == 3))
    for number in (4, 5):
        query = update(audit_records).where(RECORDS.number == number)
        connection.execute(query.values(number=number - 1))


def _rows(connection: Connection) -> Iterator[Record]:
    for row in connection.execute(select(audit_records).order_by(RECORDS.number)):
        at = row.at if row.at.tzinfo else row.at.replace(tzinfo=UTC)
        yield Record.model_validate({**row._asdict(), "at": at})


def _keep(connection: Connection, record: Record) -> None:
    connection.execute(insert(audit_records).values(**record.model_dump()))


def _forge_all_from_third_on(connection: Connection) -> None:
    """Write a whole chain anew, as well as can be without the key."""
    first, second, *rest = _rows(connection)
    connection.execute(delete(audit_records).where(RECORDS.number > 2))
    head = head_of(second)
    assert first.number == 1
    for each in rest:
        made = following(head, entry(7), each.at)
        _keep(connection, made)
        head = head_of(made)


def _add_one(connection: Connection) -> None:
    *_, last = _rows(connection)
    _keep(connection, following(head_of(last), entry(6), NOW))


DAMAGE: dict[str, tuple[Tampering, str]] = {
    "who": (_change(who="bob"), "Record 3 of the audit is not the one"),
    "verb": (_change(verb="hold"), "Record 3 of the audit is not the one"),
    "subject": (_change(subject="shop/web3@production"), "Record 3 of the audit is not the one"),
    "details": (_change(details={"why": ""}), "Record 3 of the audit is not the one"),
    "no details": (_change(details=None), "One of the records after 2 of the audit"),
    "a list": (_change(details=[]), "One of the records after 2 of the audit"),
    "at": (_change(at=NOW + timedelta(hours=3, seconds=1)), "Record 3 of the audit is not"),
    "digest": (_change(digest=of_bytes(b"")), "Record 3 of the audit is not the one"),
    "number": (_change(number=6), "Record 3 of the audit is missing: 4 follows on 2"),
    "swapped": (_swap, "Record 2 of the audit is not the one"),
    "first": (
        lambda connection: connection.execute(delete(audit_records).where(RECORDS.number == 1)),
        "Record 1 of the audit is missing: 2 follows on 0",
    ),
    "third": (
        lambda connection: connection.execute(delete(audit_records).where(RECORDS.number == 3)),
        "Record 3 of the audit is missing: 4 follows on 2",
    ),
    "renumbered": (_renumber_without_third, "Record 3 of the audit is not the one"),
    "end": (
        lambda connection: connection.execute(delete(audit_records).where(RECORDS.number > 3)),
        "cut off after record 3: 2 are missing",
    ),
    "all": (lambda connection: connection.execute(delete(audit_records)), "cut off after record 0"),
    "forged": (_forge_all_from_third_on, "Record 5 of the audit is not the one that was written"),
    "added": (_add_one, "goes on after record 5, which was the last one"),
}


def begun_anew(engine: Engine, audit: SqlAudit) -> list[Record]:
    """Many kinds of damage are done to one database: to make one for each takes its time."""
    with engine.begin() as connection:
        for table in (audit_records, audit_head):
            connection.execute(delete(table))
    return fill(audit)


def test_records_that_were_tampered_with_are_found(
    engine: Engine, audit: SqlAudit, workshop: Workshop
) -> None:
    for name, (tamper, words) in DAMAGE.items():
        made = begun_anew(engine, audit)
        noted = audit.head()
        assert verify_audit(workshop, head_of(made[1])) == noted
        with engine.begin() as connection:
            tamper(connection)
        with pytest.raises(VerificationError) as caught:
            verify_audit(workshop)
        assert words in caught.value.message, name
        with pytest.raises(VerificationError):
            verify_audit(workshop, noted)


def test_what_was_tampered_with_is_still_found_after_others_went_on(
    engine: Engine, audit: SqlAudit, workshop: Workshop
) -> None:
    for name in DAMAGE.keys() - {"number", "added"}:  # there, the next one has no place
        begun_anew(engine, audit)
        with engine.begin() as connection:
            DAMAGE[name][0](connection)
        assert audit.append(entry(6), NOW).number == 6
        with pytest.raises(VerificationError):
            verify_audit(workshop)


@pytest.mark.parametrize("name", ["number", "added"])
def test_nothing_is_written_where_somebody_has_taken_the_next_place(
    engine: Engine, audit: SqlAudit, name: str
) -> None:
    begun_anew(engine, audit)
    with engine.begin() as connection:
        DAMAGE[name][0](connection)
    with pytest.raises(VerificationError, match="was not written by Herdbook"):
        audit.append(entry(6), NOW)


HEAD_DAMAGE: dict[str, Tampering] = {
    "number": lambda connection: connection.execute(update(audit_head).values(number=4)),
    "digest": lambda connection: connection.execute(
        update(audit_head).values(digest=of_bytes(b""))
    ),
    "seal": lambda connection: connection.execute(update(audit_head).values(seal="0" * 64)),
    "no seal": lambda connection: connection.execute(update(audit_head).values(seal="")),
    "odd seal": lambda connection: connection.execute(update(audit_head).values(seal="ö")),
    "removed": lambda connection: connection.execute(delete(audit_head)),
}


def test_a_head_that_was_replaced_is_found_and_nothing_is_added_to_it(
    engine: Engine, audit: SqlAudit, workshop: Workshop
) -> None:
    uses: list[Callable[[], object]] = [
        audit.head,
        lambda: verify_audit(workshop),
        lambda: list(audit.records(newest=1)),
        lambda: audit.append(entry(6), NOW),
    ]
    for tamper in HEAD_DAMAGE.values():
        made = begun_anew(engine, audit)
        with engine.begin() as connection:
            tamper(connection)
        for use in uses:
            with pytest.raises(VerificationError, match="how long the audit is"):
                use()
        assert list(audit.records()) == made


def test_another_key_does_not_fit_and_the_file_is_named(
    engine: Engine, audit: SqlAudit, key_file: Path
) -> None:
    fill(audit)
    other = SqlAudit(engine, key_file.with_name("other.key"))
    for use in (other.head, lambda: other.append(entry(6), NOW)):
        with pytest.raises(VerificationError) as caught:
            use()
        assert "other.key" in caught.value.hint


@pytest.mark.parametrize("key", [b"", b"short", b"x" * 33])
def test_nothing_is_sealed_with_what_is_no_key(audit: SqlAudit, key_file: Path, key: bytes) -> None:
    """With an empty file, everybody would have the key."""
    key_file.parent.mkdir()
    key_file.write_bytes(key)
    with pytest.raises(VerificationError, match=r"audit\.key"):
        audit.append(entry(), NOW)
    assert list(audit.records()) == []


def test_an_older_state_is_told_by_the_head_that_was_noted(
    engine: Engine, audit: SqlAudit, workshop: Workshop
) -> None:
    """Whoever puts back records and seal of before is not found out by the database alone."""
    made = fill(audit, 3)
    with engine.connect() as connection:
        [older] = connection.execute(select(audit_head))
    audit.append(entry(4), NOW)
    noted = audit.head()
    with engine.begin() as connection:
        connection.execute(delete(audit_records).where(RECORDS.number > 3))
        connection.execute(update(audit_head).values(**older._asdict()))
    assert verify_audit(workshop) == head_of(made[-1])
    with pytest.raises(VerificationError, match="cut off after record 3: 1 are missing"):
        verify_audit(workshop, noted)
    audit.append(entry(5), NOW)
    with pytest.raises(VerificationError, match="Record 4 of the audit is not the one that was"):
        verify_audit(workshop, noted)


def test_a_noted_head_is_found_on_the_way(audit: SqlAudit, workshop: Workshop) -> None:
    made = fill(audit)
    for noted in (None, Head(), *map(head_of, made)):
        assert verify_audit(workshop, noted) == head_of(made[-1])
    wrong = Head(number=2, digest=of_bytes(b""))
    with pytest.raises(VerificationError, match="Record 2 of the audit is not the one"):
        verify_audit(workshop, wrong)


def test_what_was_exported_is_verified_by_itself(audit: SqlAudit) -> None:
    audit.append(entry(1, **DETAILS), NOW.replace(microsecond=7))
    made = fill(audit, 3)
    lines = [json.dumps(record_shape(each)) + "\n" for each in audit.records()]
    assert verify_export(lines) == verify_export(lines, head_of(made[0])) == audit.head()
    assert verify_export(lines[:2]) == head_of(made[0])
    assert verify_export([]) == Head()
    for damaged, words in (
        ([lines[0], lines[1].replace("ann", "bob"), *lines[2:]], "Record 2 of the audit is not"),
        ([lines[0], *lines[2:]], "Record 2 of the audit is missing"),
        ([lines[0], "{}\n", *lines[2:]], "Line 2 is no record"),
        ([lines[0], lines[1][:-9], *lines[2:]], "Line 2 is no record"),
    ):
        with pytest.raises(VerificationError, match=words):
            verify_export(damaged)
    with pytest.raises(VerificationError, match="cut off after record 3"):
        verify_export(lines[:3], audit.head())


@pytest.mark.parametrize("damage", ["details = '{'", "at = 'yesterday'", "digest = x'00'"])
def test_rows_that_cannot_be_read_are_told_as_damage(tmp_path: Path, damage: str) -> None:
    """PostgreSQL does not take them in the first place; SQLite takes anything."""
    workshop = fleet_workshop(tmp_path / "state")
    for each in range(1, 6):
        workshop.audit.append(entry(each), NOW)
    with sqlite3.connect(tmp_path / "state/herdbook.db") as connection:
        connection.execute(f"UPDATE audit_records SET {damage} WHERE number = 3")  # noqa: S608
    connection.close()
    with pytest.raises(VerificationError, match="of the audit is"):
        verify_audit(workshop)
