"""The promises of what gates are decided by, on every database: results and exceptions."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from advised_images import add_holding, debian, import_feed, tracker
from channel_images import add_version, in_database, put_rules, verbs
from fleet_workshop import fleet_workshop
from sqlalchemy import Engine, text

from herdbook.actions.answer_for import (
    Answer,
    add_exception,
    end_exception,
    exceptions_for,
    why_void,
)
from herdbook.actions.keep_results import keep_result, results_of
from herdbook.actions.weigh_proposal import gather
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.channels.exceptions import GateException
from herdbook.channels.results import Part, Result, ResultKind
from herdbook.core.digests import EMPTY, Digest
from herdbook.core.errors import ConflictError, NotFoundError
from herdbook.signatures.model import Standing
from herdbook.store.audit import SqlAudit

GOOD, BAD = Part("ready", passed=True, seconds=0.5), Part("ready", passed=False, said="Ö\nno")


@pytest.fixture
def workshop(engine: Engine, tmp_path: Path) -> Workshop:
    """A workshop whose register is in a database of each kind."""
    first = fleet_workshop(tmp_path / "state")
    return in_database(first, engine, SqlAudit(engine, tmp_path / "audit.key"))


@pytest.fixture
def version(workshop: Workshop) -> Version:
    return add_version(workshop)


def result(workshop: Workshop, version: Version, part: Part = GOOD, text: Digest = EMPTY) -> Result:
    """Return what came of starting the container of a version now."""
    return Result(
        image=version.image,
        version=version.number,
        digest=version.digest,
        kind=ResultKind.BOOTS,
        at=workshop.clock.now(),
        who="ann",
        parts=(part,),
        name="container",
        text=text,
    )


def answered(workshop: Workshop, name: str = "CVE-2026-1", **more: str) -> GateException:
    until = workshop.clock.now() + timedelta(days=30)
    return add_exception(workshop, Answer(name, "shop/*", "ann", until, "Ö", **more))


# Results


def test_what_is_kept_is_read_back_with_all_that_was_said(
    workshop: Workshop, version: Version
) -> None:
    assert results_of(workshop, version) == []
    told = result(workshop, version, BAD)
    keep_result(workshop, told)
    assert results_of(workshop, version) == [told]


def test_the_newest_result_of_what_was_done_wins_and_the_audit_knows_all(
    workshop: Workshop, version: Version
) -> None:
    for part in (GOOD, BAD, GOOD, BAD):
        told = result(workshop, version, part)
        keep_result(workshop, told)
        assert results_of(workshop, version) == [told]
    records = [each for each in workshop.audit.records() if each.verb == "test"]
    assert [each.details["passed"] for each in records] == [True, False, True, False]
    assert all(each.subject.startswith("shop/web:1 boots container") for each in records)


def test_what_other_words_came_to_stands_beside_it(workshop: Workshop, version: Version) -> None:
    one, other = result(workshop, version), result(workshop, version, BAD, version.digest)
    keep_result(workshop, one)
    keep_result(workshop, other)
    assert sorted(each.passed for each in results_of(workshop, version)) == [False, True]


def test_a_result_is_of_its_version_alone(workshop: Workshop, version: Version) -> None:
    keep_result(workshop, result(workshop, version))
    assert results_of(workshop, add_version(workshop)) == []
    assert results_of(workshop, replace(version, digest=EMPTY)) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE test_results SET version = 2",
        "UPDATE test_results SET signature = key_bytes",
        "DELETE FROM test_results",
    ],
)
def test_what_was_changed_past_herdbook_does_not_count(
    workshop: Workshop, version: Version, engine: Engine, statement: str
) -> None:
    keep_result(workshop, result(workshop, version))
    second = add_version(workshop)
    with engine.begin() as connection:
        connection.execute(text(statement.replace("key_bytes", "statement")))
    assert results_of(workshop, version) == results_of(workshop, second) == []


def test_a_result_that_is_put_back_does_not_count(
    workshop: Workshop, version: Version, engine: Engine
) -> None:
    """It is signed, and once was the newest: the audit knows that it failed since."""
    keep_result(workshop, result(workshop, version))
    query = text("SELECT statement, signature FROM test_results")
    with engine.begin() as connection:
        statement, signature = connection.execute(query).one()
    workshop.clock.sleep(1)
    keep_result(workshop, result(workshop, version, BAD))
    put = text("UPDATE test_results SET statement = :statement, signature = :signature")
    with engine.begin() as connection:
        connection.execute(put, {"statement": statement, "signature": signature})
    assert results_of(workshop, version) == []


def test_what_a_distrusted_key_has_signed_does_not_count(
    workshop: Workshop, version: Version
) -> None:
    keep_result(workshop, result(workshop, version))
    own = workshop.keys.own()
    workshop.keys.rotate()
    assert len(results_of(workshop, version)) == 1  # it is retired: its word counts
    workshop.keys.change(own.name, Standing.DISTRUSTED)
    assert results_of(workshop, version) == []


def test_a_result_and_its_record_are_kept_together_or_not_at_all(
    workshop: Workshop, version: Version, engine: Engine
) -> None:
    keep_result(workshop, result(workshop, version))
    told = results_of(workshop, version)
    with engine.begin() as connection:
        connection.execute(text("UPDATE audit_head SET seal = 'broken'"))
    with pytest.raises(Exception, match="audit"):
        keep_result(workshop, result(workshop, version, BAD))
    assert results_of(workshop, version) == told


# Exceptions


def test_an_exception_is_read_back_whole_and_numbered_in_order(workshop: Workshop) -> None:
    first = answered(workshop, component="openssl")
    second = answered(workshop, "AGPL-3.0-only")
    assert workshop.channels.exceptions() == [first, second]
    assert [each.number for each in workshop.channels.exceptions()] == [1, 2]
    assert (first.who, first.component) == (workshop.actor, "openssl")
    assert exceptions_for(workshop, "shop/web", workshop.clock.now()) == [first, second]
    assert exceptions_for(workshop, "other/web", workshop.clock.now()) == []


def test_it_does_not_hold_once_its_day_has_come(workshop: Workshop) -> None:
    made = answered(workshop)
    assert exceptions_for(workshop, "shop/web", made.until) == []


def test_it_is_ended_once_and_each_change_is_one_record(workshop: Workshop) -> None:
    made = answered(workshop)
    ended = end_exception(workshop, made.number, "there is a patch")
    assert workshop.channels.exceptions() == [ended]
    assert ended.ended_by == workshop.actor
    assert exceptions_for(workshop, "shop/web", workshop.clock.now()) == []
    with pytest.raises(ConflictError):
        end_exception(workshop, made.number, "again")
    with pytest.raises(ConflictError):
        workshop.channels.end_exception(ended, next(iter(workshop.audit.records())))
    with pytest.raises(NotFoundError):
        end_exception(workshop, 9, "there is none")
    assert verbs(workshop) == ["add-exception exception 1", "end-exception exception 1"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE gate_exceptions SET until = '2030-01-01 00:00:00+00:00'",
        "UPDATE gate_exceptions SET images = '*'",
        "UPDATE gate_exceptions SET component = 'curl'",
        "UPDATE gate_exceptions SET owner = 'nobody'",
        "UPDATE gate_exceptions SET number = 2",
        "UPDATE gate_exceptions SET key = ''",
    ],
)
def test_one_that_was_changed_past_herdbook_does_not_count(
    workshop: Workshop, engine: Engine, statement: str
) -> None:
    answered(workshop)
    with engine.begin() as connection:
        connection.execute(text(statement))
    assert exceptions_for(workshop, "shop/web", workshop.clock.now()) == []
    [found] = workshop.channels.exceptions()
    assert why_void(workshop, found)


def test_one_that_was_ended_cannot_be_put_back(workshop: Workshop, engine: Engine) -> None:
    made = answered(workshop)
    end_exception(workshop, made.number, "there is a patch")
    with engine.begin() as connection:
        connection.execute(text("UPDATE gate_exceptions SET ended_at = NULL"))
    assert exceptions_for(workshop, "shop/web", workshop.clock.now()) == []


def at_once(act: Callable[[], object], count: int) -> list[object]:
    """Do something so many times side by side; return what came of each."""
    barrier = Barrier(count)

    def one(_: int) -> object:
        barrier.wait()
        try:
            return act()
        except ConflictError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_of_several_that_are_added_at_once_none_takes_the_number_of_another(
    workshop: Workshop,
) -> None:
    workshop.keys.own()
    came = at_once(lambda: answered(workshop), 4)
    made = [each for each in came if isinstance(each, GateException)]
    assert made
    assert workshop.channels.exceptions() == sorted(made, key=lambda each: each.number)
    assert len(verbs(workshop)) == len(made)


# What they do to evidence


def test_evidence_changes_when_a_verdict_an_exception_or_a_licence_does(tmp_path: Path) -> None:
    workshop = fleet_workshop(tmp_path / "state")
    ssl = replace(debian("openssl", "3.0.9-1"), licence="Apache-2.0")
    version = add_holding(workshop, ssl)
    import_feed(workshop, tracker())
    put_rules(workshop, "channels: [{channel: production, gates: {boots: container}}]")
    seen = []

    def look() -> None:
        rule = workshop.channels.rules().of("shop/web", "production")
        seen.append(gather(workshop, version, None, rule).digest)

    look()
    keep_result(workshop, result(workshop, version))
    look()
    keep_result(workshop, result(workshop, version, BAD))
    look()
    made = answered(workshop)
    look()
    assert len(set(seen)) == len(seen)
    end_exception(workshop, made.number, "no more")
    look()
    assert seen[-1] == seen[-3]  # it is as it was before
    keep_result(workshop, result(workshop, version, BAD))
    look()
    assert seen[-1] == seen[-2]  # the same came of it again
    put_rules(
        workshop,
        "channels: [{channel: production, gates: {boots: container, licences: {deny: Apache-*}}}]",
    )
    look()
    assert seen[-1] not in seen[:-1]
