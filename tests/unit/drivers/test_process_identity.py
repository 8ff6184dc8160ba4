"""A process is told from a later one with the same number."""

import os
from dataclasses import replace
from pathlib import Path

from herdbook.drivers import process
from herdbook.drivers.process_identity import identify, is_alive, kill, read_identity


def test_own_process_is_alive_and_one_with_its_number_that_began_earlier_is_not() -> None:
    own = identify(os.getpid())
    assert own is not None
    assert is_alive(own)
    earlier = replace(own, started_ticks=own.started_ticks - 1)
    assert not is_alive(earlier)
    kill(earlier)  # and so this test goes on


def test_killed_process_is_dead_even_before_its_parent_noticed() -> None:
    with process.spawn(["sleep", "600"]) as sleeper:
        identity = identify(sleeper.pid)
        assert identity is not None
        assert is_alive(identity)
        kill(identity)
        os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(identity)
    kill(identity)
    assert identify(identity.number) is None


def test_name_of_a_program_does_not_confuse_the_reader(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    fields = " ".join(str(number) for number in range(4, 53))
    stat.write_text(f"42 (a) R 7) S {fields}\n", encoding="ascii")
    identity = read_identity(stat)
    assert identity is not None
    assert (identity.number, identity.started_ticks) == (42, 22)


def test_half_written_note_is_nobody(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("42 (sh) S 1", encoding="ascii")
    assert read_identity(tmp_path / "stat") is None
    assert read_identity(tmp_path / "absent") is None
