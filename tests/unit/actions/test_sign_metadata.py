"""So many keys sign what a channel gets, and nothing else makes it mean anything."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from channel_images import add_versions, put_rules
from fleet_workshop import fleet_workshop
from signers import NAMES, Signers

from herdbook.actions.name_version import present, version_meant
from herdbook.actions.promote import promote
from herdbook.actions.propose import approve, propose
from herdbook.actions.publish_metadata import refresh, with_snapshot
from herdbook.actions.sign_metadata import (
    list_published,
    name_holders,
    require_pinned,
    sign_due,
    signatures_due,
)
from herdbook.actions.sign_move import move_of, sign_move
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import (
    ConflictError,
    GateError,
    InvalidInputError,
    NotFoundError,
    VerificationError,
)
from herdbook.metadata.model import BY_PEOPLE, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from herdbook.metadata.signing import sign
from herdbook.signatures.keys import new_private_key


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    made = replace(fleet_workshop(tmp_path / "state"), actor="eve")
    add_versions(made, 3)
    return made


@pytest.fixture
def signers(workshop: Workshop) -> Signers:
    made = Signers(workshop)
    made.begin()
    return made


LAID_BACK = """
UPDATE metadata_documents SET content =
(SELECT content FROM metadata_documents WHERE role = 'targets' AND version = 1)
WHERE role = 'targets'
"""


def versions(workshop: Workshop) -> dict[str, int]:
    return {each.role: each.version for each in list_published(workshop)}


def test_nothing_is_published_before_enough_holders_have_signed_all_of_it(
    workshop: Workshop,
) -> None:
    signers = Signers(workshop)
    put_rules(workshop, signers.rules(*NAMES))
    with pytest.raises(NotFoundError, match="holds a root"):
        signatures_due(workshop)
    name_holders(workshop, signers.public("anna", "bert"), 2)
    signed, published = sign_due(workshop, signers.keys["anna"])
    assert [each.role for each in signed][:2] == [ROOT, TARGETS]
    assert (published, workshop.anchor.pinned()) == ([], None)
    with pytest.raises(NotFoundError, match="published"):
        require_pinned(workshop)
    assert sign_due(workshop, signers.keys["carol"]) == ([], [])
    _, published = sign_due(workshop, signers.keys["bert"])
    assert published[:2] == [ROOT, TARGETS]
    assert versions(workshop).keys() == {*published, SNAPSHOT, TIMESTAMP}
    assert signatures_due(workshop) == []


def test_a_guarded_channel_moves_once_enough_have_signed_and_not_before(signers: Signers) -> None:
    workshop = signers.workshop
    with pytest.raises(GateError, match="nobody has proposed it"):
        promote(workshop, "shop/web:2", "production")
    proposal = signers.proposed("shop/web:2")
    with pytest.raises(GateError, match="2 more of anna, bert, carol have to sign"):
        promote(workshop, "shop/web:2", "production")
    signers.sign(proposal, "bert")
    with pytest.raises(GateError, match="1 more of anna, carol has to sign"):
        promote(workshop, "shop/web:2", "production")
    signers.sign(proposal, "bert")  # twice is once
    with pytest.raises(GateError, match="1 more of anna, carol has to sign"):
        promote(workshop, "shop/web:2", "production")
    signers.sign(proposal, "carol")
    promote(workshop, "shop/web:2", "production")
    assert version_meant(workshop, "shop/web@production").number == 2
    promote(workshop, "shop/web:3", "staging")  # nobody guards that


def test_nobody_signs_what_they_propose_nor_with_a_key_that_does_not_count(
    signers: Signers,
) -> None:
    proposal = signers.proposed("shop/web:2")
    stranger = replace(signers, keys={"anna": new_private_key()})
    with pytest.raises(GateError, match="does not count"):
        stranger.sign(proposal, "anna")
    own = replace(signers, keys={"dora": signers.keys["anna"]})
    with pytest.raises(GateError, match="nobody approves what they propose"):
        own.sign(proposal, "dora")


def test_signatures_for_one_proposal_do_not_count_once_the_list_has_moved_on(
    signers: Signers,
) -> None:
    second, third = signers.proposed("shop/web:2"), signers.proposed("shop/web:3")
    signers.sign(second, "anna", "bert")
    signers.sign(third, "anna", "bert")
    promote(signers.workshop, "shop/web:2", "production")
    with pytest.raises(GateError, match="2 more of anna, bert, carol have to sign"):
        promote(signers.workshop, "shop/web:3", "production")
    signers.sign(third, "anna", "bert")
    promote(signers.workshop, "shop/web:3", "production")


def test_a_rule_that_is_given_again_guards_again(signers: Signers) -> None:
    workshop = signers.workshop
    signers.promote("shop/web:2")
    for text in ("channels: []", signers.rules(*NAMES)):
        put_rules(workshop, text)
        for name in ("anna", "bert"):
            sign_due(workshop, signers.keys[name])
    assert version_meant(workshop, "shop/web@production").number == 2
    signers.promote("shop/web:3")
    assert version_meant(workshop, "shop/web@production").number == 3


def test_what_is_signed_is_what_was_shown(signers: Signers) -> None:
    workshop = signers.workshop
    proposal = signers.proposed("shop/web:2")
    version = version_meant(workshop, "shop/web:2")
    shown_move = move_of(workshop, version, "production", proposal)
    workshop.clock.sleep(60)  # somebody looks at it for so long
    sign_move(workshop, version, proposal, signers.keys["anna"], shown_move)
    signers.promote("shop/web:3")
    with pytest.raises(ConflictError, match="changed meanwhile"):
        sign_move(workshop, version, proposal, signers.keys["anna"], shown_move)
    name_holders(workshop, signers.public("anna", "bert"), 1)
    shown = signatures_due(workshop)
    workshop.clock.sleep(60)
    assert sign_due(workshop, signers.keys["carol"], shown) == ([], [])
    name_holders(workshop, {"thief": new_private_key().public}, 1)
    with pytest.raises(ConflictError, match="changed meanwhile"):
        sign_due(workshop, signers.keys["anna"], shown)


@pytest.mark.parametrize(
    "what",
    [
        "DELETE FROM metadata_documents WHERE role LIKE 'production-%'",
        "DELETE FROM metadata_documents WHERE role = 'targets'",
        "DELETE FROM metadata_documents WHERE role = 'targets' AND version = 2",
        "DELETE FROM metadata_documents WHERE role = 'root'",
        "UPDATE metadata_documents SET version = version + 9 WHERE role = 'targets'",
        LAID_BACK,
    ],
)
def test_what_is_taken_away_or_laid_back_past_herdbook_is_seen(
    signers: Signers, tmp_path: Path, what: str
) -> None:
    workshop = signers.workshop
    signers.promote("shop/web:2")
    signers.keys["eric"] = new_private_key()
    put_rules(workshop, signers.rules("anna", "carol", "eric"))
    for name in ("anna", "bert", "carol"):
        sign_due(workshop, signers.keys[name])
    assert version_meant(workshop, "shop/web@production").number == 2
    with closing(sqlite3.connect(tmp_path / "state" / "herdbook.db")) as database, database:
        database.execute(what)
    with pytest.raises(VerificationError):
        version_meant(workshop, "shop/web@production")
    with pytest.raises(VerificationError):
        with_snapshot(workshop, [])


def test_signed_metadata_without_its_pinned_root_is_not_believed(
    signers: Signers, tmp_path: Path
) -> None:
    """As where somebody has the register, and the keys of before."""
    signers.promote("shop/web:2")
    (tmp_path / "state" / "keys" / "root.json").unlink()
    with pytest.raises(VerificationError, match="no root is pinned here"):
        version_meant(signers.workshop, "shop/web@production")


def test_killed_between_pinning_and_publishing_it_goes_on(workshop: Workshop) -> None:
    signers = Signers(workshop)
    put_rules(workshop, signers.rules(*NAMES))
    name_holders(workshop, signers.public("anna"), 1)
    [root, *_] = signatures_due(workshop)
    sign(root.metadata, signers.keys["anna"])
    workshop.anchor.pin(root.document().content)
    assert TARGETS in sign_due(workshop, signers.keys["anna"])[1]
    assert versions(workshop)[ROOT] == 1
    signers.promote("shop/web:2")
    assert version_meant(workshop, "shop/web@production").number == 2


def test_who_has_approved_it_signs_it_later(workshop: Workshop) -> None:
    signers = Signers(workshop)
    text = signers.rules(*NAMES).replace("  signers:", "  approvals: {count: 1}\n  signers:")
    put_rules(workshop, text)
    name_holders(workshop, signers.public("anna"), 1)
    sign_due(workshop, signers.keys["anna"])
    proposal = signers.proposed("shop/web:2")
    approve(replace(workshop, actor="anna"), proposal.number)
    signers.sign(proposal, "anna", "bert")
    promote(workshop, "shop/web:2", "production")


def test_what_was_promoted_before_anybody_had_to_sign_counts_no_more(workshop: Workshop) -> None:
    promote(workshop, "shop/web:1", "production")
    signers = Signers(workshop)
    signers.begin()
    with pytest.raises(VerificationError, match="nobody has signed that it gets that"):
        version_meant(workshop, "shop/web@production")
    signers.promote("shop/web:1")  # it can be proposed again, and signed
    assert version_meant(workshop, "shop/web@production").number == 1
    with pytest.raises(ConflictError, match="already"):
        propose(workshop, "shop/web:1", "production", "once more")


def test_a_rule_that_is_taken_away_guards_until_the_holders_have_signed_that(
    signers: Signers,
) -> None:
    workshop = signers.workshop
    put_rules(workshop, "channels: []")
    with pytest.raises(GateError, match="have to sign"):
        promote(workshop, "shop/web:2", "production")
    for name in ("anna", "bert"):
        sign_due(workshop, signers.keys[name])
    promote(workshop, "shop/web:2", "production")


def test_what_is_guarded_by_what_holders_have_signed_follows_nobody(signers: Signers) -> None:
    """Whatever the rules say by now: nobody has signed for it."""
    workshop = signers.workshop
    put_rules(workshop, "channels: [{channel: canary, follow_back: [production, staging]}]")
    found = promote(workshop, "shop/web:2", "canary")
    assert [each.channel for each in found.followed] == ["staging"]
    assert present(workshop, "shop/web", "production") is None


def test_a_rule_is_not_in_force_for_nobody_before_the_holders_have_signed_it(
    workshop: Workshop,
) -> None:
    put_rules(workshop, Signers(workshop).rules(*NAMES))
    with pytest.raises(GateError, match="holders of the root have not signed"):
        promote(workshop, "shop/web:2", "production")


def test_holders_are_followed_by_others_only_if_they_sign_that_themselves(
    signers: Signers,
) -> None:
    workshop = signers.workshop
    signers.promote("shop/web:2")
    name_holders(workshop, signers.public("carol"), 1)
    assert sign_due(workshop, signers.keys["carol"])[1] == []
    assert sign_due(workshop, signers.keys["anna"])[1] == []
    _, published = sign_due(workshop, signers.keys["bert"])
    assert published == [ROOT, TARGETS]
    assert signatures_due(workshop) == []
    assert versions(workshop)[ROOT] == 2
    assert version_meant(workshop, "shop/web@production").number == 2


def test_another_keys_rule_wants_lists_signed_again_before_anything_moves(
    signers: Signers,
) -> None:
    workshop = signers.workshop
    signers.promote("shop/web:2")
    signers.keys["eric"] = new_private_key()
    put_rules(workshop, signers.rules("bert", "eric"))
    for name in ("anna", "bert"):
        sign_due(workshop, signers.keys[name])
    with pytest.raises(VerificationError, match="bert and eric have to sign"):
        version_meant(workshop, "shop/web@production")
    with pytest.raises(GateError, match="keys that do not count any more"):
        promote(workshop, "shop/web:3", "production")
    sign_due(workshop, signers.keys["eric"])
    assert version_meant(workshop, "shop/web@production").number == 2


def test_what_ends_soon_is_due_again_and_the_timestamp_is_renewed_by_the_server(
    signers: Signers,
) -> None:
    workshop = signers.workshop
    signers.promote("shop/web:2")
    assert not refresh(workshop)
    workshop.clock.sleep(timedelta(days=4).total_seconds())
    before = versions(workshop)
    assert refresh(workshop)
    after = versions(workshop)
    assert {role for role in after if after[role] != before[role]} == {SNAPSHOT, TIMESTAMP}
    workshop.clock.sleep((BY_PEOPLE - timedelta(days=30)).total_seconds())
    due = {each.role for each in signatures_due(workshop)}
    assert due == after.keys() - {SNAPSHOT, TIMESTAMP}
    for name in NAMES:
        sign_due(workshop, signers.keys[name])
    assert signatures_due(workshop) == []
    assert version_meant(workshop, "shop/web@production").number == 2


def test_a_revoked_version_falls_back_to_one_that_was_signed(signers: Signers) -> None:
    signers.promote("shop/web:2")
    signers.promote("shop/web:3")
    found = present(signers.workshop, "shop/web", "production")
    assert found
    assert found.version == 3
    assert version_meant(signers.workshop, "shop/web@production").number == 3


@pytest.mark.parametrize("threshold", [0, 3])
def test_a_threshold_that_cannot_be_reached_is_refused(workshop: Workshop, threshold: int) -> None:
    with pytest.raises(InvalidInputError, match="cannot sign"):
        name_holders(workshop, Signers(workshop).public("anna", "bert"), threshold)


def test_one_key_under_two_names_is_no_second_holder(workshop: Workshop) -> None:
    key = new_private_key().public
    with pytest.raises(InvalidInputError, match="two names"):
        name_holders(workshop, {"anna": key, "bert": key}, 2)
