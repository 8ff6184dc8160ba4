"""A process is told from a later one with the same number, and reached."""

import os
import signal
from dataclasses import replace
from pathlib import Path

from herdbook.drivers import process
from herdbook.drivers.process_identity import (
    find_written,
    has_ended,
    identify,
    is_alive,
    kill,
    read_identity,
    send,
)


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


def test_a_signal_reaches_that_very_process_and_its_end_is_waited_for() -> None:
    with process.spawn(["sleep", "600"]) as sleeper:
        identity = identify(sleeper.pid)
        assert identity is not None
        earlier = replace(identity, started_ticks=identity.started_ticks - 1)
        send(earlier, signal.SIGTERM)
        assert has_ended(earlier, 0)
        assert not has_ended(identity, 0.05)
        send(identity, signal.SIGTERM)
        assert has_ended(identity, 10)
        assert sleeper.wait() == -signal.SIGTERM
    send(identity, signal.SIGTERM)
    assert has_ended(identity, 0)


def test_a_written_number_is_believed_where_the_command_line_says_the_same(tmp_path: Path) -> None:
    note = tmp_path / "number"
    assert find_written(note, "sleep") is None
    with process.spawn(["sleep", "600"]) as sleeper:
        while not Path(f"/proc/{sleeper.pid}/comm").read_text().startswith("sleep"):
            pass  # it has yet to become the program it was started for
        note.write_text(f"{sleeper.pid}\n")
        assert find_written(note, "600") == identify(sleeper.pid)
        assert find_written(note, "600", "60") is None
    assert find_written(note, "600") is None
    note.write_text("")
    assert find_written(note) is None


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
