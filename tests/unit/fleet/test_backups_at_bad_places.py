"""A place of backups that lists or answers wrongly costs no backup that was there."""

import pytest
from backup_bench import KEY, NOON, BackupBench

from herdbook.core.errors import NetworkError
from herdbook.fleet.backups import LARGEST_BYTES, Backup
from herdbook.fleet.sealing import Seal


def _header(backup: Backup) -> str:
    return f"{Seal(KEY).identity}/backups/{backup.name}"


def test_a_place_that_does_not_show_what_was_just_kept_loses_nothing() -> None:
    """Whatever else it does not show would be taken for forgotten."""
    bench = BackupBench()
    first = bench.back_up([b"a"], keep=1)
    with bench.archive.alone():
        written = bench.write([b"b"])
        bench.archive.finish(written)
        for hidden in ({written.backup}, {written.backup, first}):
            bench.store.unlisted = set(map(_header, hidden))
            with pytest.raises(NetworkError, match=written.backup.name):
                bench.archive.thin_out(written.backup, 1, NOON)
    bench.store.unlisted = set()
    assert bench.archive.shelf().backups == (first, written.backup)
    assert bench.read(first)[0] == (0, b"a")
    assert bench.read(written.backup)[0] == (0, b"b")


def test_what_others_lay_at_the_place_is_left_alone() -> None:
    """As the programs of a disk station and of other people's machines do."""
    bench = BackupBench()
    strange = {f"{Seal(KEY).identity}/backups/@eaDir/x@SynoEAStream", "Thumbs.db", "backups/"}
    bench.store.kept.update(dict.fromkeys(strange, b""))
    backup = bench.back_up([b"a"])
    shelf = bench.archive.shelf()
    assert (shelf.backups, shelf.unreadable) == ((backup,), ())
    assert not bench.archive.has_strangers()
    assert strange <= set(bench.store.kept)


def test_a_header_that_is_far_too_large_is_one_that_nobody_can_read() -> None:
    bench = BackupBench()
    first = bench.back_up([b"a"])
    bench.store.kept[_header(first)] = bytes(LARGEST_BYTES + 1)
    assert bench.archive.shelf().unreadable == (_header(first),)


def test_a_backup_that_is_listed_and_then_said_to_be_absent_keeps_its_pieces() -> None:
    """Nobody else can have forgotten it: whoever thins out is alone."""
    bench = BackupBench()
    first = bench.back_up([b"a"])
    bench.store.unanswered = {_header(first)}
    bench.back_up([b"b"])
    bench.store.unanswered = set()
    assert bench.read(first)[0] == (0, b"a")
