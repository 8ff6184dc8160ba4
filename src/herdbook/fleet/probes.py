"""How an instance is asked whether it is well, and what its answers come to."""

from dataclasses import dataclass, replace
from enum import Enum

from herdbook.recipes.model import Variant


class ProbeKind(Enum):
    """The ways to ask."""

    HTTP = "http"
    TCP = "tcp"
    COMMAND = "command"


@dataclass(frozen=True)
class Probe:
    """What is asked, and how often.

    `path` is what an HTTP probe gets (2xx and 3xx are well); `command` runs inside the instance
    (status 0 is well). After `fall` bad answers in a row an instance is unwell, after `rise` good
    ones well. While the first `start_period_seconds` last, bad answers do not count and it is
    asked every `start_interval_seconds` (Compose specification, "healthcheck").
    """

    kind: ProbeKind
    port: int = 0
    path: str = "/"
    command: tuple[str, ...] = ()
    interval_seconds: float = 0.5
    timeout_seconds: float = 0.8
    fall: int = 3
    rise: int = 2
    start_period_seconds: float = 0.0
    start_interval_seconds: float = 0.1


@dataclass(frozen=True)
class ProbeTarget:
    """An instance that is to be asked: at which address, or by a command inside of it."""

    instance: str
    address: str
    probe: Probe
    variant: Variant = Variant.CONTAINER


@dataclass(frozen=True)
class Answer:
    """One answer of an instance, or that there was none: `well`, when, and in words why not."""

    instance: str
    well: bool
    at_seconds: float
    complaint: str = ""


@dataclass(frozen=True)
class Health:
    """What an instance's answers came to; times are monotonic seconds.

    `well_since` is None while it is not well. `asked` counts answers.
    """

    well_since: float | None = None
    good: int = 0
    bad: int = 0
    asked: int = 0
    complaint: str = ""

    @property
    def well(self) -> bool:
        """Whether the instance may serve."""
        return self.well_since is not None


def heard(health: Health, answer: Answer, probe: Probe, started_at: float) -> Health:
    """Return what is known after one more answer of an instance that started then."""
    asked = health.asked + 1
    if answer.well:
        good = health.good + 1
        since = health.well_since
        if since is None and good >= probe.rise:
            since = answer.at_seconds
        return Health(since, good, 0, asked)
    starting = health.well_since is None and (
        answer.at_seconds < started_at + probe.start_period_seconds
    )
    bad = 0 if starting else health.bad + 1
    known = replace(health, good=0, bad=bad, asked=asked, complaint=answer.complaint)
    return replace(known, well_since=None) if bad >= probe.fall else known
