"""What clients see of one way to replace all instances, under load."""

from dataclasses import dataclass

from open_loop import Observed, percentile

STEADY_SECONDS = 5.0
"""For how long there is load before anything is replaced."""


@dataclass(frozen=True)
class Way:
    """One way of replacing all instances, under load. `failed` are requests, of `requests`."""

    name: str
    seconds: float
    requests: int
    failed: int
    unavailable_seconds: float
    steady_milliseconds: float
    during_milliseconds: float


def way_of(name: str, observed: Observed, began: float, seconds: float) -> Way:
    """Say what clients saw from the beginning until all are new, and for a second more."""
    steady = observed.between(began - STEADY_SECONDS, began)
    during = observed.between(began, began + seconds + 1)
    print(f"  {name}: {observed.told(3)}; the generator was late by {observed.late_seconds:.3f} s")
    return Way(
        name,
        seconds,
        observed.total,
        len(observed.failures),
        observed.unavailable_seconds(),
        1000 * percentile(steady, 99.9),
        1000 * percentile(during, 99.9),
    )


def way_text(way: Way) -> str:
    """Render a row for people."""
    cells = [
        way.name,
        f"{way.seconds:.2f} s",
        f"{way.requests:,}",
        f"{way.failed:,}",
        f"{way.unavailable_seconds:.1f} s",
        f"{way.steady_milliseconds:.1f} ms",
        f"{way.during_milliseconds:.1f} ms",
    ]
    return f"| {' | '.join(cells)} |"
