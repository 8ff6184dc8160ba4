"""Gathers what a plan of a campaign reaches: images, reasons, waves, instances, an estimate."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from herdbook.actions.find_offers import Offer, offers_of
from herdbook.actions.judge_classes import Judgement
from herdbook.actions.plan_campaign import CampaignPlan, outdated
from herdbook.actions.workshop import Workshop
from herdbook.campaigns.conditions import Condition, Finding, Way
from herdbook.campaigns.model import Target
from herdbook.campaigns.ports import ClassKey
from herdbook.catalogue.names import version_named
from herdbook.core.digests import Digest
from herdbook.core.errors import HerdbookError

EXAMPLES = 3
"""So many images are named where there may be very many."""

_REBASES_A_SECOND = 500
_SECONDS_A_BUILD = 20
_SECONDS_A_CHECK = 10


@dataclass(frozen=True)
class Reason:
    """Why images go another way than a rebase, and some of those that do."""

    way: Way
    condition: Condition
    words: str
    images: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Wave:
    """Images that follow at the same time: those below others come first, and what runs."""

    level: int
    runs: bool
    images: int


@dataclass(frozen=True)
class Radius:
    """What a plan reaches: instances by version that would go on with the old packages too."""

    plan: CampaignPlan
    offers: tuple[Offer, ...]
    reasons: tuple[Reason, ...]
    waves: tuple[Wave, ...]
    running: Mapping[str, tuple[str, ...]]
    bytes_at_least: int
    seconds: float


def radius_of(workshop: Workshop, plan: CampaignPlan, builds: int = 1) -> Radius:
    """Return what a plan reaches, with `builds` side by side."""
    moving = [each for each in plan.judgements if each.way is not Way.WAIT]
    new = {package.sha256: package.size for each in moving for _, package in each.pairs}
    kinds = sum(1 for each in moving if each.way is Way.REBASE)
    rebases = plan.images.get(Way.REBASE, 0)
    long_ways = sum(plan.images.get(way, 0) for way in (Way.REBUILD, Way.RELOCK))
    return Radius(
        plan,
        offers_of(plan.held, plan.targets),
        tuple(_reasons(workshop, plan.judgements)),
        tuple(_waves(workshop, moving, plan.running)),
        still_old(workshop, plan.sources, plan.targets, plan.running),
        sum(new.values()),
        rebases / _REBASES_A_SECOND
        + kinds * _SECONDS_A_CHECK
        + -(-long_ways // builds) * _SECONDS_A_BUILD,
    )


def _reasons(workshop: Workshop, judgements: Iterable[Judgement]) -> list[Reason]:
    return reasons_of(
        (each.way, finding, each.of.images, (one.image for one in workshop.herd.members(each.of)))
        for each in judgements
        for finding in dict.fromkeys(each.findings)
    )


def reasons_of(found: Iterable[tuple[Way, Finding, int, Iterable[str]]]) -> list[Reason]:
    """Return why images are not rebased, what concerns most of them first.

    Each of `found` is what was found of so many images, with the names of some: no more of them
    are asked for than are told.
    """
    images: Counter[tuple[Way, Condition, str]] = Counter()
    examples: dict[tuple[Way, Condition, str], list[str]] = defaultdict(list)
    for way, finding, count, names in found:
        if finding.holds:
            continue
        key = way, finding.condition, finding.words
        images[key] += count
        examples[key] += islice(names, EXAMPLES - len(examples[key]))
    return [Reason(*key, count, tuple(examples[key])) for key, count in images.most_common()]


def _waves(
    workshop: Workshop, judgements: Iterable[Judgement], running: Mapping[str, object]
) -> Iterator[Wave]:
    """Yield who follows when: at each level, images that run come first."""
    levels: Counter[int] = Counter()
    level_of: dict[ClassKey, int] = {}
    for judgement in judgements:
        levels[judgement.level] += judgement.of.images
        level_of[judgement.of.key] = judgement.level
    images = {label.rpartition(":")[0] for label in running} if level_of else set[str]()
    keys = (workshop.herd.key(image) for image in images)
    runs = Counter(level_of[key] for key in keys if key in level_of)
    for level in sorted(levels):
        if runs[level]:
            yield Wave(level, runs=True, images=runs[level])
        if levels[level] > runs[level]:
            yield Wave(level, runs=False, images=levels[level] - runs[level])


def still_old(
    workshop: Workshop,
    sources: Iterable[str],
    targets: Sequence[Target],
    running: Mapping[str, tuple[str, ...]],
) -> Mapping[str, tuple[str, ...]]:
    """Return the instances, by version, that run one with older packages than the targets'."""
    if not running:
        return {}
    _, layers = outdated(workshop, sources, targets)
    return {
        label: instances
        for label, instances in sorted(running.items())
        if not layers.isdisjoint(_layers(workshop, label))
    }


def _layers(workshop: Workshop, label: str) -> set[Digest]:
    try:
        version = version_named(workshop.versions, label)
    except HerdbookError:  # forgotten meanwhile
        return set()
    return {layer.digest for variant in version.variants for layer in variant.layers}
