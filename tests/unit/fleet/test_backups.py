"""Promises of schedules, of sealing, and of what is kept and forgotten of backups."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from backup_bench import KEY, NOON, BackupBench
from fleet_images import Translate
from hypothesis import given, settings
from hypothesis import strategies as st

from herdbook.actions.backup_archive import BackupArchive
from herdbook.compose.schedules import checked_schedule
from herdbook.core.digests import of_bytes
from herdbook.core.errors import InvalidInputError, NoSpaceError, VerificationError
from herdbook.fleet.backups import in_order, surplus
from herdbook.fleet.schedules import is_due, last_moment
from herdbook.fleet.sealing import Seal, new_key
from herdbook.fleet.volumes import Parcel, Snapshot
from herdbook.recipes.model import Variant


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "until", "expected"),
    [
        ("* * * * *", "2026-11-01 12:00:59", "2026-11-01 12:00"),
        ("0 3 * * *", "2026-11-01 03:00", "2026-11-01 03:00"),
        ("0 3 * * *", "2026-11-01 02:59:59", "2026-10-31 03:00"),
        ("*/15 * * * *", "2026-11-01 12:44", "2026-11-01 12:30"),
        ("5/20 * * * *", "2026-11-01 12:44", "2026-11-01 12:25"),
        ("10-20/5 * * * *", "2026-11-01 12:44", "2026-11-01 12:20"),
        ("59 23 31 12 *", "2026-11-01 12:00", "2025-12-31 23:59"),
        ("0 0 29 2 *", "2026-11-01 12:00", "2024-02-29 00:00"),
        ("0 0 31 * *", "2026-11-30 12:00", "2026-10-31 00:00"),
        ("0 0 * * 0", "2026-11-01 12:00", "2026-11-01 00:00"),
        ("0 0 * * 7", "2026-11-01 12:00", "2026-11-01 00:00"),
        ("0 0 * * 5-7", "2026-10-31 12:00", "2026-10-31 00:00"),
        ("0 0 * * 1-5", "2026-11-01 12:00", "2026-10-30 00:00"),
        # Either is enough where both are said,
        ("0 0 13 * 5", "2026-11-01 12:00", "2026-10-30 00:00"),
        ("0 0 30 * 1", "2026-10-31 12:00", "2026-10-30 00:00"),
        # but not where one begins with a star.
        ("0 0 */2 * 5", "2026-11-01 12:00", "2026-10-23 00:00"),
        ("0 0 13 * */1", "2026-11-01 12:00", "2026-10-13 00:00"),
        ("0,30 1,2 * * *", "2026-11-01 02:10", "2026-11-01 02:00"),
    ],
)
def test_a_cron_line_means_what_it_means_to_cron(cron: str, until: str, expected: str) -> None:
    found = last_moment(checked_schedule(cron), _at("2020-01-01"), _at(until))
    assert found == _at(expected)


def test_a_day_that_no_month_has_never_comes() -> None:
    assert last_moment("0 0 30 2 *", _at("2000-01-01"), NOON) is None


def test_the_moment_after_which_is_looked_is_not_found_again() -> None:
    assert last_moment("0 12 * * *", NOON, NOON + timedelta(hours=23)) is None
    assert last_moment("0 12 * * *", NOON - timedelta(seconds=1), NOON) == NOON


def test_cron_counts_in_utc_wherever_the_machine_is() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=13)))
    assert last_moment("0 12 * * *", there - timedelta(days=1), there) == NOON


def _field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    step = st.integers(1, 9).map(lambda each: f"/{each}") | st.just("")
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    part = st.tuples(st.just("*") | number.map(str) | span, step).map("".join)
    return st.just("*") | st.lists(part, min_size=1, max_size=3).map(",".join)


CRONS = st.tuples(_field(0, 59), _field(0, 23), _field(1, 31), _field(1, 12), _field(0, 7))
MOMENTS = st.datetimes(datetime(2023, 12, 1), datetime(2024, 4, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds it


@settings(deadline=None)
@given(CRONS.map(" ".join), MOMENTS, st.integers(0, 3 * 24 * 60))
def test_it_finds_just_what_asking_every_minute_finds(
    cron: str, after: datetime, minutes: int
) -> None:
    cron = checked_schedule(cron)
    until = after + timedelta(minutes=minutes)
    first = after.replace(second=0, microsecond=0)
    every = (first + timedelta(minutes=number) for number in range(minutes + 2))
    expected = [each for each in every if after < each <= until and _fires(cron, each)]
    assert last_moment(cron, after, until) == (expected[-1] if expected else None)


def _fires(cron: str, moment: datetime) -> bool:
    """Say so in the words of crontab(5), field by field."""
    fields = cron.split()
    weekday = moment.isoweekday() % 7
    minute, hour, day, month = (
        _matches(written, value, low, high)
        for written, value, low, high in [
            (fields[0], moment.minute, 0, 59),
            (fields[1], moment.hour, 0, 23),
            (fields[2], moment.day, 1, 31),
            (fields[3], moment.month, 1, 12),
        ]
    )
    of_week = _matches(fields[4], weekday, 0, 7) or (weekday == 0 and _matches(fields[4], 7, 0, 7))
    restricted = fields[2][0] != "*" and fields[4][0] != "*"
    right_day = (day or of_week) if restricted else (day and of_week)
    return minute and hour and month and right_day


def _matches(written: str, value: int, low: int, high: int) -> bool:
    for part in written.split(","):
        span, _, step = part.partition("/")
        ends = (low, high) if span == "*" else tuple(int(each) for each in span.split("-"))
        if len(ends) == 1:
            ends = (ends[0], high if step else ends[0])
        if ends[0] <= value <= ends[1] and (value - ends[0]) % int(step or 1) == 0:
            return True
    return False


def test_a_duration_is_over_so_long_after_the_last_time() -> None:
    assert not is_due("24h", NOON, NOON, NOON + timedelta(hours=23, minutes=59))
    assert is_due("24h", NOON, NOON, NOON + timedelta(hours=24))


def test_what_was_never_done_is_due_by_a_duration_and_waits_for_its_time_by_cron() -> None:
    assert is_due("24h", None, NOON, NOON)
    assert not is_due("0 3 * * *", None, NOON, NOON + timedelta(hours=1))
    assert is_due("0 3 * * *", None, NOON, NOON + timedelta(hours=15))


def test_missed_times_are_caught_up_once() -> None:
    """Whoever was off for a month makes one backup, not thirty."""
    now = NOON + timedelta(days=30)
    assert is_due("0 3 * * *", NOON, NOON, now)
    assert not is_due("0 3 * * *", now, NOON, now + timedelta(hours=14))


def test_from_a_moment_in_the_future_nothing_can_be_told_so_it_is_due() -> None:
    """A clock was wrong once; else nothing were done until that moment, perhaps for years."""
    for schedule in ("24h", "* * * * *", "0 3 * * *"):
        assert is_due(schedule, NOON, NOON, NOON - timedelta(days=1))
        assert is_due(schedule, None, NOON, NOON - timedelta(days=1))


def test_clocks_that_differ_a_little_make_nothing_due() -> None:
    for schedule in ("24h", "* * * * *"):
        assert not is_due(schedule, NOON, NOON, NOON - timedelta(minutes=10))


def test_however_long_a_duration_is_it_can_be_asked_for() -> None:
    """Releases of before may say so."""
    assert not is_due("999999999999h", NOON, NOON, NOON + timedelta(days=1))


def test_backups_from_the_future_go_before_those_whose_age_is_known() -> None:
    bench = BackupBench()
    early, late = bench.back_up([b"a"]), bench.back_up([b"b"])
    ahead = bench.write([b"c"]).backup.model_copy(update={"taken_at": NOON + timedelta(days=3650)})
    every, now = (early, late, ahead), NOON + timedelta(days=1)
    assert in_order(every, now) == [ahead, early, late]
    assert surplus(every, late, 2, now) == [ahead]
    assert surplus(every, late, 1, now) == [ahead, early]


@settings(deadline=None)
@given(st.binary(max_size=5000))
def test_what_is_sealed_is_opened_by_the_same_key_under_the_same_name_only(
    content: bytes,
) -> None:
    seal = Seal(KEY)
    sealed = seal.sealed("one", content)
    assert Seal(KEY).opened("one", sealed) == content
    for other, name in ((Seal(KEY), "two"), (Seal(new_key()), "one")):
        with pytest.raises(VerificationError):
            other.opened(name, sealed)
    if len(content) > 3:
        assert content not in sealed


@settings(deadline=None)
@given(st.data())
def test_whatever_is_changed_of_what_was_sealed_is_found_out(data: st.DataObject) -> None:
    sealed = bytearray(Seal(KEY).sealed("one", b"content"))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(VerificationError):
        Seal(KEY).opened("one", bytes(sealed))
    with pytest.raises(VerificationError):
        Seal(KEY).opened("one", bytes(sealed[:at]))


def test_names_tell_nothing_to_who_lacks_the_key() -> None:
    assert Seal(KEY).name_of(b"content") == Seal(KEY).name_of(b"content")
    assert Seal(KEY).name_of(b"content") != Seal(new_key()).name_of(b"content")
    assert Seal(KEY).identity not in KEY.decode()


@pytest.mark.parametrize("key", [b"", b"abc", b"\xff" * 32, b"A" * 40, b"not base64 at all!"])
def test_what_is_no_key_is_refused(key: bytes) -> None:
    with pytest.raises(InvalidInputError):
        Seal(key)


CONTENTS = st.lists(st.sampled_from([b"", b"a", b"b", b"c" * 50]), max_size=5)


@settings(deadline=None)
@given(
    st.lists(st.tuples(CONTENTS, st.sampled_from(["data", "more"]), st.integers(1, 3)), max_size=12)
)
def test_what_is_kept_is_whole_and_nothing_else_is_there(
    steps: list[tuple[list[bytes], str, int]],
) -> None:
    """After each backup: so many of each volume as are to be kept, and just their pieces."""
    bench = BackupBench()
    model: dict[str, list[tuple[str, list[bytes]]]] = {"data": [], "more": []}
    for pieces, volume, keep in steps:
        backup = bench.back_up(pieces, volume, keep)
        model[volume] = [*model[volume], (backup.name, pieces)][-keep:]
        shelf = bench.archive.shelf()
        assert not shelf.unreadable
        kept = {each.name: each for each in shelf.backups}
        assert set(kept) == {name for every in model.values() for name, _ in every}
        distinct = set()
        for name, contents in (pair for every in model.values() for pair in every):
            placed = [(number * 100, each) for number, each in enumerate(contents) if each]
            assert bench.read(kept[name]) == [*placed, (1000, b"")]
            distinct |= {each for _, each in placed}
        listings = {each.listing for each in kept.values()}
        assert len(bench.pieces()) == len(distinct) + len(listings)


def test_a_second_backup_of_the_same_adds_one_small_thing() -> None:
    bench = BackupBench()
    bench.back_up([b"a" * 5000, b"b"])
    before = bench.pieces()
    assert bench.write([b"a" * 5000, b"b"]).new_bytes == 0
    bench.back_up([b"a" * 5000, b"b"])
    assert bench.pieces() == before


def test_a_backup_that_was_killed_before_its_end_is_not_seen_and_swept_away_by_the_next() -> None:
    bench = BackupBench()
    first = bench.back_up([b"a"])
    bench.write([b"half of it"])
    assert bench.archive.shelf().backups == (first,)
    second = bench.back_up([b"b"])
    assert bench.archive.shelf().backups == (first, second)
    assert len(bench.pieces()) == 4


def test_a_place_that_is_full_shows_no_half_backup_and_keeps_the_others() -> None:
    bench = BackupBench()
    first = bench.back_up([b"a"])
    bench.store.room_bytes = sum(map(len, bench.store.kept.values())) + 10
    with pytest.raises(NoSpaceError):
        bench.back_up([b"b"])
    assert bench.archive.shelf().backups == (first,)
    assert bench.read(first)[0] == (0, b"a")


def test_a_damaged_piece_is_found_out_and_can_be_written_anew() -> None:
    bench = BackupBench()
    first = bench.back_up([b"a", b"b"])
    _damage(bench, _name_of(b"a"))
    with pytest.raises(VerificationError):
        bench.read(first)
    assert bench.archive.drop_damaged(bench.write([b"a", b"b"])) == 1
    bench.back_up([b"a", b"b"])
    assert bench.read(first)[0] == (0, b"a")


def test_a_damaged_list_of_pieces_is_written_anew_and_so_is_what_stands_on_it() -> None:
    bench = BackupBench()
    first = bench.back_up([b"a", b"b"])
    _damage(bench, first.listing[0])
    _damage(bench, _name_of(b"a"))
    assert bench.archive.drop_damaged(bench.write([b"a", b"b"])) == 2
    bench.back_up([b"a", b"b"])
    assert bench.read(first)[0] == (0, b"a")


def _damage(bench: BackupBench, name: str) -> None:
    (victim,) = (path for path in bench.pieces() if path.rpartition("/")[2] == name)
    content = bench.store.kept[victim]
    bench.store.kept[victim] = content[:-1] + bytes([content[-1] ^ 1])


def _name_of(content: bytes) -> str:
    return Seal(KEY).name_of(content)


@pytest.mark.parametrize("part", ["backups", "pieces"])
def test_where_something_is_damaged_no_piece_is_removed(part: str) -> None:
    """Nobody knows what the damaged one needs."""
    bench = BackupBench()
    first = bench.back_up([b"a"], "data", keep=1)
    listing = f"{Seal(KEY).identity}/pieces/{first.listing[0][:2]}/{first.listing[0]}"
    header = f"{Seal(KEY).identity}/backups/{first.name}"
    victim = header if part == "backups" else listing
    bench.store.kept[victim] = b"?" * 100
    before = bench.pieces()
    bench.back_up([b"b"], "more", keep=1)
    assert before <= bench.pieces()
    assert len(bench.archive.shelf().unreadable) == (part == "backups")


def test_two_installations_share_a_place_and_do_not_see_each_other() -> None:
    bench = BackupBench()
    first = bench.back_up([b"a"], keep=1)
    other = BackupArchive(bench.store, Seal(new_key()))
    assert other.shelf().backups == ()
    assert other.has_strangers()
    parcel = Parcel(Snapshot("data", "one", NOON, 1), of_bytes(b"x"), iter([(0, b"x"), (1, b"")]))
    written = other.write("shop", Variant.CONTAINER, parcel, lambda _: None)
    other.finish(written)
    other.thin_out(written.backup, 1, NOON)
    assert bench.read(first) == [(0, b"a"), (1000, b"")]


def test_whoever_has_the_place_reads_neither_data_nor_what_it_is_of() -> None:
    bench = BackupBench()
    bench.back_up([b"very private"], "customers")
    for path, content in bench.store.kept.items():
        for word in (b"very private", b"customers", b"shop"):
            assert word not in content
            assert word not in path.encode()


def test_a_list_of_pieces_says_where_each_belongs() -> None:
    """The format of version 1, so that a later program can read it."""
    bench = BackupBench()
    backup = bench.back_up([b"", b"a"])
    path = f"{Seal(KEY).identity}/pieces/{backup.listing[0][:2]}/{backup.listing[0]}"
    listing = json.loads(Seal(KEY).opened(path, bench.store.kept[path]))
    assert listing == [[100, _name_of(b"a")], [1000, ""]]


def test_what_a_service_says_of_its_backups_is_part_of_its_release(translate: Translate) -> None:
    said = "x-herdbook: {backup: {schedule: 6h, keep: 3, to: /mnt/backups}}"
    policy = translate(said).backup
    assert policy is not None
    assert (policy.schedule, policy.keep, policy.to) == ("6h", 3, "/mnt/backups")
    assert translate("restart: always").backup is None
    assert translate(said).revision == translate("restart: always").revision


def test_a_place_is_the_same_wherever_it_is_read(translate: Translate, tmp_path: Path) -> None:
    """A path of the file's folder, as all paths in it."""
    policy = translate("x-herdbook: {backup: {schedule: 6h, to: ./backups}}").backup
    assert policy is not None
    assert policy.to == str(tmp_path / "shop" / "backups")
