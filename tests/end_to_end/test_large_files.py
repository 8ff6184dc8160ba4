"""A large file in an image costs disk and time, and no memory."""

import os
import subprocess
from pathlib import Path

from product import PROGRAM
from tiny import Tiny

SIZE_BYTES = int(os.environ.get("HERDBOOK_LARGE_FILE", "1073741824"))
MOST_KILOBYTES = 250 << 10


def test_memory_stays_flat_for_a_large_file(tiny: Tiny, tmp_path: Path) -> None:
    recipe = tiny.recipe_in(tmp_path, "files: [{from: large, to: /srv/large}]\n", "t/large")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(SIZE_BYTES)
        file.write(os.urandom(1 << 20))
    with subprocess.Popen(
        [PROGRAM, "build", recipe],
        env=tiny.herdbook.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as program:
        _, status, usage = os.wait4(program.pid, 0)
        program.returncode = os.waitstatus_to_exitcode(status)
        assert program.returncode == 0, program.stderr and program.stderr.read()
    assert usage.ru_maxrss < MOST_KILOBYTES
    layers = tiny.herdbook.json("show", "t/large")["variants"][0]["layers"]
    (large,) = [layer for layer in layers if layer["title"] == "files"]
    assert large["size_bytes"] > SIZE_BYTES
    digest = large["digest"].partition(":")[2]
    (tiny.state / "blobs/sha256" / digest).unlink()  # a gigabyte less for the tests that follow
