"""The audit is proven in the register and as it was exported, and both say the same."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from channel_images import add_versions
from fleet_workshop import fleet_workshop

from herdbook.actions.hold_channel import hold, release_hold
from herdbook.actions.promote import promote
from herdbook.actions.revoke import plan_revocation, reinstate, revoke
from herdbook.actions.verify_audit import verify_audit, verify_export
from herdbook.actions.workshop import Workshop
from herdbook.audit.chain import Head
from herdbook.channels.model import Level
from herdbook.cli.channels.shapes import record_shape
from herdbook.core.errors import VerificationError

RECORDS = 5


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """One in which everything was done that is written down, with words of all kinds."""
    made = fleet_workshop(tmp_path / "state")
    add_versions(made, 2)
    promote(made, "shop/web:1", "production", 'für "alle" \n 😀')
    hold(made, "shop/web@production", "stocktaking")
    release_hold(made, "shop/web@production")
    made.clock.sleep(0.000_123)
    since = {Level.BUILDS: made.clock.now()}
    revoke(made, plan_revocation(made, "shop/web:2", "it leaks", since))
    reinstate(made, "shop/web:2")
    return made


def exported(workshop: Workshop) -> list[str]:
    return [json.dumps(record_shape(each)) + "\n" for each in workshop.audit.records()]


def head_after(workshop: Workshop, number: int) -> Head:
    record = list(workshop.audit.records())[number - 1]
    return Head(number=record.number, digest=record.digest)


def damage(tmp_path: Path, statement: str) -> None:
    with closing(sqlite3.connect(tmp_path / "state/herdbook.db")) as connection, connection:
        connection.execute(statement)


def test_an_export_has_the_end_that_the_register_has(workshop: Workshop) -> None:
    head = verify_audit(workshop)
    assert head.number == RECORDS
    assert verify_export(exported(workshop)) == head
    assert verify_export(exported(workshop), head) == head
    assert verify_audit(workshop, head) == head


def test_an_empty_audit_is_well(tmp_path: Path) -> None:
    assert verify_audit(fleet_workshop(tmp_path / "state")) == verify_export([]) == Head()


@pytest.mark.parametrize("number", range(RECORDS + 1))
def test_an_end_that_was_noted_earlier_is_found_again(workshop: Workshop, number: int) -> None:
    noted = head_after(workshop, number) if number else Head()
    assert verify_audit(workshop, noted).number == RECORDS
    assert verify_export(exported(workshop), noted).number == RECORDS


def test_only_who_has_noted_the_end_finds_a_cut_in_what_was_exported(workshop: Workshop) -> None:
    noted, cut = verify_audit(workshop), exported(workshop)[:3]
    assert verify_export(cut).number == 3
    with pytest.raises(VerificationError, match="cut off after record 3: 2 are missing"):
        verify_export(cut, noted)
    with pytest.raises(VerificationError, match="cut off after record 0"):
        verify_export([], noted)


def test_a_noted_end_finds_an_audit_that_was_written_anew(
    workshop: Workshop, tmp_path: Path
) -> None:
    noted = verify_audit(workshop)
    other = fleet_workshop(tmp_path / "other")
    add_versions(other, 1)
    for number in range(RECORDS + 1):
        promote(other, "shop/web:1", f"channel-{number}")
    said = f"Record {RECORDS} of the audit"
    with pytest.raises(VerificationError, match=said):
        verify_audit(other, noted)
    with pytest.raises(VerificationError, match=said):
        verify_export(exported(other), noted)


Change = Callable[[list[str]], list[str]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [*lines[:1], *lines[2:]], "Record 2 of the audit is missing"),
        (lambda lines: lines[1:], "Record 1 of the audit is missing"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "Record 2"),
        (lambda lines: [lines[0], *lines], "Record 2"),
        (
            lambda lines: [lines[0].replace('"nobody"', '"somebody"'), *lines[1:]],
            "Record 1 of the audit is not the one that was written",
        ),
        (
            lambda lines: [*lines[:3], lines[3].replace("it leaks", "it is fine"), lines[4]],
            "Record 4 of the audit is not the one that was written",
        ),
        (lambda lines: [*lines[:2], "{}\n", *lines[3:]], "Line 3 is no record of an audit"),
        (lambda lines: [*lines[:2], "no JSON\n", *lines[3:]], "Line 3 is no record of an audit"),
    ],
)
def test_what_is_wrong_with_an_export_is_named(
    workshop: Workshop, change: Change, said: str
) -> None:
    before = exported(workshop)
    after = change(before)
    assert after != before
    with pytest.raises(VerificationError, match=said):
        verify_export(after)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit_records SET who = 'somebody' WHERE number = 2", "Record 2"),
        ("DELETE FROM audit_records WHERE number = 2", "Record 2 of the audit is missing"),
        ("DELETE FROM audit_records WHERE number > 3", "cut off after record 3: 2 are missing"),
        ("UPDATE audit_head SET number = 4", "was not written by Herdbook"),
        ("DELETE FROM audit_head", "What says how long the audit is was removed"),
    ],
)
def test_what_somebody_did_to_the_register_is_named(
    workshop: Workshop, tmp_path: Path, statement: str, said: str
) -> None:
    damage(tmp_path, statement)
    with pytest.raises(VerificationError, match=said):
        verify_audit(workshop)
