"""The promises of the ports MetadataRegister and TrustAnchor, on every kind of database."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from older_schemas import at_revision
from sqlalchemy import Engine
from tuf.api.metadata import Targets
from versions import digest

from herdbook.audit.chain import Entry
from herdbook.channels.model import Assignment
from herdbook.channels.proposals import Proposal, ProposalState
from herdbook.core.errors import ConflictError, InvalidInputError, NotFoundError
from herdbook.metadata import composing
from herdbook.metadata.model import SNAPSHOT, TIMESTAMP, Document, Draft, Guard
from herdbook.metadata.ports import MetadataRegister
from herdbook.metadata.signing import read, sign, written
from herdbook.signatures.keys import PrivateKey, new_private_key
from herdbook.store.audit import SqlAudit
from herdbook.store.channels import SqlChannels
from herdbook.store.database import open_database
from herdbook.store.metadata import SqlMetadata
from herdbook.store.trust_anchor import FileTrustAnchor

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ENTRY = Entry(who="ann", verb="sign-metadata", subject="root", details={})
ANN = "ann"
ANNA, BERT = new_private_key(), new_private_key()


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
    register.publish([first], ANN, NOW)
    register.publish([second], ANN, NOW)
    assert register.newest("targets") == second
    assert register.find("targets", 1) == first
    assert register.find("targets", 3) is None
    assert register.history("targets") == [second, first]
    assert register.versions() == {"targets": 2}
    told = [
        (each.who, each.verb, each.subject, each.details["version"]) for each in audit.records()
    ]
    assert told == [("ann", "publish-metadata", "metadata targets", each) for each in (1, 2)]


def test_of_two_that_publish_the_same_version_one_has_done_it_and_the_other_nothing(
    register: MetadataRegister, audit: SqlAudit
) -> None:
    register.publish(documents(1), ANN, NOW)
    with pytest.raises(ConflictError, match="meanwhile"):
        register.publish([*documents(1, role="other"), *documents(1)], ANN, NOW)
    assert register.versions() == {"targets": 1}
    assert len(list(audit.records())) == 1


def test_old_timestamps_and_snapshots_go_and_lists_stay(register: MetadataRegister) -> None:
    for number in range(1, 15):
        for role in (SNAPSHOT, TIMESTAMP, "production-1-0f"):
            register.publish(documents(number, role=role), ANN, NOW)
    assert [each.version for each in register.history(TIMESTAMP)] == [14]
    assert [each.version for each in register.history(SNAPSHOT)] == list(range(14, 4, -1))
    assert len(register.history("production-1-0f")) == 14


def signed(number: int, *keys: PrivateKey, version: int = 1) -> bytes:
    """A document that says a number, signed by these."""
    guard = Guard("production", f"image-{number}", {"anna": ANNA.public}, 1)
    made = composing.targets([guard], version, NOW)
    for key in keys:
        sign(made, key)
    return written(made)


def test_a_draft_takes_the_place_of_its_own_and_goes_when_its_role_is_published(
    register: MetadataRegister,
) -> None:
    first, again = Draft("targets", signed(1), 3), Draft("targets", signed(2), 3)
    mine, other = Draft("targets", signed(3)), Draft("list", signed(4))
    for each in (first, mine, other, again):
        register.keep_draft(each, ENTRY, NOW)
    assert register.drafts() == [other, mine, again]
    register.publish(documents(1), ANN, NOW)
    assert register.drafts() == [other]


def test_two_who_sign_the_same_at_once_have_both_signed_it(register: MetadataRegister) -> None:
    for key in (ANNA, BERT):
        register.keep_draft(Draft("targets", signed(1, key)), ENTRY, NOW)
    [kept] = register.drafts()
    both = read(kept.content, Targets)
    assert set(both.signatures) == {ANNA.public.identity, BERT.public.identity}


def test_another_root_takes_the_place_of_one_only_where_that_is_meant(
    register: MetadataRegister,
) -> None:
    first, other = Draft("root", signed(1)), Draft("root", signed(2))
    register.keep_draft(first, ENTRY, NOW)
    with pytest.raises(ConflictError, match="other holders"):
        register.keep_draft(other, ENTRY, NOW)
    assert register.drafts() == [first]
    register.keep_draft(other, ENTRY, NOW, replaces_root=True)
    assert register.drafts() == [other]


def test_a_proposal_that_ends_takes_what_was_signed_for_it_along(
    engine: Engine, audit: SqlAudit, register: MetadataRegister
) -> None:
    channels = SqlChannels(engine, audit)
    made = Proposal(0, "shop/web", "production", 3, digest("web"), "dora", NOW, "it is good")
    proposal = channels.propose(made, ENTRY)
    register.keep_draft(Draft("production-1-0", signed(1), proposal.number), ENTRY, NOW)
    channels.end(proposal.ended(ProposalState.REJECTED, "ann", NOW, "it is not"), ENTRY)
    assert register.drafts() == []


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
    register.publish(documents(1), ANN, NOW)
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
    with pytest.raises(NotFoundError, match="gone"):
        anchor.online()
    identity = anchor.online(make=True).public.identity
    assert anchor.online().public.identity == identity
    (path,) = (tmp_path / "keys").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED" in path.read_bytes()
    with pytest.raises(InvalidInputError, match="encrypted"):
        FileTrustAnchor(tmp_path / "keys").online()
    with pytest.raises(InvalidInputError, match="password"):
        FileTrustAnchor(tmp_path / "keys", b"other").online()
