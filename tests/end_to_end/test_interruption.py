"""Promises about builds that are killed, interrupted, starved of space, or made twice at once."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from product import Herdbook
from tiny import (
    Tiny,
    assert_clear,
    assert_whole,
    fetching,
    installing,
    leftovers,
    reading_the_root,
    traces,
    unpacking,
    until,
    writing_layers,
)

pytestmark = [pytest.mark.root, pytest.mark.archive]

Phase = Callable[[Path], bool]


@pytest.fixture
def one(tiny: Tiny, tmp_path: Path) -> Iterator[Tiny]:
    """A state of one test's own, which is large, so nothing of it is kept."""
    yield tiny.anew(tmp_path)
    shutil.rmtree(tmp_path / "state")


@pytest.mark.parametrize("phase", [unpacking, writing_layers, installing, reading_the_root])
def test_killed_build_leaves_nothing_half_made_and_the_next_one_goes_on(
    one: Tiny, phase: Phase
) -> None:
    """After kill -9: no process, no mount, no half-written layer, no version; then all of it."""
    with one.running("build") as program:
        until(lambda: phase(one.state), program)
        program.send_signal(signal.SIGKILL)
        program.wait()
    until(lambda: not traces(one.state))
    assert_whole(one.state)
    assert one.images() == []
    one.built()
    assert leftovers(one.state) == []
    assert_whole(one.state)


@pytest.mark.parametrize(
    ("number", "phase"),
    [
        (signal.SIGINT, unpacking),
        (signal.SIGINT, writing_layers),
        (signal.SIGINT, installing),
        (signal.SIGTERM, installing),
        (signal.SIGINT, reading_the_root),
    ],
)
def test_interrupted_build_ends_soon_in_one_line_and_leaves_nothing(
    one: Tiny, number: signal.Signals, phase: Phase
) -> None:
    with one.running("build") as program:
        until(lambda: phase(one.state), program)
        _assert_ends_well(program, number)
    assert traces(one.state) == []
    assert leftovers(one.state) == []
    assert_whole(one.state)
    assert one.images() == []


def test_interrupted_download_keeps_what_has_arrived(tiny: Tiny, one: Tiny) -> None:
    debs = one.state / "archive/debs"
    for path in debs.iterdir():
        path.unlink()
    with one.running("build") as program:
        until(lambda: fetching(one.state), program)
        _assert_ends_well(program, signal.SIGINT)
    assert traces(one.state) == []
    assert leftovers(one.state) == []
    kept = tiny.state / "archive/debs"
    assert len(list(debs.glob("*.deb"))) >= 10
    for path in debs.glob("*.deb"):
        assert path.read_bytes() == (kept / path.name).read_bytes()


def _assert_ends_well(program: "subprocess.Popen[str]", number: signal.Signals) -> None:
    started = time.monotonic()
    program.send_signal(number)
    output, said = program.communicate()
    assert time.monotonic() - started < 3
    assert program.returncode == 130
    assert output == ""
    assert "Traceback" not in said
    assert [line for line in said.splitlines() if "nterrupt" in line] == said.splitlines()[-1:]


def test_two_builds_at_once_make_one_version(one: Tiny) -> None:
    with ExitStack() as stack:
        programs = [stack.enter_context(one.running("build")) for _ in range(2)]
        ends = [program.communicate() for program in programs]
    assert [program.returncode for program in programs] == [0, 0], ends
    for output, _ in ends:
        assert one.digest in output
    assert [image["number"] for image in one.images()] == [1]
    assert leftovers(one.state) == []
    assert_whole(one.state)


def test_two_locks_at_once_agree(one: Tiny) -> None:
    lock = one.recipe.with_suffix(".lock")
    wanted = lock.read_text()
    lock.unlink()
    with ExitStack() as stack:
        programs = [stack.enter_context(one.running("lock")) for _ in range(2)]
        ends = [program.communicate() for program in programs]
    assert [program.returncode for program in programs] == [0, 0], ends
    assert lock.read_text() == wanted
    assert sorted(path.name for path in lock.parent.iterdir()) == [
        "state",
        "tiny.lock",
        "tiny.yaml",
    ]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A file system of its own, that is given a size when it is made and again later."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = False

    def resize(size_bytes: int) -> Path:
        nonlocal mounted
        options = f"{'remount,' if mounted else ''}size={size_bytes}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
        mounted = True
        return folder

    try:
        yield resize
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=True)


def test_full_disk_is_said_and_the_same_command_goes_on_once_there_is_room(
    tiny: Tiny, tmp_path: Path, small_disk: Callable[[int], Path]
) -> None:
    """The disk is too small for the database, the index, the packages, the root, the layers."""
    state = small_disk(64 << 10) / "state"
    one = replace(tiny, herdbook=Herdbook(state), recipe=tiny.recipe_in(tmp_path))
    one.recipe.with_suffix(".lock").unlink()
    archive, debs, roots, blobs = (
        _size(tiny.state / name) for name in ("archive", "archive/debs", "roots", "blobs")
    )
    index = archive - debs
    stages = [
        (3 << 20, "for the archive's index"),
        (index // 3, "for the archive's index"),
        (index + debs // 2, ""),  # for packages, or to build in where others made them many
        (index + debs + roots // 2, "to build in"),
    ]
    assert_clear(one.build(), 8, "no space left for the database", "Make room")
    for size, words in stages:
        small_disk(size)
        assert_clear(one.build(), 8, "no space left", words, "Make room")
        assert leftovers(state) == []
        assert_whole(state)
    # how much a layer needs while it is written is not promised: a little more room, until it goes
    for size in range(index + debs + roots, 2 * (index + debs + roots + blobs), blobs // 4):
        small_disk(size)
        if (result := one.build()).returncode == 0:
            break
        assert_clear(result, 8, "no space left", "Make room")
        assert leftovers(state) == []
        assert_whole(state)
    one.built()


def _size(folder: Path) -> int:
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))
