"""The promises of the port Subscriptions, on every kind of database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from older_schemas import at_revision
from sqlalchemy import Engine

from herdbook.audit.chain import Entry
from herdbook.core.errors import ConflictError
from herdbook.notifications.model import Course, Kind, Subscription
from herdbook.notifications.ports import Subscriptions
from herdbook.store.audit import SqlAudit
from herdbook.store.database import open_database
from herdbook.store.subscriptions import SqlSubscriptions

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ENTRY = Entry(who="ann", verb="subscribe", subject="chat", details={})
CHAT = Subscription("chat", Kind.WEBHOOK, "https://a.example/ö", ("promote", "r*"), "shop/*", "f")
OPS = Subscription("ops", Kind.MAIL, "ops@example.org")


@pytest.fixture
def audit(engine: Engine, tmp_path: Path) -> SqlAudit:
    return SqlAudit(engine, tmp_path / "audit.key")


@pytest.fixture
def subscriptions(engine: Engine, audit: SqlAudit) -> Subscriptions:
    return SqlSubscriptions(engine, audit)


def test_one_begins_after_the_record_of_its_own_beginning(
    subscriptions: Subscriptions, audit: SqlAudit
) -> None:
    audit.append(Entry(who="ann", verb="promote", subject="x"), NOW)
    subscriptions.add(OPS, ENTRY, NOW)
    subscriptions.add(CHAT, ENTRY, NOW)
    assert subscriptions.every() == [(CHAT, Course(3)), (OPS, Course(2))]


def test_a_name_is_taken_once_and_nothing_is_written_down_of_the_second(
    subscriptions: Subscriptions, audit: SqlAudit
) -> None:
    subscriptions.add(CHAT, ENTRY, NOW)
    with pytest.raises(ConflictError, match="already") as caught:
        subscriptions.add(replace(OPS, name="chat"), ENTRY, NOW)
    assert caught.value.hint == "Remove it first: herdbook notify rm chat"
    assert len(list(audit.records())) == 1
    assert subscriptions.every() == [(CHAT, Course(1))]


def test_how_far_it_is_is_kept_whole(subscriptions: Subscriptions) -> None:
    subscriptions.add(CHAT, ENTRY, NOW)
    course = Course(7, 3, NOW + timedelta(minutes=1), "it is deaf", 2, NOW)
    assert subscriptions.keep(CHAT, Course(1), course)
    assert subscriptions.every() == [(CHAT, course)]


def test_one_that_was_removed_or_made_anew_meanwhile_is_left_as_it_is(
    subscriptions: Subscriptions,
) -> None:
    subscriptions.add(CHAT, ENTRY, NOW)
    subscriptions.remove("chat", ENTRY, NOW)
    assert not subscriptions.keep(CHAT, Course(1), Course(2))
    other = replace(CHAT, address="https://b.example")
    subscriptions.add(other, ENTRY, NOW)
    assert not subscriptions.keep(CHAT, Course(3), Course(2))
    assert not subscriptions.keep(other, Course(1), Course(2))
    assert subscriptions.every() == [(other, Course(3))]


def test_what_is_removed_is_gone_once(subscriptions: Subscriptions, audit: SqlAudit) -> None:
    subscriptions.add(CHAT, ENTRY, NOW)
    assert subscriptions.remove("chat", ENTRY, NOW)
    assert not subscriptions.remove("chat", ENTRY, NOW)
    assert subscriptions.every() == []
    assert len(list(audit.records())) == 2


def test_in_a_register_from_before_nobody_is_told(database_url: str, tmp_path: Path) -> None:
    at_revision(database_url, "0009").dispose()
    engine = open_database(database_url)
    found = SqlSubscriptions(engine, SqlAudit(engine, tmp_path / "audit.key"))
    assert found.every() == []
    found.add(CHAT, ENTRY, NOW)
    assert [each for each, _ in found.every()] == [CHAT]
    engine.dispose()
