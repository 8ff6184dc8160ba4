"""A place of backups that lists or answers wrongly costs no backup that was there."""

import pytest
from backup_bench import KEY, NOON, BackupBench

from herdbook.core.errors import NetworkError
from herdbook.fleet.backups import Backup
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


def test_a_backup_that_is_listed_and_then_said_to_be_absent_keeps_its_pieces() -> None:
    """Nobody else can have forgotten it: whoever thins out is alone."""
    bench = BackupBench()
    first = bench.back_up([b"a"])
    bench.store.unanswered = {_header(first)}
    bench.back_up([b"b"])
    bench.store.unanswered = set()
    assert bench.read(first)[0] == (0, b"a")
