"""A program that asks a register of signed versions, and says how long that took and its memory.

`questions` answers all that people ask; `verify` reads the whole audit, for its memory is its own.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

from signed_register import BUSY, opened

from herdbook.actions.list_channels import list_channels
from herdbook.actions.name_version import present, version_meant
from herdbook.actions.promote import promote
from herdbook.actions.show_registry import RegistryShow
from herdbook.actions.verify_audit import verify_audit
from herdbook.actions.workshop import Workshop

_TIMES = 11
_NEWEST = 20
Numbers = dict[str, float]


def questions(workshop: Workshop) -> Numbers:
    """Ask all, each several times, in a process that has its modules loaded."""
    show, image = RegistryShow(workshop), BUSY
    newest = version_meant(workshop, f"{image}@production").number
    older = iter([newest - 1, newest] * _TIMES)
    for number in (newest - 1, newest):  # whose layers are read once for each process
        if number:
            promote(workshop, f"{image}:{number}", "production", "warm")

    def move() -> None:
        promote(workshop, f"{image}:{max(next(older), 1)}", "production", "bench")

    asked: dict[str, Callable[[], object]] = {
        "promote": move,
        "what a channel means": lambda: present(workshop, image, "production"),
        "version by channel, verified": lambda: version_meant(workshop, f"{image}@testing"),
        "channel history, newest 20": lambda: workshop.channels.history(
            image, "production", _NEWEST
        ),
        "channel ls, one image": lambda: list_channels(workshop, image),
        "channel ls, all": lambda: list_channels(workshop),
        "audit ls, newest 20": lambda: list(workshop.audit.records(newest=_NEWEST)),
        "manifest by channel": lambda: show.manifest(image, "production"),
    }
    return {name: _fastest(question) for name, question in asked.items()}


def _fastest(question: Callable[[], object]) -> float:
    taken = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        question()
        taken.append(time.perf_counter() - began)
    return min(taken)


def verify(workshop: Workshop) -> Numbers:
    """Read the whole audit."""
    began = time.perf_counter()
    head = verify_audit(workshop)
    return {"seconds": time.perf_counter() - began, "records": head.number}


def main() -> None:
    """Answer: which, the state, the database's URL."""
    which, state, url = sys.argv[1:]
    numbers = {"questions": questions, "verify": verify}[which](opened(Path(state), url))
    print(json.dumps({**numbers, "peak_bytes": _peak_bytes()}))


def _peak_bytes() -> int:
    """Return the most that this program had in memory: getrusage(2) counts who started it, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


if __name__ == "__main__":
    main()
