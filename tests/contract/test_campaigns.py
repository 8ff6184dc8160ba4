"""The promises of the port Campaigns, proven on every kind of database."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from datetime import time as time_of_day
from pathlib import Path

import herds
import pytest
from herds import MOMENT, built, digest, move_of, moves_of, new_campaign, openssl, proof
from locked import package
from older_schemas import at_revision
from sqlalchemy import Engine, MetaData, Table, func, insert, select

from herdbook.campaigns.conditions import Way
from herdbook.campaigns.model import (
    MOVES,
    OPEN,
    Budget,
    CampaignState,
    Failure,
    Follower,
    LockChange,
    Made,
    Target,
    Verify,
)
from herdbook.campaigns.ports import Campaigns
from herdbook.catalogue.model import Cause, NewVersion, Variant
from herdbook.core.errors import ConflictError, NotFoundError
from herdbook.packages.model import SignedIndex
from herdbook.store import schema
from herdbook.store.campaigns import SqlCampaigns
from herdbook.store.database import open_database
from herdbook.store.herd import SqlHerd
from herdbook.store.packing import pack, pack_documents, stack_key
from herdbook.store.versions import SqlVersions

RUNNING, PAUSED = CampaignState.RUNNING, CampaignState.PAUSED
DONE, ABORTED = CampaignState.DONE, CampaignState.ABORTED
LATER = MOMENT + timedelta(hours=1)
PATH = str(Path(herds.__file__).parent)

OPENS = """
import sys
from herds import new_campaign
from herdbook.store.campaigns import SqlCampaigns
from herdbook.store.database import open_database

campaigns = SqlCampaigns(open_database(sys.argv[1]))
campaigns.every()
print("ready", flush=True)
sys.stdin.readline()
found, joined = campaigns.open(new_campaign("zlib"))
print(found.number, joined)
"""

WORKS = """
import sys
from herdbook.store.campaigns import SqlCampaigns
from herdbook.store.database import open_database

