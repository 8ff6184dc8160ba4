"""A catalogue that holds the oldest openssl of the archive, and campaigns that patch it."""

import subprocess
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from older_locks import with_older
from product import Herdbook, herdbook_with, tool


@dataclass(frozen=True)
class Herd:
    """A catalogue in a state of its own, where `old` is held and the archive has `new`."""

    herdbook: Herdbook
    folder: Path
    old: str
    new: str

    @property
    def catalogue(self) -> Path:
        return self.folder / "catalogue.yaml"

    def copied(self, folder: Path) -> "Herd":
        """The same herd in a state of its own; its recipes stay where they were built from."""
        state, copy = self.herdbook.state, folder / "state"
        linked = [state / "archive", state / "blobs"]
        copy.mkdir(parents=True)
        tool("cp", "-al", *linked, copy)  # what they hold is replaced, never written to
        # Roots have owners, and hard links of their own.
        tool("cp", "-a", *(each for each in state.iterdir() if each not in linked), copy)
        return replace(self, herdbook=Herdbook(folder / "state"))

    def report(self, number: int = 1) -> dict[str, Any]:
        """What a campaign did; an image's way and proof are under its name."""
        told: dict[str, Any] = self.herdbook.json("campaign", "report", str(number))
        proofs = {each["proof"]: each for each in told["by_proof"]}
        names = [each["image"] for each in told["images"]]
        assert len(names) == len({*names}), "an image has two versions of one campaign"
        images = {each["image"]: {**proofs[each["proof"]], **each} for each in told["images"]}
        return {**told, "images": images}

    def running(self, *words: str | Path) -> AbstractContextManager["subprocess.Popen[str]"]:
        """Run a command beside the test."""
        return self.herdbook.running(*words)

    def newest(self) -> dict[str, tuple[int, str]]:
        """Every image with its newest version's number and digest."""
        listed = self.herdbook.json("images")
        return {each["image"]: (each["number"], each["digest"]) for each in listed}

    def holders(self) -> set[str]:
        """The newest versions that hold an older openssl than the archive has."""
        found = self.herdbook.json("affected", "openssl", "--below", self.new)
        return {each["image"] for each in found["versions"]}

    def files(self) -> dict[Path, str]:
        """All that the catalogue consists of, locks and layer plan among it."""
        return {path: path.read_text() for path in self.folder.rglob("*") if path.is_file()}

    def put_back(self, files: Mapping[Path, str]) -> None:
        """Make the catalogue what it was once; every home stays where it was built from."""
        for path in self.files().keys() - files.keys():
            path.unlink()
        for path, text in files.items():
            path.write_text(text)

    def recipe(self, name: str) -> Path:
        return self.folder / "images" / f"{name}.yaml"


def make_herd(
    folder: Path,
    archive: Path,
    recipes: Mapping[str, str],
    files: Mapping[str, str] = {},
) -> Herd:
    """Lock images with the oldest openssl and build them; those `from:` others follow these."""
    herdbook = herdbook_with(archive, folder / "state")
    herd = Herd(herdbook, folder / "catalogue", "", "")
    images = herd.folder / "images"
    images.mkdir(parents=True)
    herd.catalogue.write_text("recipes: [images/*.yaml]\n")
    for name, text in files.items():
        (images / name).write_text(text)
    lowest = {name: text for name, text in recipes.items() if "from: debian:" in text}
    for name, text in lowest.items():
        (images / f"{name}.yaml").write_text(f"image: h/{name}\n{text}")
    herdbook.must("layers", "plan", herd.catalogue)
    locks = [images / f"{name}.lock" for name in lowest]
    ((old, new),) = {with_older(lock, herdbook.state, "openssl", "bookworm") for lock in locks}
    for name, text in recipes.items() - lowest.items():
        (images / f"{name}.yaml").write_text(f"image: h/{name}\n{text}")
    assert herdbook.json("build", herd.catalogue)["failed"] == []
    return replace(herd, old=old, new=new)
