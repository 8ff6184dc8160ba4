"""A program that plans a campaign or carries it through, and says what that took, part by part.

Each is a process of its own, so that its peak memory and its seconds of CPU are its own, too.
"""

import json
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

from herdbook.actions import run_campaign
from herdbook.actions.judge_classes import Judge
from herdbook.actions.plan_campaign import plan_campaign
from herdbook.actions.prepare_moves import MoveMaker
from herdbook.actions.run_campaign import work_at
from herdbook.actions.start_campaign import open_campaign
from herdbook.actions.workshop import Workshop
from herdbook.campaigns.model import Budget, Verify
from herdbook.core.progress import NoProgress
from herdbook.drivers.apt import AptArchive
from herdbook.server.program import open_workshop
from herdbook.server.settings import Settings
from herdbook.store.advisories import SqlAdvisories
from herdbook.store.herd import SqlHerd

PARTS: dict[str, tuple[Any, str]] = {
    "asking the archive": (AptArchive, "newest"),
    "finding classes": (SqlHerd, "classes"),
    "judging": (Judge, "judge"),
    "new layers": (MoveMaker, "move"),
    "checking": (run_campaign, "check_rebase"),
    "re-pointing": (SqlHerd, "rebase"),
    "matching advisories": (SqlAdvisories, "match_new"),
}
"""What is told apart: none of them calls another one."""


def main() -> None:
    """Do one thing: its name, the database's URL, the state, the source package."""
    what, url, state, source = sys.argv[1:]
    seconds: Counter[str] = Counter()
    for part, (owner, name) in PARTS.items():
        setattr(owner, name, _timed(getattr(owner, name), part, seconds))
    workshop = open_workshop(Settings(Path(state), url), NoProgress())
    workshop = replace(workshop, engines={})  # what runs is asked of Podman, not of the register
    load, began = os.getloadavg()[0], time.perf_counter()
    facts = _plan(workshop, source) if what == "plan" else _run(workshop, source, Verify(what))
    whole = time.perf_counter() - began
    used = [resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    numbers = {
        "whole": whole,
        "other": whole - seconds.total(),
        **seconds,
        "cpu": sum(each.ru_utime + each.ru_stime for each in used),
        "peak_bytes": _told("status", "VmHWM") << 10,  # ru_maxrss tells that of who started us
        "written_bytes": _told("io", "write_bytes"),
        "load": load,
    }
    print(json.dumps({**facts, **numbers}))


def _plan(workshop: Workshop, source: str) -> dict[str, int]:
    plan = plan_campaign(workshop, [source])
    return {"classes": len(plan.judgements), **{str(way): n for way, n in plan.images.items()}}


def _run(workshop: Workshop, source: str, verify: Verify) -> dict[str, int]:
    campaign, _ = open_campaign(workshop, plan_campaign(workshop, [source]), Budget(), verify)
    work_at(workshop, campaign.number)
    failed = len(workshop.campaigns.failures(campaign.number))
    made = workshop.campaigns.count(campaign.number)
    return {"failed": failed, **{str(way): count for way, count in made.items()}}


def _timed(function: Callable[..., Any], part: str, seconds: Counter[str]) -> Callable[..., Any]:
    @wraps(function)
    def measured(*arguments: object, **more: object) -> object:
        began = time.perf_counter()
        try:
            return function(*arguments, **more)
        finally:
            seconds[part] += time.perf_counter() - began  # type: ignore[assignment]

    return measured


def _told(file: str, name: str) -> int:
    """Return a number that Linux tells of this process."""
    lines = Path("/proc/self", file).read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