campaigns = SqlCampaigns(open_database(sys.argv[1]))
with campaigns.work(int(sys.argv[2])) as alone:
    print(alone, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def campaigns(engine: Engine) -> Campaigns:
    return SqlCampaigns(engine)


@pytest.fixture
def number(campaigns: Campaigns) -> int:
    return campaigns.open(new_campaign())[0].number


def program(text: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", text, *map(str, arguments)],
        env={"PYTHONPATH": PATH},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line(of: "subprocess.Popen[str]") -> str:
    assert of.stdout is not None
    return of.stdout.readline().strip()


def test_a_campaign_is_kept_with_all_that_was_given(campaigns: Campaigns) -> None:
    index = SignedIndex(
        pocket="bookworm", digest=digest("index"), date=MOMENT, valid_until=MOMENT + timedelta(7)
    )
    target = Target(suite="bookworm", indexes=(index,), packages=(package("libssl3"),))
    budget = Budget(builds=3, most_bytes=2**40, hours=(time_of_day(22), time_of_day(6, 30)))
    new = replace(
        new_campaign("openssl", "zlib"),
        targets=(target,),
        budget=budget,
        verify=Verify.ALL,
        planned={"rebase": 4, "wait": 1},
    )
    made, joined = campaigns.open(new)
    assert not joined
    assert campaigns.find(made.number) == made
    assert (made.state, made.sources, made.cause) == (RUNNING, new.sources, "openssl, zlib")
    assert (made.targets, made.budget, made.verify) == (new.targets, budget, Verify.ALL)
    assert (made.planned, made.created_at, made.ended_at) == (new.planned, MOMENT, None)


@pytest.mark.parametrize("hours", [0, 5])
def test_moments_are_kept_in_utc(campaigns: Campaigns, hours: int) -> None:
    zone = timezone(timedelta(hours=hours))
    made, _ = campaigns.open(replace(new_campaign(), created_at=MOMENT.astimezone(zone)))
    assert (made.created_at, made.created_at.tzinfo) == (MOMENT, UTC)
    ended = campaigns.move(made.number, DONE, LATER.astimezone(zone)).ended_at
    assert ended == LATER
    assert ended.tzinfo is UTC


@pytest.mark.parametrize("state", OPEN)
def test_opening_joins_the_open_campaign_with_the_same_sources(
    campaigns: Campaigns, number: int, state: CampaignState
) -> None:
    """What the second one asks for otherwise is not looked at."""
    campaigns.move(number, state, MOMENT)
    again = replace(new_campaign(), created_at=LATER, budget=Budget(builds=9))
    assert campaigns.open(again) == (campaigns.find(number), True)
    assert len(campaigns.every()) == 1


@pytest.mark.parametrize("state", [DONE, ABORTED])
def test_one_that_has_ended_is_not_joined(
    campaigns: Campaigns, number: int, state: CampaignState
) -> None:
    campaigns.move(number, state, MOMENT)
    made, joined = campaigns.open(new_campaign())
    assert (made.number > number, joined) == (True, False)


@pytest.mark.parametrize("sources", [("zlib",), ("openssl", "zlib"), ("zlib", "openssl")])
def test_one_of_other_sources_is_not_joined(
    campaigns: Campaigns, number: int, sources: tuple[str, ...]
) -> None:
    campaigns.open(new_campaign("openssl", "zlib", "bash"))
    made, joined = campaigns.open(new_campaign(*sources))
    assert (made.number > number, joined) == (True, False)


def test_campaigns_are_listed_the_newest_first(campaigns: Campaigns) -> None:
    assert campaigns.every() == []
    made = [campaigns.open(new_campaign(name))[0] for name in ("c", "a", "b")]
    assert campaigns.every() == made[::-1]


@pytest.mark.parametrize("number", [0, -1, 7, 2**31, 2**63, 10**30])
def test_what_is_not_there_is_not_found(campaigns: Campaigns, number: int) -> None:
    campaigns.open(new_campaign())
    assert campaigns.find(number) is None
    with pytest.raises(NotFoundError):
        campaigns.proof(number)
    with pytest.raises(NotFoundError):
        campaigns.move(number, PAUSED, MOMENT)
    assert campaigns.cause("a", number) is None


def test_two_processes_that_open_at_once_get_one_campaign(
    campaigns: Campaigns, database_url: str
) -> None:
    for _ in range(3):
        with ExitStack() as stack:
            programs = [stack.enter_context(program(OPENS, database_url)) for _ in range(3)]
            assert [line(each) for each in programs] == ["ready"] * 3
            for each in programs:
                assert each.stdin is not None
                each.stdin.write("\n")
                each.stdin.flush()
            told = [line(each).split() for each in programs]
        (made,) = {number for number, _ in told}
        assert sorted(joined for _, joined in told) == ["False", "True", "True"]
        campaigns.move(int(made), ABORTED, MOMENT)
    assert len(campaigns.every()) == 3


def test_many_that_open_at_once_get_one_campaign(campaigns: Campaigns) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: campaigns.open(new_campaign()), range(24)))
    assert len({each.number for each, _ in found}) == 1
    assert [joined for _, joined in found].count(False) == 1


STEPS: dict[CampaignState, Sequence[CampaignState]] = {
    RUNNING: (),
    PAUSED: (PAUSED,),
    DONE: (DONE,),
    ABORTED: (ABORTED,),
}


@pytest.mark.parametrize("before", list(CampaignState))
@pytest.mark.parametrize("after", list(CampaignState))
def test_a_campaign_moves_where_it_may_and_nowhere_else(
    campaigns: Campaigns, number: int, before: CampaignState, after: CampaignState
) -> None:
    for step in STEPS[before]:
        campaigns.move(number, step, MOMENT)
    found = campaigns.find(number)
    assert found is not None
    assert found.state is before
    if after is before:
        assert campaigns.move(number, after, LATER) == found
    elif after in MOVES[before]:
        moved = campaigns.move(number, after, LATER)
        ended_at = LATER if after in (DONE, ABORTED) else None
        assert moved == replace(found, state=after, ended_at=ended_at)
        found = moved
    else:
        with pytest.raises(ConflictError, match=f"{number} is {before}"):
            campaigns.move(number, after, LATER)
    assert campaigns.find(number) == found


