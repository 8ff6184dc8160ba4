"""Times two ways of doing one thing in turn, so that a drifting machine hits both alike."""

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1 << 20

Attempt = Callable[[], float]
"""Does something once and returns how many seconds it took."""


@dataclass(frozen=True)
class Comparison:
    """One row: what Herdbook took and what another tool took, run by run, in `unit`.

    `goal` is the ratio of the medians to stay under, None where there is no other tool.
    """

    name: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    other: str
    goal: float | None = None
    limit_seconds: float | None = None
    unit: str = "s"

    @property
    def ratio(self) -> float | None:
        """Ours over theirs, medians."""
        if not self.theirs:
            return None
        return statistics.median(self.ours) / statistics.median(self.theirs)


def compare(name: str, ours: Attempt, theirs: Attempt, other: str, runs: int) -> Comparison:
    """Run both in turn."""
    pairs = []
    for number in range(runs):
        pairs.append((ours(), theirs()))
        print(f"  {name} {number + 1}/{runs}: {pairs[-1][0]:.2f} s, {pairs[-1][1]:.2f} s")
    return Comparison(name, tuple(p[0] for p in pairs), tuple(p[1] for p in pairs), other)


def spread(values: Sequence[float], unit: str = "s") -> str:
    """Render a median, with its range where there are several values."""
    text = f"{statistics.median(values):.2f}"
    if len(values) > 1:
        text += f" ({min(values):.2f} to {max(values):.2f})"
    return text if unit == "s" else f"{text} {unit}"


def timed(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> float:
    """Run a program to its end and return its seconds; its output is shown where it fails."""
    before = time.monotonic()
    result = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, env=env
    )
    seconds = time.monotonic() - before
    if result.returncode:
        raise SystemExit(f"{command}\n{result.stdout[-2000:]}\n{result.stderr[-2000:]}")
    return seconds
