"""Keeps count of what new and old instances do behind the doors, while a rollout goes on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from herdbook.core.digests import Digest
from herdbook.fleet.balancing import Traffic
from herdbook.fleet.records import Instance
from herdbook.rollouts.judging import Counts, Share
from herdbook.rollouts.model import Rollout


@dataclass
class TrafficWatch:
    """What each instance did, over all its doors, and what it had done as the stage began.

    Each component has stages of its own: what one of them begins does not end another's count.
    Counted again from nothing where this program is started anew.
    """

    _now: dict[str, Traffic] = field(default_factory=dict)
    _begun: dict[str, Mapping[str, Traffic]] = field(default_factory=dict)
    _stages: Mapping[str, object] = field(default_factory=dict)
    _open: Mapping[str, int] = field(default_factory=dict)

    def look(self, traffic: Mapping[str, Mapping[str, Traffic]], rollout: Rollout | None) -> None:
        """Take note of the doors' counters."""
        found: dict[str, Traffic] = {}
        for members in traffic.values():
            for instance, each in members.items():
                found[instance] = _together(found.get(instance, Traffic()), each)
        self._now |= found
        self._open = {name: each.sessions for name, each in found.items()}
        stages = _stages_of(rollout)
        begun = {name for name, stage in stages.items() if self._stages.get(name) != stage}
        counted = dict(self._now) if begun else {}
        self._begun = {name: counted if name in begun else self._begun[name] for name in stages}
        self._stages = stages

    def sessions(self, instance: str) -> int:
        """Return how many sessions of an instance were open when this was last looked at."""
        return self._open.get(instance, 0)

    def shares(
        self, records: Iterable[Instance], goal: Mapping[str, Digest], began_with: frozenset[str]
    ) -> dict[str, Share]:
        """Return for each component what its new instances did since the stage began, and the old.

        `goal` is the revision of each component where the rollout leads; `began_with` are the
        instances that were there before it. Where no old one serves any more, what all of them
        did as long as they were counted stands for them.
        """
        new: dict[str, list[Counts]] = {}
        old: dict[str, list[Counts]] = {}
        for record in records:
            if record.name not in self._now:
                continue
            is_new = goal.get(record.component) == record.revision
            if is_new and record.name in began_with:
                continue
            group = new if is_new else old
            group.setdefault(record.component, []).append(self._since(record, whole=not is_new))
        return {
            component: Share(_sum(new[component]), _sum(old.get(component, ())))
            for component in new
        }

    def _since(self, record: Instance, *, whole: bool) -> Counts:
        now = self._now[record.name]
        counted = {} if whole else self._begun.get(record.component, {})
        begun = counted.get(record.name, Traffic())
        return Counts(
            max(now.requests - begun.requests, 0),
            max(now.failed - begun.failed, 0),
            now.response_milliseconds,
        )

    def forget(self, instance: str) -> None:
        """Forget an instance that is gone."""
        self._now.pop(instance, None)


def _stages_of(rollout: Rollout | None) -> Mapping[str, object]:
    if rollout is None:
        return {}
    return {
        name: (rollout.number, rollout.state, each.stage) for name, each in rollout.progress.items()
    }


def _together(one: Traffic, other: Traffic) -> Traffic:
    return Traffic(
        one.requests + other.requests,
        one.failed + other.failed,
        one.sessions + other.sessions,
        max(one.response_milliseconds, other.response_milliseconds),
    )


def _sum(counts: Iterable[Counts]) -> Counts:
    every = list(counts)
    requests = sum(each.requests for each in every)
    weighted = sum(each.requests * each.response_milliseconds for each in every)
    return Counts(
        requests, sum(each.failed for each in every), weighted / requests if requests else 0.0
    )