def test_one_process_at_a_time_works_at_a_campaign(campaigns: Campaigns, number: int) -> None:
    other, _ = campaigns.open(new_campaign("zlib"))
    with campaigns.work(number) as alone, campaigns.work(other.number) as beside:
        assert (alone, beside) == (True, True)
        with campaigns.work(number) as too:
            assert not too
        with campaigns.work(number) as still:
            assert not still
    with campaigns.work(number) as again:
        assert again


def test_work_ends_with_its_block_even_where_that_fails(campaigns: Campaigns, number: int) -> None:
    def fail() -> None:
        with campaigns.work(number):
            raise RuntimeError("nothing works")

    with pytest.raises(RuntimeError):
        fail()
    with campaigns.work(number) as again:
        assert again


def test_others_read_and_write_while_one_works(campaigns: Campaigns, number: int) -> None:
    with campaigns.work(number):
        campaigns.keep_proof(number, proof())
        assert campaigns.move(number, PAUSED, MOMENT).state is PAUSED
        assert campaigns.open(new_campaign())[1]


def test_work_is_one_processs_and_ends_when_that_is_killed(
    campaigns: Campaigns, number: int, database_url: str
) -> None:
    with program(WORKS, database_url, number) as worker:
        assert line(worker) == "True"
        with campaigns.work(number) as alone:
            assert not alone
        with program(WORKS, database_url, number) as second:
            assert line(second) == "False"
            second.communicate("\n")
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    for _ in range(100):  # PostgreSQL sees it when it looks at the connection
        with campaigns.work(number) as alone:
            if alone:
                break
        time.sleep(0.1)
    assert alone


def test_a_process_that_is_left_to_end_leaves_the_work_to_the_next(
    campaigns: Campaigns, number: int, database_url: str
) -> None:
    with campaigns.work(number) as alone, program(WORKS, database_url, number) as worker:
        assert alone
        assert line(worker) == "False"
        worker.communicate("\n")
    with program(WORKS, database_url, number) as worker:
        assert line(worker) == "True"
        worker.communicate("\n")


def test_a_proof_is_kept_once_for_each_campaign(campaigns: Campaigns, number: int) -> None:
    one, other = proof("it fits"), proof("it fits", Way.REBUILD)
    checked = one.model_copy(update={"checked": "the same"})
    kept = [campaigns.keep_proof(number, each) for each in (one, other, checked)]
    assert len(set(kept)) == 3
    assert [campaigns.keep_proof(number, each) for each in (one, other, checked)] == kept
    assert [campaigns.proof(each) for each in kept] == [one, other, checked]
    second, _ = campaigns.open(new_campaign("zlib"))
    assert campaigns.keep_proof(second.number, one) not in kept


def test_a_proof_kept_from_many_sides_is_one(campaigns: Campaigns, number: int) -> None:
    with ThreadPoolExecutor(8) as pool:
        kept = set(pool.map(lambda _: campaigns.keep_proof(number, proof()), range(24)))
    assert len(kept) == 1


def failed(image: str, number: int = 1, words: str = "it does not build") -> Failure:
    return Failure(image, number, words)


def test_failures_are_told_by_name_and_replaced(campaigns: Campaigns, number: int) -> None:
    assert campaigns.failures(number) == []
    campaigns.fail(number, [failed("b"), failed("a"), failed("c")])
    campaigns.fail(number, [failed("c", 2, "grün\nno space"), failed("d")])
    campaigns.fail(number, [])
    assert campaigns.failures(number) == [
        failed("a"),
        failed("b"),
        failed("c", 2, "grün\nno space"),
        failed("d"),
    ]


