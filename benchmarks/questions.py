"""A program that asks a large register one question, and says how long that took and its memory.

Each question is a process of its own, so that its peak memory is its own, too.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from herdbook.actions.find_holders import Wish, search
from herdbook.actions.plan_builds import plan_builds
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.ports import Versions
from herdbook.core.progress import NoProgress
from herdbook.server.program import open_workshop
from herdbook.server.settings import Settings

PAGE = 50
Numbers = dict[str, float]


def affected(workshop: Workshop, folder: Path) -> Numbers:
    """Ask for openssl, which every image holds."""
    del folder
    return _holders(workshop, Wish("openssl", below="3.0.22"))


def rare(workshop: Workshop, folder: Path) -> Numbers:
    """Ask for what one image in forty holds."""
    del folder
    return _holders(workshop, Wish("runtime7"))


def _holders(workshop: Workshop, wish: Wish) -> Numbers:
    began = time.perf_counter()
    found = search(workshop, wish)
    versions = found.versions()
    first = next(versions, None)
    until_first = time.perf_counter() - began
    count = sum(1 for _ in versions) + (first is not None)
    return {"first": until_first, "complete": time.perf_counter() - began, "found": count}


def pages(workshop: Workshop, folder: Path) -> Numbers:
    """Ask for the first, the middle and the last page of `catalogue ls`, and one by name."""
    del folder
    total = workshop.versions.count_images()
    wanted = {"first": 0, "middle": total // 2, "last": max(total - PAGE, 0)}
    taken = {name: _page(workshop.versions, "", skip) for name, skip in wanted.items()}
    return {**taken, "matching": _page(workshop.versions, "r7-f3-bookworm", 0)}


def _page(versions: Versions, match: str, skip: int) -> float:
    began = time.perf_counter()
    versions.images(match, skip, PAGE)
    versions.count_images(match)
    return time.perf_counter() - began


def plan(workshop: Workshop, folder: Path) -> Numbers:
    """Plan the build of the whole catalogue."""
    began = time.perf_counter()
    found = plan_builds(workshop, folder / "catalogue.yaml")
    return {"complete": time.perf_counter() - began, "found": sum(found.images.values())}


QUESTIONS: dict[str, Callable[[Workshop, Path], Numbers]] = {
    "affected": affected,
    "rare": rare,
    "pages": pages,
    "plan": plan,
}


def main() -> None:
    """Answer one question: its name, the database's URL, the state, the catalogue's folder."""
    question, url, state, folder = sys.argv[1:]
    workshop = open_workshop(Settings(Path(state), url), NoProgress())
    workshop = replace(workshop, engines={})  # what runs is asked of Podman, not of the register
    numbers = QUESTIONS[question](workshop, Path(folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    print(json.dumps({**numbers, "peak_bytes": peak}))


if __name__ == "__main__":
    main()
