"""The promises of folders for work under way."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from herdbook.store.staging import Staging


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    return Staging(tmp_path / "staging")


def test_staging_gives_a_new_empty_folder_each_time(staging: Staging) -> None:
    with staging() as one, staging() as other:
        assert one != other
        assert list(one.iterdir()) == list(other.iterdir()) == []


def test_staging_is_gone_when_the_block_ends_well_or_not(staging: Staging) -> None:
    def fail(folder: Path) -> None:
        (folder / "file").write_bytes(b"x")
        raise RuntimeError

    with staging() as folder:
        (folder / "file").write_bytes(b"x")
    assert list(staging.directory.iterdir()) == []
    with pytest.raises(RuntimeError), staging() as folder:
        fail(folder)
    assert list(staging.directory.iterdir()) == []


def test_sweep_leaves_what_is_in_use(staging: Staging) -> None:
    with staging() as folder:
        staging.sweep()
        assert folder.is_dir()


def test_sweep_of_nothing_is_no_error(staging: Staging) -> None:
    staging.sweep()


def test_sweep_removes_what_a_killed_program_left(staging: Staging) -> None:
    program = (
        "import os, sys; from pathlib import Path; from herdbook.store.staging import Staging\n"
        "with Staging(Path(sys.argv[1]))() as folder:\n"
        "    (folder / 'file').touch()\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, staging.directory], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert list(staging.directory.iterdir())
    staging.sweep()
    assert list(staging.directory.iterdir()) == []


def test_sweep_never_takes_a_folder_that_is_being_made(staging: Staging) -> None:
    over = threading.Event()

    def sweep() -> None:
        while not over.is_set():
            staging.sweep()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        for _ in range(400):
            with staging() as folder:
                (folder / "file").write_bytes(b"x")
    finally:
        over.set()
        sweeper.join()
        sys.setswitchinterval(interval)