def test_more_may_fail_than_a_database_takes_in_one_question(
    campaigns: Campaigns, number: int
) -> None:
    many = [failed(f"{each:05}") for each in range(1500)]
    campaigns.fail(number, many)
    campaigns.fail(number, [replace(each, words="again") for each in many])
    assert campaigns.failures(number) == [replace(each, words="again") for each in many]


def test_failures_are_forgiven_for_one_campaign_alone(campaigns: Campaigns, number: int) -> None:
    other, _ = campaigns.open(new_campaign("zlib"))
    for each in (number, other.number):
        campaigns.fail(each, [failed("a")])
    campaigns.forgive(number)
    campaigns.forgive(number)
    assert campaigns.failures(number) == []
    assert campaigns.failures(other.number) == [failed("a")]
    campaigns.fail(number, [failed("a", 3)])
    assert campaigns.failures(number) == [failed("a", 3)]


def followed(campaigns: Campaigns, number: int, image: str, before: int = 1) -> NewVersion:
    """A version that a campaign built."""
    kept = campaigns.keep_proof(number, proof("it does not fit", Way.REBUILD))
    return replace(built(image, release=2), cause=Cause(number, kept, before))


def test_followers_are_told_in_order_and_counted_by_way(
    campaigns: Campaigns, engine: Engine, number: int
) -> None:
    versions, herd = SqlVersions(engine), SqlHerd(engine)
    assert (campaigns.followers(number), campaigns.count(number)) == ([], {})
    versions.add_all([built("b"), built("c", opaque=True), built("a"), built("d", 1)])
    herd.rebase(number, moves_of(herd), now=MOMENT, limit=2, first=["b", "a"])
    versions.add(followed(campaigns, number, "c"))
    versions.add(built("e", release=2))
    herd.rebase(number, moves_of(herd), now=MOMENT, limit=9)
    rebased = campaigns.keep_proof(number, proof("group 0 fits"))
    rebuilt = campaigns.keep_proof(number, proof("it does not fit", Way.REBUILD))
    later = campaigns.keep_proof(number, proof("group 1 fits"))
    found = campaigns.followers(number)
    assert sorted(found[:2], key=lambda each: each.image) == [
        Follower("a", 2, 1, Way.REBASE, rebased),
        Follower("b", 2, 1, Way.REBASE, rebased),
    ]
    assert found[2:] == [
        Follower("c", 2, 1, Way.REBUILD, rebuilt),
        Follower("d", 2, 1, Way.REBASE, later),
    ]
    assert campaigns.followers(number, skip=1, limit=2) == found[1:3]
    assert campaigns.followers(number, skip=3) == found[3:]
    assert campaigns.followers(number, skip=4) == []
    assert campaigns.count(number) == {Way.REBASE: 3, Way.REBUILD: 1}
    other, _ = campaigns.open(new_campaign("zlib"))
    assert (campaigns.followers(other.number), campaigns.count(other.number)) == ([], {})


def test_what_could_not_follow_and_has_meanwhile_did_not_fail(
    campaigns: Campaigns, engine: Engine, number: int
) -> None:
    versions, other = SqlVersions(engine), campaigns.open(new_campaign("zlib"))[0].number
    versions.add_all([built("a"), built("b")])
    for each in (number, other):
        campaigns.fail(each, [failed("a"), failed("b")])
    versions.add(followed(campaigns, number, "a"))
    assert campaigns.failures(number) == [failed("b")]
    assert campaigns.failures(other) == [failed("a"), failed("b")]
    campaigns.fail(number, [failed("a", 2)])
    assert campaigns.failures(number) == [failed("a", 2), failed("b")]


