"""All that a plan is made from: what is wanted of an application, and what was seen of it."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from herdbook.fleet.applications import Component, Release
from herdbook.fleet.records import Sight
from herdbook.rollouts.judging import Share
from herdbook.rollouts.model import Rollout


@dataclass(frozen=True)
class SlotHistory:
    """What happened in a slot: how often something was started, and failed in a row since."""

    attempts: int = 0
    failures: int = 0
    failed_at: datetime | None = None


@dataclass(frozen=True)
class Situation:
    """An application at one moment.

    `releases` are those that matter by number: the one that is to run, those that a rollout leads
    from and to, and those of instances that are there. `standing` is the number of the release
    that runs where no rollout says otherwise; 0 where nothing is to run. `shares` are what the
    new and the old members of a component's doors did since the present stage began. `refused` are
    releases that must not be started (any more), with the reason; to those that are `barred`, no
    rollout leads, either. `booted_at` is when the machine was started on which all of it runs,
    None where that is not known. `why_exposed` is asked of a release before a rollout leads back
    to it by itself: what is known to be exploited in it, empty for nothing.
    """

    application: str
    releases: Mapping[int, Release]
    standing: int
    sights: Sequence[Sight]
    rollout: Rollout | None = None
    histories: Mapping[tuple[str, int], SlotHistory] = field(default_factory=dict)
    shares: Mapping[str, Share] = field(default_factory=dict)
    refused: Mapping[int, str] = field(default_factory=dict)
    barred: Mapping[int, str] = field(default_factory=dict)
    booted_at: datetime | None = None
    why_exposed: Callable[[int], str] = lambda _release: ""

    def why_not_to(self, release: int) -> str:
        """Return why no rollout leads to a release; empty where one may."""
        return self.refused.get(release) or self.barred.get(release, "")

    def went_down_with_its_machine(self, sight: Sight) -> bool:
        """Tell whether an instance that does not run is of before the machine was started.

        Then that, and no fault of its own, has ended it.
        """
        began = max(sight.record.made_at, sight.started_at or sight.record.made_at)
        return self.booted_at is not None and began < self.booted_at

    @cached_property
    def by_component(self) -> Mapping[str, Sequence[Sight]]:
        """The instances of each component."""
        found: dict[str, list[Sight]] = defaultdict(list)
        for each in self.sights:
            found[each.record.component].append(each)
        return found

    def component(self, release: int, name: str) -> Component | None:
        """Return a component as a release has it."""
        found = self.releases.get(release)
        return found.settings.by_name.get(name) if found else None

    def history(self, component: str, slot: int) -> SlotHistory:
        """Return what happened in a slot."""
        return self.histories.get((component, slot), SlotHistory())
