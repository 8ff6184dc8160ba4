"""Whatever goes wrong, people see words, a next step and an exit status, never a traceback."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from herdbook.cli.main import failures_shown
from herdbook.cli.output import Output, human_seconds, human_size
from herdbook.core.errors import HerdbookError, NotFoundError

PROGRAM = Path(sys.executable).with_name("herdbook")


def shown(error: BaseException, *, as_json: bool = False) -> object:
    """Return the exit status of a failure."""
    with pytest.raises(SystemExit) as caught, failures_shown(Output(as_json=as_json)):
        raise error
    return caught.value.code


def test_a_known_failure_has_its_place_and_its_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(NotFoundError("It is gone [bold]", hint="Look [red]there", where="file:3")) == 4
    out, errors = capsys.readouterr()
    assert out == ""
    assert errors == "error: It is gone [bold]\n   at: file:3\n  next: Look [red]there\n"


def test_a_known_failure_is_one_document_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(NotFoundError("It is gone", hint="Look", where="file:3"), as_json=True) == 4
    out, errors = capsys.readouterr()
    assert out == ""
    assert json.loads(errors)["error"] == {
        "code": "not-found",
        "message": "It is gone",
        "hint": "Look",
        "where": "file:3",
    }


def test_an_unforeseen_failure_is_told_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert shown(ZeroDivisionError("by zero")) == HerdbookError.exit_status
    errors = capsys.readouterr().err
    assert "fault in Herdbook" in errors
    assert "Traceback" not in errors
    report = re.search(r"/\S+\.txt", errors)
    assert report is not None
    assert "ZeroDivisionError: by zero" in Path(report[0]).read_text()
    Path(report[0]).unlink()


def test_a_full_disk_is_no_fault_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(OSError(errno.ENOSPC, "No space left on device")) == 8
    assert "space" in capsys.readouterr().err


def test_an_interruption_is_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(KeyboardInterrupt()) == 130
    assert "Interrupted" in capsys.readouterr().err


def herdbook(
    tmp_path: Path, *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    given = {"PATH": "/usr/bin:/bin", "HERDBOOK_STATE": str(tmp_path / "state"), **environment}
    return subprocess.run(
        [PROGRAM, *arguments], env=given, cwd=tmp_path, capture_output=True, text=True, check=False
    )


def test_the_program_itself_fails_in_words(tmp_path: Path) -> None:
    done = herdbook(tmp_path, "show", "absent")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("error: There is no image 'absent'\n")
    assert "\x1b" not in done.stderr
    shaped = herdbook(tmp_path, "show", "absent", "--json")
    assert shaped.returncode == 4
    assert json.loads(shaped.stderr)["error"]["code"] == "not-found"


def test_colours_are_for_terminals_and_can_be_turned_off(tmp_path: Path) -> None:
    forced = herdbook(tmp_path, "show", "absent", FORCE_COLOR="1", TERM="xterm-256color")
    assert "\x1b[" in forced.stderr
    plain = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "NO_COLOR": "1"}
    without = herdbook(tmp_path, "show", "absent", **plain)
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", without.stderr)


def test_a_state_directory_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = herdbook(tmp_path, "images", HERDBOOK_STATE=str(tmp_path / "file" / "state"))
    assert done.returncode == 3
    assert "HERDBOOK_STATE" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_program_says_so(tmp_path: Path, number: signal.Signals) -> None:
    os.mkfifo(tmp_path / "herdbook.yaml")
    with subprocess.Popen(
        [PROGRAM, "build"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HERDBOOK_STATE": str(tmp_path / "state")},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        writing = os.open(tmp_path / "herdbook.yaml", os.O_WRONLY)  # until it opens the recipe
        time.sleep(0.3)  # and reads it: what comes in between is heeded once there is something
        process.send_signal(number)
        try:
            _, errors = process.communicate(timeout=20)
        finally:
            process.kill()
            os.close(writing)
    assert process.returncode == 130
    assert errors.startswith("Interrupted.")
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (5 << 20, "5 MiB"), (3 << 29, "1.5 GiB")],
)
def test_sizes_read_as_people_say_them(size: int, text: str) -> None:
    assert human_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (10, "10 s"), (119, "119 s"), (180, "3 min")],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert human_seconds(seconds) == text


@pytest.mark.parametrize("columns", ["80", "40"])
def test_tables_fold_wide_cells_and_cut_nothing_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    wide = "abcdefghij" * 12
    Output(as_json=False).table(["name", "#size", "state"], [[wide, "1", "[bold]running"]])
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= int(columns)
    everything = "".join("".join(line.split()) for line in lines)
    assert everything.count("abcdefghij") >= 1
    assert sum(line.count("a") for line in lines) >= 12
    assert "[bold]" in everything.replace(" ", "")


def test_what_others_named_says_nothing_to_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    foreign = "\x1b[2Jgone\x07\x9b1m\r\u202ex\ud800\ttab"
    output = Output(as_json=False)
    output.text(foreign)
    output.note(foreign)
    output.table(["name"], [[foreign]])
    shown(NotFoundError(foreign, hint=foreign, where=foreign))
    out, errors = capsys.readouterr()
    assert (out.count("gone"), errors.count("gone")) == (2, 4)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800]", out + errors)


def test_notes_are_for_people_only(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).note("Next, do this.")
    assert capsys.readouterr() == ("", "")
    Output(as_json=False).note("Next, do this.")
    assert capsys.readouterr() == ("", "Next, do this.\n")