def test_the_cause_of_a_version_that_was_built_is_told_too(
    campaigns: Campaigns, engine: Engine, number: int
) -> None:
    versions = SqlVersions(engine)
    versions.add(built("a"))
    versions.add(followed(campaigns, number, "a"))
    wanted = proof("it does not fit", Way.REBUILD)
    before = campaigns.find(number)
    assert before is not None
    assert campaigns.cause("a", 2) == Made(before, wanted, 1)
    assert campaigns.cause("a", 1) is None
    done = campaigns.move(number, DONE, LATER)
    assert campaigns.cause("a", 2) == Made(done, wanted, 1)


def test_what_campaigns_changed_in_an_image_is_told_whatever_came_after(
    campaigns: Campaigns, engine: Engine, number: int
) -> None:
    versions = SqlVersions(engine)
    versions.add(built("a"))
    assert campaigns.changes("a") == set()
    versions.add(followed(campaigns, number, "a"))
    versions.add(built("a", release=3))
    versions.add(built("b"))
    assert campaigns.changes("a") == set(proof().changes)
    assert campaigns.changes("b") == campaigns.changes("nobody") == set()


def test_a_version_with_a_cause_follows_the_one_that_it_names_or_is_refused(
    campaigns: Campaigns, engine: Engine, number: int
) -> None:
    versions = SqlVersions(engine)
    versions.add_all([built("a"), built("a", 3)])
    with pytest.raises(ConflictError, match="a:2 was built meanwhile"):
        versions.add(followed(campaigns, number, "a"))
    assert campaigns.followers(number) == []
    assert versions.add(followed(campaigns, number, "a", 2)).number == 3


def test_lock_changes_are_told_once_for_all_that_share_a_lock(
    campaigns: Campaigns, engine: Engine, number: int
) -> None:
    versions, herd = SqlVersions(engine), SqlHerd(engine)
    versions.add_all(built(f"{group}-{each}", group) for group in range(2) for each in range(5))
    versions.add(replace(built("homeless", 2), home=""))
    for _ in range(3):
        herd.rebase(number, moves_of(herd), now=MOMENT, limit=4)
    told = sorted(campaigns.lock_changes(number), key=lambda each: each.home)
    assert told == [
        LockChange(
            f"/srv/{group}/catalogue.yaml", herds.lock_text(group, 1), herds.lock_text(group, 2)
        )
        for group in range(2)
    ]
    other, _ = campaigns.open(new_campaign("zlib"))
    assert campaigns.lock_changes(other.number) == []


def test_lock_changes_of_two_homes_with_equal_locks_are_two(
    campaigns: Campaigns, engine: Engine, number: int
) -> None:
    versions, herd = SqlVersions(engine), SqlHerd(engine)
    versions.add_all([built("a"), replace(built("b"), home="/srv/b.yaml")])
    herd.rebase(number, moves_of(herd), now=MOMENT, limit=4)
    homes = sorted(each.home for each in campaigns.lock_changes(number))
    assert homes == ["/srv/0/catalogue.yaml", "/srv/b.yaml"]


def test_lock_changes_outlive_the_versions_that_had_the_old_locks(
    campaigns: Campaigns, engine: Engine, number: int
) -> None:
    versions, herd = SqlVersions(engine), SqlHerd(engine)
    versions.add_all([built("a"), built("b", 1, opaque=True), built("c", 2)])
    herd.rebase(number, moves_of(herd), now=MOMENT, limit=9)
    kept = campaigns.keep_proof(number, proof("it does not fit", Way.REBUILD))
    versions.add(replace(built("b", 1, release=2), cause=Cause(number, kept, 1)))
    told = campaigns.lock_changes(number)
    assert {each.home for each in told} == {f"/srv/{group}/catalogue.yaml" for group in range(3)}
    for image in "abc":
        first = versions.find(image, 1)
        assert first is not None
        versions.forget([first])
    assert set(campaigns.lock_changes(number)) == set(told)


