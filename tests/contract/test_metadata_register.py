"""The promises of the ports MetadataRegister and TrustAnchor, on every kind of database."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from older_schemas import at_revision
from sqlalchemy import Engine
from versions import digest

from herdbook.audit.chain import Entry
from herdbook.channels.model import Assignment
from herdbook.core.errors import ConflictError, InvalidInputError
from herdbook.metadata.model import SNAPSHOT, TIMESTAMP, Document, Draft
from herdbook.metadata.ports import MetadataRegister
from herdbook.store.audit import SqlAudit
from herdbook.store.channels import SqlChannels
from herdbook.store.database import open_database
from herdbook.store.metadata import SqlMetadata
from herdbook.store.trust_anchor import FileTrustAnchor

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ENTRY = Entry(who="ann", verb="publish-metadata", subject="root", details={})


@pytest.fixture
def audit(engine: Engine, tmp_path: Path) -> SqlAudit:
    return SqlAudit(engine, tmp_path / "audit.key")


@pytest.fixture
def register(engine: Engine, audit: SqlAudit) -> MetadataRegister:
    return SqlMetadata(engine, audit)


def documents(*versions: int, role: str = "targets") -> list[Document]:
    return [Document(role, version, f"{role} {version}".encode()) for version in versions]


def test_what_is_published_is_found_by_version_and_the_newest_first(
    register: MetadataRegister, audit: SqlAudit
) -> None:
    assert (register.newest("targets"), register.history("targets")) == (None, [])
    first, second = documents(1, 2)
    register.publish([first], ENTRY, NOW)
    register.publish([second], None, NOW)
    assert register.newest("targets") == second
    assert register.find("targets", 1) == first
    assert register.find("targets", 3) is None
    assert register.history("targets") == [second, first]
    assert register.versions() == {"targets": 2}
    assert [each.verb for each in audit.records()] == ["publish-metadata"]


def test_of_two_that_publish_the_same_version_one_has_done_it_and_the_other_nothing(
    register: MetadataRegister, audit: SqlAudit
) -> None:
    register.publish(documents(1), ENTRY, NOW)
    with pytest.raises(ConflictError, match="meanwhile"):
        register.publish([*documents(1, role="other"), *documents(1)], ENTRY, NOW)
    assert register.versions() == {"targets": 1}
    assert len(list(audit.records())) == 1


def test_old_timestamps_and_snapshots_go_and_lists_stay(register: MetadataRegister) -> None:
    for number in range(1, 15):
        for role in (SNAPSHOT, TIMESTAMP, "production-1-0f"):
            register.publish(documents(number, role=role), None, NOW)
    assert [each.version for each in register.history(TIMESTAMP)] == [14]
    assert [each.version for each in register.history(SNAPSHOT)] == list(range(14, 4, -1))
    assert len(register.history("production-1-0f")) == 14


def test_a_draft_takes_the_place_of_its_own_and_goes_when_its_role_is_published(
    register: MetadataRegister,
) -> None:
    first, again = Draft("targets", b"one", 3), Draft("targets", b"two", 3)
    other = Draft("root", b"root")
    for each in (first, Draft("targets", b"of none"), other, again):
        register.keep_draft(each, ENTRY, NOW)
    assert register.drafts() == [other, Draft("targets", b"of none"), again]
    register.publish(documents(1), None, NOW)
    assert register.drafts() == [other]


def test_a_channel_and_what_was_signed_for_it_are_kept_together_or_not_at_all(
    engine: Engine, audit: SqlAudit, register: MetadataRegister
) -> None:
    channels = SqlChannels(engine, audit)
    first = Assignment("shop/web", "production", 1, 3, digest("web"), NOW, "ann")
    channels.assign([first], ENTRY, documents=documents(1))
    assert register.versions() == {"targets": 1}
    late = Assignment("shop/web", "production", 1, 4, digest("web4"), NOW, "bob")
    with pytest.raises(ConflictError):  # somebody else was quicker: nothing is published
        channels.assign([late], ENTRY, documents=documents(2))
    assert register.versions() == {"targets": 1}
    after = Assignment("shop/web", "production", 2, 4, digest("web4"), NOW, "bob")
    with pytest.raises(ConflictError):  # nor does it move where that is published already
        channels.assign([after], ENTRY, documents=documents(1))
    assert channels.every() == [first]


def test_a_register_from_before_has_nothing_published_and_takes_it(
    database_url: str, tmp_path: Path
) -> None:
    at_revision(database_url, "0009").dispose()
    engine = open_database(database_url)
    register = SqlMetadata(engine, SqlAudit(engine, tmp_path / "audit.key"))
    assert register.versions() == {}
    register.publish(documents(1), ENTRY, NOW)
    assert register.versions() == {"targets": 1}
    engine.dispose()


# --- What lies beside it


def test_the_first_root_stays_the_first(tmp_path: Path) -> None:
    anchor = FileTrustAnchor(tmp_path / "keys")
    assert anchor.pinned() is None
    anchor.pin(b"root")
    anchor.pin(b"root")
    with pytest.raises(ConflictError, match="another first root"):
        anchor.pin(b"other")
    assert FileTrustAnchor(tmp_path / "keys").pinned() == b"root"


def test_the_servers_key_is_made_once_readable_by_its_user_only_and_sealed_by_a_password(
    tmp_path: Path,
) -> None:
    anchor = FileTrustAnchor(tmp_path / "keys", b"secret")
    identity = anchor.online().public.identity
    assert anchor.online().public.identity == identity
    (path,) = (tmp_path / "keys").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED" in path.read_bytes()
    with pytest.raises(InvalidInputError, match="encrypted"):
        FileTrustAnchor(tmp_path / "keys").online()
    with pytest.raises(InvalidInputError, match="password"):
        FileTrustAnchor(tmp_path / "keys", b"other").online()
