"""The smallest image, built once, and what it takes to disturb a build of it and to look after."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from product import Herdbook, herdbook_with, tool

from herdbook.core import digests

RECIPE = "image: t/tiny\nfrom: debian:bookworm\nvariants: [container]\n"
LIMIT_SECONDS = 120


@dataclass(frozen=True)
class Tiny:
    """The recipe with its lock, where it is built, and the digest that it has everywhere."""

    herdbook: Herdbook
    recipe: Path
    digest: str

    @property
    def state(self) -> Path:
        return self.herdbook.state

    def anew(self, folder: Path) -> "Tiny":
        """The same recipe for a state that holds nothing but the packages."""
        herdbook = herdbook_with(self.state / "archive", folder / "state")
        return replace(self, herdbook=herdbook, recipe=self.recipe_in(folder))

    def recipe_in(self, folder: Path, more: str = "", image: str = "t/tiny") -> Path:
        """Write the recipe, with more lines if wanted, and its lock."""
        recipe = folder / "tiny.yaml"
        recipe.write_text(RECIPE.replace("t/tiny", image) + more)
        shutil.copyfile(self.recipe.with_suffix(".lock"), recipe.with_suffix(".lock"))
        return recipe

    def build(self, *options: str) -> "subprocess.CompletedProcess[str]":
        return self.herdbook.run("build", self.recipe, *options)

    def built(self) -> dict[str, Any]:
        """Build and hold the result against the one build that was never disturbed."""
        built: dict[str, Any] = self.herdbook.json("build", self.recipe)
        assert built["digest"] == self.digest
        assert built["number"] == 1
        return built

    def running(self, command: str) -> AbstractContextManager["subprocess.Popen[str]"]:
        """Run a command on the recipe beside the test."""
        return self.herdbook.running(command, self.recipe)

    def images(self) -> Any:
        return self.herdbook.json("images")


def make_tiny(folder: Path) -> Tiny:
    recipe = folder / "tiny.yaml"
    recipe.write_text(RECIPE)
    herdbook = Herdbook(folder / "state")
    return Tiny(herdbook, recipe, herdbook.json("build", recipe)["digest"])


def copied_state(built: Path, folder: Path) -> Herdbook:
    """Copy the state in which an image was built, to build more on it."""
    state = folder / "state"
    state.mkdir()
    linked = {"archive", "blobs"}  # what they hold is replaced, never written to
    tool("cp", "-al", *(built / name for name in sorted(linked)), state)
    tool("cp", "-a", *(each for each in built.iterdir() if each.name not in linked), state)
    return Herdbook(state)


def until(found: Callable[[], object], program: "subprocess.Popen[str] | None" = None) -> None:
    """Wait for it, for as long as a slow machine may take, or until the program has ended."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not found():
        assert program is None or program.poll() is None, program.communicate()
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)


# --- how far a build is, told by what lies in its state


def fetching(state: Path) -> bool:
    return len(list(state.glob("archive/debs/.incoming/*.deb"))) > 10


def unpacking(state: Path) -> bool:
    return any(state.glob("staging/*/work/root/usr/bin/*"))


def installing(state: Path) -> bool:
    return len(list(state.glob("staging/*/work/root/var/lib/dpkg/info/*.list"))) > 20


def writing_layers(state: Path) -> bool:
    return any(_size(path) > 1 << 20 for path in state.glob("blobs/incoming/*/work/blob"))


def reading_the_root(state: Path) -> bool:
    return any(state.glob("roots/*"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


# --- what is left of it


def traces(state: Path) -> list[str]:
    """All processes that work in a state, and all mounts that show or use it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            seen = (process / "cmdline").read_text() + (process / "mountinfo").read_text()
            seen += f"{(process / 'cwd').readlink()} {(process / 'root').readlink()}"
        except OSError:  # it has just ended
            continue
        if str(state) in seen:
            found.append(seen)
    return found


def leftovers(state: Path) -> list[Path]:
    """Work that nobody goes on with."""
    folders = ("staging", "blobs/incoming", "archive/debs/.incoming")
    return [path for folder in folders for path in (state / folder).glob("*")]


def assert_whole(state: Path) -> None:
    """Every layer in the store is what its name says."""
    for path in (state / "blobs/sha256").glob("*"):
        assert digests.of_file(path) == f"sha256:{path.name}"


def assert_clear(result: "subprocess.CompletedProcess[str]", status: int, *words: str) -> None:
    """A failure has its own status, its words and a next step, and is no fault of the program."""
    assert result.returncode == status, result.stderr
    for word in words:
        assert word in result.stderr, result.stderr
    assert "next:" in result.stderr
    assert "Traceback" not in result.stderr
    assert "fault in Herdbook" not in result.stderr