def test_locks_that_only_a_lock_change_names_are_forgotten_with_it(
    campaigns: Campaigns, engine: Engine, number: int
) -> None:
    versions, herd = SqlVersions(engine), SqlHerd(engine)
    versions.add(built("a"))
    herd.rebase(number, moves_of(herd), now=MOMENT, limit=9)
    for version in versions.every():
        versions.forget([version])
    assert campaigns.lock_changes(number) == []
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(schema.locks)).scalar() == 0


def raw(value: str) -> bytes:
    return bytes.fromhex(value.removeprefix("sha256:"))


def insert_old(engine: Engine, new: NewVersion) -> None:
    """Add the first version of an image as the schema before campaigns had it."""
    with engine.begin() as connection:

        def row(into: str, /, **values: object) -> int:
            table = Table(into, MetaData(), autoload_with=connection)
            made = connection.execute(insert(table).values(**values))
            return int((made.inserted_primary_key or (0,))[0] or 0)

        lock_digest = raw(digest(new.lock))
        lock = row("locks", digest=lock_digest, content=pack(new.lock))
        image = row("images", name=new.image, last_number=1)
        version = row(
            "versions",
            image_id=image,
            number=1,
            digest=raw(new.digest),
            build_key=raw(new.build_key),
            created_at=new.created_at,
            lock_id=lock,
        )
        row(
            "version_contents",
            version_id=version,
            recipe=pack(new.recipe),
            documents=pack_documents(new.documents),
        )
        (variant,) = new.variants
        stacks = []
        for layers in (variant.layers[: variant.common], variant.layers[variant.common :]):
            stacks.append(row("stacks", key=raw(stack_key(layers))))
            for position, each in enumerate(layers):
                held = row("layers", digest=raw(each.digest), size=each.size)
                place = {"stack_id": stacks[-1], "position": position, "title": each.title}
                row("stack_layers", layer_id=held, **place)
        names = {"manifest": raw(variant.manifest), "config": raw(variant.config)}
        kind = {"version_id": version, "kind": variant.kind.value}
        row("variants", **kind, **names, base_id=stacks[0], own_id=stacks[1])
        images = Table("images", MetaData(), autoload_with=connection)
        pointed = images.update().where(images.c.id == image).values(newest_id=version)
        connection.execute(pointed)


def test_versions_from_before_there_were_campaigns_are_kept_and_may_follow(
    database_url: str,
) -> None:
    """Nobody knows their wishes: their class says so, and when built again it knows them."""
    engine = at_revision(database_url, "0004")
    old = built("a", variants=[Variant.CONTAINER])
    insert_old(engine, old)
    engine.dispose()
    engine = open_database(database_url)
    versions, herd, campaigns = SqlVersions(engine), SqlHerd(engine), SqlCampaigns(engine)
    (kept,) = versions.every()
    assert (kept.digest, kept.build_key, kept.lock) == (old.digest, old.build_key, old.lock)
    assert (kept.recipe, kept.variants, kept.created_at) == (old.recipe, old.variants, MOMENT)
    assert (kept.wishes, kept.home) == (None, "")
    assert [versions.document(each.digest) for each in old.documents] == list(old.documents)
    assert campaigns.cause("a", 1) is None
    (of,) = herd.classes([openssl(1).digest])
    assert (of.complete, of.allowed, of.opaque, of.images) == (False, True, False, 1)
    (member,) = herd.members(of)
    assert (member.image, member.number, member.home, member.wishes) == ("a", 1, "", None)
    versions.add(replace(old, build_key=digest("again")))
    (again,) = herd.classes([openssl(1).digest])
    assert again.complete
    number = campaigns.open(new_campaign())[0].number
    assert herd.rebase(number, [move_of(again)], now=MOMENT, limit=9) == 1
    found = versions.find("a")
    assert found is not None
    assert found.number == 3
    assert versions.find("a", 1) == kept
    engine.dispose()


def test_a_campaign_once_opened_is_there_for_every_later_process(
    campaigns: Campaigns, number: int, database_url: str
) -> None:
    later = open_database(database_url)
    assert SqlCampaigns(later).find(number) == campaigns.find(number)
    later.dispose()
