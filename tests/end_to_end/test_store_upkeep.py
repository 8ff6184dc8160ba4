"""Promises about cleaning, checking and repairing the store of a real build."""

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from product import PROGRAM
from tiny import Tiny, assert_clear, assert_whole, installing, leftovers, until

pytestmark = [pytest.mark.root, pytest.mark.archive]


@pytest.fixture
def one(tiny: Tiny, tmp_path: Path) -> Iterator[Tiny]:
    """A built image in a state of one test's own."""
    one = tiny.anew(tmp_path)
    one.built()
    yield one
    shutil.rmtree(tmp_path / "state")


def check(one: Tiny, *options: str) -> Any:
    result = one.herdbook.run("store", "check", "--json", *options)
    found = json.loads(result.stdout)
    well = all(finding["repaired"] for finding in found["findings"])
    assert result.returncode == (0 if well else 5)
    return found


def blobs_by_size(one: Tiny) -> list[Path]:
    """Where the layers lie, the largest first."""
    (version,) = one.images()
    layers = sorted(version["variants"][0]["layers"], key=lambda layer: -layer["size_bytes"])
    names = [layer["digest"].removeprefix("sha256:") for layer in layers]
    return [one.state / "blobs/sha256" / name for name in names]


def test_damaged_truncated_and_deleted_layers_come_back_with_their_digests(one: Tiny) -> None:
    """From a compressed copy or from the lock; and before that, nothing of them is used."""
    one.herdbook.must("export", "t/tiny", "--compression", "zstd", "--to", one.state / "copy")
    flipped, cut, *_, gone = blobs_by_size(one)
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 1
    flipped.write_bytes(content)
    with cut.open("r+b") as stream:
        stream.truncate(1000)
    gone.unlink()
    copies = [path.name for path in (one.state / "copy/blobs/sha256").iterdir()]
    kept = [path for path in (one.state / "blobs/sha256").iterdir() if path.name in copies]
    for path in sorted(kept, key=lambda path: path.stat().st_size)[:-1]:
        path.unlink()
    faults = [finding["fault"] for finding in check(one)["findings"]]
    assert faults.count("damaged layer") == 2
    assert "missing layer" in faults
    assert all(finding["repaired"] for finding in check(one, "--repair")["findings"])
    assert check(one)["findings"] == []
    assert_whole(one.state)
    one.built()


def test_a_killed_cleaner_leaves_a_store_that_is_whole(one: Tiny) -> None:
    one.herdbook.must("store", "forget", "t/tiny:1")
    for _ in range(4):
        with subprocess.Popen(
            [PROGRAM, "store", "clean"], env=one.herdbook.environment(), stderr=subprocess.DEVNULL
        ) as program:
            until(lambda: len(list(one.state.glob("blobs/sha256/*"))) < 20 or program.poll() == 0)
            program.send_signal(signal.SIGKILL)
    assert check(one)["findings"] == []
    one.herdbook.must("store", "clean")
    assert list(one.state.glob("blobs/sha256/*")) == []
    assert leftovers(one.state) == []
    built = one.herdbook.json("build", one.recipe)
    assert (built["digest"], built["number"]) == (one.digest, 2)
    assert check(one)["findings"] == []


def test_cleaning_beside_a_build_takes_nothing_from_it(one: Tiny) -> None:
    """The version was forgotten, so that all the build finds is garbage until it uses it."""
    one.herdbook.must("store", "forget", "t/tiny:1")
    with one.running("build") as program:
        while program.poll() is None:
            one.herdbook.must("store", "clean", "--keep", "1")
        output, errors = program.communicate()
    assert program.returncode == 0, errors
    assert one.digest in output
    assert check(one)["findings"] == []
    assert_whole(one.state)


def test_a_version_is_not_forgotten_while_it_is_built(tiny: Tiny, tmp_path: Path) -> None:
    one = tiny.anew(tmp_path)
    one.built()
    shutil.rmtree(one.state / "roots")
    shutil.rmtree(one.state / "blobs")
    with one.running("build") as program:
        until(lambda: installing(one.state), program)
        refused = one.herdbook.run("store", "forget", "t/tiny:1")
        program.send_signal(signal.SIGKILL)
        program.wait()
    assert_clear(refused, 10, "t/tiny:1 cannot be forgotten")
    time.sleep(0.5)
    one.herdbook.must("store", "forget", "t/tiny:1")
    shutil.rmtree(one.state)
