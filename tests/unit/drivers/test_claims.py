"""One process at a time changes an instance, and a dead one holds nothing."""

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from herdbook.drivers import process
from herdbook.drivers.claims import claim, claim_path, is_claimed

_HOLD = """
import sys, time
from pathlib import Path
from herdbook.drivers.claims import claim
with claim(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_claim_is_seen_while_it_is_held_and_leaves_nothing(tmp_path: Path) -> None:
    path = claim_path(tmp_path, "fake", "web")
    assert not is_claimed(path)
    with claim(path):
        assert is_claimed(path)
        assert not is_claimed(claim_path(tmp_path, "fake", "other"))
    assert not is_claimed(path)
    assert list(path.parent.iterdir()) == []


def test_second_claim_waits_for_the_first(tmp_path: Path) -> None:
    path = claim_path(tmp_path, "fake", "web")
    inside: list[int] = []
    counted: list[int] = []

    def enter() -> None:
        with claim(path):
            inside.append(1)
            time.sleep(0.01)  # whoever is not kept out comes in meanwhile
            counted.append(len(inside))
            inside.pop()

    with ThreadPoolExecutor(8) as pool:
        with claim(path):
            entered = [pool.submit(enter) for _ in range(8)]
            time.sleep(0.05)
            assert inside == counted == []
        for each in entered:
            each.result()
    assert counted == [1] * 8
    assert not path.exists()


def test_claim_ends_with_its_process_even_by_kill(tmp_path: Path) -> None:
    path = claim_path(tmp_path, "fake", "web")
    with process.spawn([sys.executable, "-c", _HOLD, path]) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert is_claimed(path)
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        assert not is_claimed(path)
        with claim(path):
            assert is_claimed(path)
