"""A large file in an image costs disk and time, and no memory."""

import os
import subprocess
import sys
from pathlib import Path

from product import PROGRAM
from tiny import Tiny

SIZE_BYTES = int(os.environ.get("HERDBOOK_LARGE_FILE", "1073741824"))
MOST_KILOBYTES = 250 << 10
# A program of its own, because a child is charged with what its parent held when it began.
MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=sys.stderr)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_memory_stays_flat_for_a_large_file(tiny: Tiny, tmp_path: Path) -> None:
    recipe = tiny.recipe_in(tmp_path, "files: [{from: large, to: /srv/large}]\n", "t/large")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(SIZE_BYTES)
        file.write(os.urandom(1 << 20))
    result = subprocess.run(
        [sys.executable, "-c", MEASURED, PROGRAM, "build", recipe],
        env=tiny.herdbook.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) < MOST_KILOBYTES
    layers = tiny.herdbook.json("show", "t/large")["variants"][0]["layers"]
    (large,) = [layer for layer in layers if layer["title"] == "files"]
    assert large["size_bytes"] > SIZE_BYTES
    digest = large["digest"].partition(":")[2]
    (tiny.state / "blobs/sha256" / digest).unlink()  # a gigabyte less for the tests that follow
