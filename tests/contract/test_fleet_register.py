"""The promises of the port FleetRegister, proven on every kind of database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import IPv4Address, IPv4Network
from itertools import pairwise
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from older_schemas import at_revision
from sqlalchemy import Engine, func, select, text

from herdbook.core import digests
from herdbook.core.errors import ConflictError, NotFoundError
from herdbook.fleet.applications import (
    ApplicationNetwork,
    Component,
    DoorUse,
    FileUse,
    InstanceSpec,
    NetworkUse,
    Settings,
)
from herdbook.fleet.networks import NetworkPlan
from herdbook.fleet.probes import Probe, ProbeKind
from herdbook.fleet.records import Instance, Role
from herdbook.images.bases import LockedBase
from herdbook.recipes.model import Variant
from herdbook.rollouts.model import OVER, Progress, Rollout, RolloutState
from herdbook.rollouts.ports import Application, Changes, FleetRegister, Happening
from herdbook.rollouts.situation import SlotHistory
from herdbook.store import fleet_schema, schema
from herdbook.store.database import open_database
from herdbook.store.fleet import SqlFleet

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ELSEWHERE = timezone(timedelta(hours=5))
PLAN = NetworkPlan("shop_default", IPv4Network("10.83.4.0/24"), "shop.internal", internal=True)
SHOP = Application("shop", "/srv/shop", 0, {"default": PLAN})


@pytest.fixture
def fleet(engine: Engine) -> FleetRegister:
    made = SqlFleet(engine)
    made.keep(SHOP)
    return made


def settings(version: str = "1", content: str = "") -> Settings:
    """Settings with a value in every kind of field."""
    image = digests.of_bytes(version.encode())
    spec = InstanceSpec(
        variant=Variant.CONTAINER,
        image="docker://example.org/web",
        number=0,
        digest=image,
        base=LockedBase(reference="x", manifest=image, config=image, layers=()),
        command=("serve", "--now"),
        environment={"VERSION": version},
        files=(FileUse(target="/etc/web.conf", content=content),),
        networks=(NetworkUse(network="default", aliases=("web",)),),
        probe=Probe(ProbeKind.HTTP, port=80, path="/healthz"),
    )
    door = DoorUse(name="web-80", port=8080, target=80, hosts=("shop.example",))
    web = Component(name="web", replicas=3, instance=spec, doors=(door,))
    network = ApplicationNetwork(name="default", internal=True)
    return Settings(
        application="shop", domain="shop.internal", components=(web,), networks=(network,)
    )


def rollout(state: RolloutState = RolloutState.ROLLING, application: str = "shop") -> Rollout:
    return Rollout(
        application=application,
        number=0,
        before=0,
        after=1,
        state=state,
        began_at=NOW,
        since=NOW,
        progress={"web": Progress(stage=1, reached_at=NOW, failed=(0, 2), late=1)},
    )


def instance(slot: int = 0, attempt: int = 1, application: str = "shop") -> Instance:
    return Instance(
        application=application,
        component="web",
        slot=slot,
        attempt=attempt,
        revision=digests.of_bytes(b"one"),
        release=1,
        role=Role.STARTING,
        made_at=NOW,
        since=NOW,
        addresses={"front": IPv4Address("10.83.4.2"), "back": IPv4Address("10.83.5.2")},
        weight=20,
        reason="nothing is there",
    )


def test_an_application_is_found_as_it_was_kept(fleet: FleetRegister) -> None:
    assert fleet.find("shop") == SHOP
    assert fleet.find("other") is None


def test_keeping_an_application_again_changes_it_and_nothing_of_its_own(
    fleet: FleetRegister,
) -> None:
    fleet.add(settings(), NOW)
    changed = replace(SHOP, folder="/elsewhere", standing=1, networks={})
    fleet.keep(changed)
    assert fleet.every() == [changed]
    assert [each.number for each in fleet.releases("shop")] == [1]


def test_applications_are_listed_by_name(fleet: FleetRegister) -> None:
    for name in ("zoo", "art"):
        fleet.keep(Application(name, "/"))
    assert [each.name for each in fleet.every()] == ["art", "shop", "zoo"]


def test_a_release_is_found_as_it_was_added(fleet: FleetRegister) -> None:
    added = fleet.add(settings(), NOW, "herdbook up")
    assert (added.number, added.made_at, added.cause) == (1, NOW, "herdbook up")
    found = fleet.release("shop", 1)
    assert found == added
    assert found.settings.digest == added.settings.digest
    assert found.settings.components[0].revision == added.settings.components[0].revision


def test_releases_are_numbered_from_one_for_each_application(fleet: FleetRegister) -> None:
    numbers = [fleet.add(settings(version), NOW).number for version in "123"]
    fleet.keep(Application("zoo", "/"))
    other = fleet.add(settings().model_copy(update={"application": "zoo"}), NOW)
    assert (numbers, other.number) == ([1, 2, 3], 1)
    assert [each.number for each in fleet.releases("shop")] == [3, 2, 1]


def test_the_same_settings_as_the_newest_release_are_that_release(fleet: FleetRegister) -> None:
    first = fleet.add(settings("1"), NOW, "first")
    assert fleet.add(settings("1"), NOW + timedelta(hours=1), "second") == first
    fleet.add(settings("2"), NOW)
    assert fleet.add(settings("1"), NOW).number == 3


def test_a_release_may_be_large(fleet: FleetRegister) -> None:
    content = "".join(str(number) for number in range(400_000))
    fleet.add(settings("1", content), NOW)
    found = fleet.release("shop", 1)
    assert found
    assert found.settings.components[0].instance.files[0].content == content


def test_what_is_absent_is_none_or_empty(fleet: FleetRegister) -> None:
    for name in ("shop", "other"):
        assert fleet.release(name, 1) is None
        assert fleet.newest(name) is None
        assert not [
            *(*fleet.releases(name), *fleet.rollouts(name), *fleet.instances(name)),
            *(*fleet.histories(name), *fleet.happenings(name)),
        ]


@pytest.mark.parametrize(
    "act",
    [
        lambda fleet: fleet.add(settings().model_copy(update={"application": "other"}), NOW),
        lambda fleet: fleet.begin(rollout(application="other")),
        lambda fleet: fleet.save(rollout(application="other"), rollout(application="other")),
        lambda fleet: fleet.record("other", Changes(happenings=(Happening(NOW, "x"),))),
    ],
)
def test_nothing_is_kept_of_an_application_that_is_not_there(
    fleet: FleetRegister, act: Callable[[FleetRegister], object]
) -> None:
    with pytest.raises(NotFoundError):
        act(fleet)


def test_a_rollout_is_found_as_it_was_begun(fleet: FleetRegister) -> None:
    begun = fleet.begin(rollout())
    assert (begun.number, begun.progress) == (1, rollout().progress)
    assert fleet.newest("shop") == begun
    assert begun.since.utcoffset() == timedelta()


def test_a_rollout_that_is_not_over_is_superseded_by_the_next_one(fleet: FleetRegister) -> None:
    fleet.begin(rollout())
    second = fleet.begin(rollout())
    newest, first = fleet.rollouts("shop")
    assert newest == second
    assert first.state is RolloutState.SUPERSEDED
    assert "2" in first.reason


def test_a_rollout_that_is_over_stays_as_it_ended(fleet: FleetRegister) -> None:
    begun = fleet.begin(rollout(RolloutState.BAKING))
    fleet.save(begun.moved(RolloutState.COMPLETE, NOW, "well"), begun)
    fleet.begin(rollout())
    assert [each.state for each in fleet.rollouts("shop")] == [
        *(RolloutState.ROLLING, RolloutState.COMPLETE),
    ]


def test_a_rollout_is_saved_only_as_it_was_read(fleet: FleetRegister) -> None:
    begun = fleet.begin(rollout())
    paused = begun.moved(RolloutState.PAUSED, NOW, "a person")
    assert fleet.save(paused, begun)
    assert not fleet.save(begun.moved(RolloutState.BAKING, NOW, "the server"), begun)
    found = fleet.newest("shop")
    assert found
    assert (found.state, found.reason) == (RolloutState.PAUSED, "a person")
    assert fleet.save(found.moved(RolloutState.ROLLING, NOW, "a person"), found)


def test_a_rollout_keeps_its_number(fleet: FleetRegister) -> None:
    begun = fleet.begin(rollout())
    with pytest.raises(ConflictError):
        fleet.save(begun.model_copy(update={"number": 2}), begun)


def test_an_instance_is_found_as_it_was_recorded(fleet: FleetRegister) -> None:
    fleet.record("shop", Changes(instances=(instance(),)))
    assert fleet.instances("shop") == [instance()]
    assert list(fleet.instances("shop")[0].addresses) == ["front", "back"]


def test_recording_an_instance_again_changes_it(fleet: FleetRegister) -> None:
    fleet.record("shop", Changes(instances=(instance(0), instance(1))))
    serving = replace(instance(0), role=Role.SERVING, served_at=NOW, weight=100)
    fleet.record("shop", Changes(instances=(serving,), removed=(instance(1),)))
    assert fleet.instances("shop") == [serving]


def test_removing_what_is_not_there_is_no_error(fleet: FleetRegister) -> None:
    fleet.record("shop", Changes(removed=(instance(),)))


def test_histories_are_kept_by_component_and_slot(fleet: FleetRegister) -> None:
    first = {("web", 0): SlotHistory(3, 1, NOW), ("db", 0): SlotHistory(1)}
    fleet.record("shop", Changes(histories=first))
    fleet.record("shop", Changes(histories={("web", 0): SlotHistory(4)}))
    assert fleet.histories("shop") == {**first, ("web", 0): SlotHistory(4)}


def test_happenings_come_the_oldest_first_and_are_numbered(fleet: FleetRegister) -> None:
    told = [Happening(NOW, f"{number}", "web", "shop-web-0-1") for number in range(5)]
    fleet.record("shop", Changes(happenings=told[:3]))
    fleet.keep(Application("zoo", "/"))
    fleet.record("zoo", Changes(happenings=(Happening(NOW, "elsewhere"),)))
    fleet.record("shop", Changes(happenings=told[3:]))
    found = fleet.happenings("shop")
    assert [replace(each, number=0) for each in found] == told
    assert all(one.number < other.number for one, other in pairwise(found))


def test_happenings_are_read_on_from_a_number(fleet: FleetRegister) -> None:
    fleet.record("shop", Changes(happenings=[Happening(NOW, f"{each}") for each in range(9)]))
    every = fleet.happenings("shop")
    assert fleet.happenings("shop", every[3].number) == every[4:]
    assert fleet.happenings("shop", every[-1].number) == []
    assert fleet.happenings("shop", most=2) == every[-2:]
    assert fleet.happenings("shop", every[3].number, most=2) == every[-2:]


def test_the_oldest_happenings_of_very_many_are_forgotten(fleet: FleetRegister) -> None:
    """What fails for ever is told for ever."""
    fleet.keep(Application("zoo", "/"))
    fleet.record("zoo", Changes(happenings=(Happening(NOW, "elsewhere"),)))
    for begin in range(0, 12_000, 400):
        told = [Happening(NOW, f"{number}") for number in range(begin, begin + 400)]
        fleet.record("shop", Changes(happenings=told))
    found = [int(each.words) for each in fleet.happenings("shop", most=20_000)]
    assert 10_000 <= len(found) < 11_000
    assert found == list(range(found[0], 12_000))
    assert [each.words for each in fleet.happenings("zoo")] == ["elsewhere"]


@pytest.mark.parametrize("words", ["a\0b", "\ud800", "ü\n☃", "x" * 100_000])
def test_an_instance_may_say_anything(fleet: FleetRegister, words: str) -> None:
    """What a program printed last must not keep its end from being recorded."""
    changes = Changes(
        instances=(replace(instance(), reason=words),), happenings=(Happening(NOW, words),)
    )
    fleet.record("shop", changes)
    [told], [kept] = fleet.happenings("shop"), fleet.instances("shop")
    assert len(told.words) == len(kept.reason) == len(words)


def test_times_are_kept_in_utc(fleet: FleetRegister) -> None:
    there = NOW.astimezone(ELSEWHERE)
    moved = replace(instance(), made_at=there, since=there, served_at=there)
    changes = Changes(
        instances=(moved,),
        histories={("web", 0): SlotHistory(1, 1, there)},
        happenings=(Happening(there, "x"),),
    )
    fleet.record("shop", changes)
    fleet.add(settings(), there)
    [kept], [told] = fleet.instances("shop"), fleet.happenings("shop")
    found = fleet.release("shop", 1)
    failed_at = fleet.histories("shop")["web", 0].failed_at
    assert found
    for moment in (kept.made_at, kept.since, kept.served_at, told.at, failed_at, found.made_at):
        assert moment == NOW
        assert moment.tzinfo is UTC


def test_a_look_is_kept_whole(fleet: FleetRegister) -> None:
    begun = fleet.begin(rollout(RolloutState.BAKING))
    fleet.record(
        "shop",
        Changes(
            instances=(instance(),),
            rollout=begun.moved(RolloutState.COMPLETE, NOW, "well"),
            rollout_before=begun,
            standing=1,
            happenings=(Happening(NOW, "x"),),
        ),
    )
    application, newest = fleet.find("shop"), fleet.newest("shop")
    assert application
    assert newest
    assert (application.standing, newest.state) == (1, RolloutState.COMPLETE)


def test_a_look_whose_rollout_somebody_changed_moves_neither_it_nor_what_stands(
    fleet: FleetRegister,
) -> None:
    begun = fleet.begin(rollout(RolloutState.BAKING))
    fleet.save(begun.moved(RolloutState.ROLLING_BACK, NOW, "a person"), begun)
    complete = begun.moved(RolloutState.COMPLETE, NOW, "well")
    changes = Changes((instance(),), rollout=complete, rollout_before=begun, standing=1)
    fleet.record("shop", changes)
    application, newest = fleet.find("shop"), fleet.newest("shop")
    assert application
    assert newest
    assert (application.standing, newest.state) == (0, RolloutState.ROLLING_BACK)
    assert fleet.instances("shop") == [instance()]


def test_of_a_look_that_cannot_be_kept_nothing_is(fleet: FleetRegister) -> None:
    """What comes last in it is wrong: what came first is not kept, either."""
    nothing: Any = None
    wrong = Happening(NOW, words=nothing)
    changes = Changes((instance(),), histories={("web", 0): SlotHistory(1)}, standing=1)
    with pytest.raises(Exception, match=r".+"):
        fleet.record("shop", replace(changes, happenings=(wrong,)))
    assert fleet.find("shop") == SHOP
    assert not fleet.instances("shop")
    assert not fleet.histories("shop")


def test_forgetting_an_application_removes_all_that_was_kept_of_it(
    fleet: FleetRegister, engine: Engine
) -> None:
    fleet.keep(Application("zoo", "/"))
    for name in ("shop", "zoo"):
        fleet.add(settings().model_copy(update={"application": name}), NOW)
        fleet.begin(rollout(application=name))
        changes = Changes(
            (instance(application=name),),
            histories={("web", 0): SlotHistory(1)},
            happenings=(Happening(NOW, "x"),),
        )
        fleet.record(name, changes)
    fleet.forget("shop")
    fleet.forget("shop")
    for table in ("applications", "releases", "rollouts", "instances", "slots", "happenings"):
        with engine.connect() as connection:
            counted = select(func.count()).select_from(schema.metadata.tables[table])
            assert connection.execute(counted).scalar() == 1, table


def test_an_application_of_a_name_that_was_forgotten_begins_anew(fleet: FleetRegister) -> None:
    fleet.add(settings(), NOW)
    fleet.forget("shop")
    fleet.keep(SHOP)
    assert not fleet.releases("shop")
    assert fleet.add(settings(), NOW).number == 1


def test_a_thousand_instances_are_recorded_in_one_look(fleet: FleetRegister) -> None:
    every = tuple(instance(slot) for slot in range(1000))
    histories = {("web", slot): SlotHistory(1) for slot in range(1000)}
    fleet.record("shop", Changes(every, histories=histories))
    changed = tuple(replace(each, role=Role.SERVING) for each in every)
    fleet.record("shop", Changes(changed, histories=histories))
    fleet.record("shop", Changes(removed=every[1:]))
    assert fleet.instances("shop") == [changed[0]]
    assert len(fleet.histories("shop")) == 1000


def test_of_rollouts_begun_at_once_one_is_not_over(database_url: str) -> None:
    first = SqlFleet(open_database(database_url))
    first.keep(SHOP)

    def begin(_: int) -> int:
        return SqlFleet(open_database(database_url)).begin(rollout()).number

    with ThreadPoolExecutor(4) as pool:
        numbers = sorted(pool.map(begin, range(8)))
    assert numbers == list(range(1, 9))
    going_on = [each for each in first.rollouts("shop") if each.state not in OVER]
    assert [each.number for each in going_on] == [8]


def test_of_two_who_change_a_rollout_at_once_one_does(database_url: str) -> None:
    first = SqlFleet(open_database(database_url))
    first.keep(SHOP)
    begun = first.begin(rollout())
    paused = begun.moved(RolloutState.PAUSED, NOW, "x")

    def save(_: int) -> bool:
        return SqlFleet(open_database(database_url)).save(paused, begun)

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(save, range(6))) == [False] * 5 + [True]


def test_of_releases_added_at_once_each_has_a_number_of_its_own(database_url: str) -> None:
    first = SqlFleet(open_database(database_url))
    first.keep(SHOP)

    def add(number: int) -> int:
        made = SqlFleet(open_database(database_url)).add(settings(f"{number}"), NOW)
        return made.number

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(add, range(8))) == list(range(1, 9))


def test_a_database_of_the_schema_before_keeps_what_it_has_and_gets_the_tables(
    database_url: str,
) -> None:
    old = at_revision(database_url, "0005")
    with old.begin() as connection:
        connection.execute(text("INSERT INTO images (id, name) VALUES (1, 'shop/web')"))
    old.dispose()
    engine = open_database(database_url)
    SqlFleet(engine).keep(SHOP)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM images")).scalar() == "shop/web"


def test_the_tables_are_as_the_code_describes_them(engine: Engine) -> None:
    ours = {
        each.name
        for each in vars(fleet_schema).values()
        if getattr(each, "metadata", None) is schema.metadata
    }
    assert len(ours) == 8
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        differences = compare_metadata(context, schema.metadata)
    assert not [each for each in differences if any(name in str(each) for name in ours)]
