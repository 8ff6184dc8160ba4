"""What a revocation reaches is said before, and taken back it has done nothing."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from channel_images import EVERY_LEVEL, add_version, add_versions, verbs
from fleet_workshop import MadeUpNetwork, composed, fleet_workshop
from stores import open_store

from herdbook.actions.check_revoked import refuse_revoked, why_revoked
from herdbook.actions.clean_store import begin
from herdbook.actions.forget import forget
from herdbook.actions.list_channels import list_channels
from herdbook.actions.name_version import version_meant
from herdbook.actions.promote import promote
from herdbook.actions.release_application import release_application
from herdbook.actions.revoke import Reach, plan_revocation, reinstate, revoke
from herdbook.actions.roll_out import roll_out
from herdbook.actions.run import Wish, run
from herdbook.actions.workshop import Workshop
from herdbook.channels.model import Level
from herdbook.core.errors import ConflictError, NotFoundError, RevokedError
from herdbook.fleet.records import Instance, Role
from herdbook.rollouts.ports import Changes

BASE, WEB = ("shop/base", 1), ("shop/web", 2)
DAY = timedelta(days=1)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """One whose shop/web:2 is made from shop/base:1, and in production since shop/web:1 was."""
    made = fleet_workshop(tmp_path / "state")
    add_versions(made, 2, "shop/base")
    add_version(made, "shop/web")
    add_version(made, "shop/web", BASE)
    for name in ("shop/web:1", "shop/web:2"):
        promote(made, name, "production")
    return made


def at(workshop: Workshop, *levels: Level, days: float = 0) -> Mapping[Level, datetime]:
    return dict.fromkeys(levels or EVERY_LEVEL, workshop.clock.now() + days * DAY)


def planned(workshop: Workshop, name: str = "shop/base:1", *levels: Level) -> Reach:
    return plan_revocation(workshop, name, "it leaks", at(workshop, *levels))


def stand(workshop: Workshop, tmp_path: Path, instances: int) -> None:
    """Have an application run that uses shop/web:2."""
    text = "services: {till: {image: web, x-herdbook: {image: 'shop/web:2'}}}"
    release = release_application(workshop, MadeUpNetwork(), composed(tmp_path / "counter", text))
    [till] = release.settings.components
    now = workshop.clock.now()
    records = tuple(
        Instance(
            application="counter",
            component="till",
            slot=number,
            attempt=1,
            release=release.number,
            revision=till.revision,
            role=Role.SERVING,
            made_at=now,
            since=now,
        )
        for number in range(instances)
    )
    workshop.fleet.record("counter", Changes(standing=release.number, instances=records))


def test_a_plan_shows_what_was_made_from_it_who_falls_and_who_runs_it_and_does_nothing(
    workshop: Workshop, tmp_path: Path
) -> None:
    stand(workshop, tmp_path, instances=2)
    before = verbs(workshop)
    reach = planned(workshop)
    assert reach.reached == (BASE, WEB)
    [fall] = reach.falls
    assert fall.after
    assert (fall.before.label, fall.after.label) == ("shop/web:2", "shop/web:1")
    [consumer] = reach.consumers
    assert (consumer.application, consumer.component, consumer.made, consumer.instances) == (
        *("counter", "till", WEB, 2),
    )
    assert not workshop.channels.revocations()
    assert verbs(workshop) == before
    assert version_meant(workshop, "shop/web@production").number == 2


def test_what_is_foretold_is_what_happens(workshop: Workshop) -> None:
    reach = planned(workshop)
    revoke(workshop, reach)
    [channel] = list_channels(workshop)
    assert channel.now == reach.falls[0].after
    assert channel.revoked == "shop/web:2 is made from shop/base:1, which is revoked: it leaks"


def test_a_channel_that_would_mean_nothing_is_foretold(workshop: Workshop) -> None:
    promote(workshop, "shop/base:1", "dev")
    falls = {fall.before.image: fall.after for fall in planned(workshop).falls}
    assert falls["shop/base"] is None


def test_a_channel_that_falls_already_is_not_foretold_again(workshop: Workshop) -> None:
    revoke(workshop, planned(workshop))
    assert not planned(workshop, "shop/web:2").falls


def test_no_channel_falls_where_only_running_is_refused(workshop: Workshop) -> None:
    assert not planned(workshop, "shop/base:1", Level.RESTARTS, Level.RUNNING).falls


def test_alone_it_reaches_nothing_that_was_made_from_it(workshop: Workshop, tmp_path: Path) -> None:
    stand(workshop, tmp_path, instances=1)
    reach = plan_revocation(workshop, "shop/base:1", "x", at(workshop), inherited=False)
    assert (reach.reached, reach.falls, reach.consumers) == ((BASE,), (), ())
    revoke(workshop, reach)
    assert not why_revoked(workshop, WEB, *EVERY_LEVEL)
    assert why_revoked(workshop, BASE, Level.BUILDS)


def test_it_is_written_down_who_revoked_what_and_why(workshop: Workshop) -> None:
    revoke(workshop, planned(workshop))
    [record] = workshop.audit.records(newest=1)
    assert (record.verb, record.subject) == ("revoke", "shop/base:1")
    assert (record.details["reason"], record.details["reached"]) == ("it leaks", 2)


@pytest.mark.parametrize("level", EVERY_LEVEL)
def test_each_level_begins_at_its_date_and_says_nothing_of_the_others(
    workshop: Workshop, level: Level
) -> None:
    """Nobody does anything on that day."""
    since = at(workshop, level, days=1)
    revoke(workshop, plan_revocation(workshop, "shop/base:1", "it leaks", since))
    workshop.clock.sleep(DAY.total_seconds() - 1)
    assert not any(why_revoked(workshop, each, *EVERY_LEVEL) for each in (BASE, WEB))
    workshop.clock.sleep(1)
    assert {each for each in EVERY_LEVEL if why_revoked(workshop, WEB, each)} == {level}


def test_reinstating_undoes_all_of_it(workshop: Workshop) -> None:
    before = list_channels(workshop)
    revoke(workshop, planned(workshop))
    assert reinstate(workshop, "shop/base:1") == "shop/base:1"
    assert list_channels(workshop) == before
    assert not any(why_revoked(workshop, each, *EVERY_LEVEL) for each in (BASE, WEB))
    assert verbs(workshop)[-2:] == ["revoke shop/base:1", "reinstate shop/base:1"]


def test_what_is_not_revoked_cannot_be_reinstated(workshop: Workshop) -> None:
    with pytest.raises(NotFoundError) as caught:
        reinstate(workshop, "shop/base:1")
    assert caught.value.hint == "None is."
    revoke(workshop, planned(workshop))
    with pytest.raises(NotFoundError) as caught:
        reinstate(workshop, "shop/web:2")
    assert "herdbook revocations" in caught.value.hint
    assert verbs(workshop)[-1] == "revoke shop/base:1"


def test_of_two_revocations_the_earlier_dates_hold_and_the_later_reason(workshop: Workshop) -> None:
    revoke(workshop, planned(workshop))
    [first] = workshop.channels.revocations().values()
    revoke(workshop, plan_revocation(workshop, "shop/base:1", "less bad", at(workshop, days=1)))
    [found] = workshop.channels.revocations().values()
    assert (found.reason, found.since) == ("less bad", first.since)
    later = {Level.RUNNING: workshop.clock.now() + timedelta(days=2)}
    revoke(workshop, plan_revocation(workshop, "shop/base:1", "worse", later))
    [found] = workshop.channels.revocations().values()
    assert found.since == {**first.since, Level.RUNNING: found.since[Level.RUNNING]}


def test_the_nearest_one_that_forbids_is_named(workshop: Workshop) -> None:
    revoke(workshop, planned(workshop))
    revoke(workshop, planned(workshop, "shop/web:2"))
    with pytest.raises(RevokedError) as caught:
        refuse_revoked(workshop, WEB, Level.RELEASES)
    assert caught.value.message == "shop/web:2 is revoked: it leaks"
    assert caught.value.hint.endswith("herdbook reinstate shop/web:2")


# Where it is heeded


def test_an_instance_is_not_started_from_what_must_not_be(workshop: Workshop) -> None:
    version = version_meant(workshop, "shop/web:2")
    [variant] = version.variants
    started = run(workshop, MadeUpNetwork(), version, variant, Wish(), 0)
    assert started.seen.origin.number == 2
    revoke(workshop, planned(workshop, "shop/base:1", Level.BUILDS, Level.RELEASES))
    run(workshop, MadeUpNetwork(), version, variant, Wish(), 0)
    revoke(workshop, planned(workshop, "shop/base:1", Level.RESTARTS))
    with pytest.raises(RevokedError, match="shop/web:2 is made from shop/base:1"):
        run(workshop, MadeUpNetwork(), version, variant, Wish(), 0)


@pytest.mark.parametrize("level", [Level.RELEASES, Level.RESTARTS])
def test_no_rollout_begins_to_what_is_revoked(
    workshop: Workshop, tmp_path: Path, level: Level
) -> None:
    text = "services: {till: {image: web, x-herdbook: {image: 'shop/web:2'}}}"
    release = release_application(workshop, MadeUpNetwork(), composed(tmp_path / "counter", text))
    revoke(workshop, planned(workshop, "shop/base:1", level))
    with pytest.raises(ConflictError, match=r"Release 1 of counter must not run: shop/web:2 is"):
        roll_out(workshop, release)
    assert workshop.fleet.newest("counter") is None


# What is kept


def test_what_a_channel_means_is_not_forgotten_nor_cleaned(
    workshop: Workshop, tmp_path: Path
) -> None:
    """Neither what it would mean again if it were reinstated."""
    add_version(workshop, "shop/web")
    stock = open_store(tmp_path / "state").stock
    revoke(workshop, planned(workshop, "shop/web:2"))
    for number in (1, 2):
        version = version_meant(workshop, f"shop/web:{number}")
        with pytest.raises(ConflictError, match="production"):
            forget(workshop, stock, [version])
    _, forgotten = begin(workshop, stock, keep=1, dry_run=False)
    assert [each.label for each in forgotten] == []
    promote(workshop, "shop/web:3", "production")
    _, forgotten = begin(workshop, stock, keep=1, dry_run=False)
    assert [each.label for each in forgotten] == ["shop/base:1", "shop/web:1", "shop/web:2"]
