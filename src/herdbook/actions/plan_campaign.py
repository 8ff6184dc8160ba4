"""Plans a campaign: what a patch reaches, and how each image could follow, before any moves."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.utils import canonicalize_name

from herdbook.actions.find_fixes import fixes_of
from herdbook.actions.find_holders import running_instances, unknown
from herdbook.actions.find_python import PYTHON_SOURCE, find_python, held_of, python_versions
from herdbook.actions.judge_classes import Judge, Judgement
from herdbook.actions.workshop import Workshop
from herdbook.campaigns.conditions import Way
from herdbook.campaigns.model import Target
from herdbook.catalogue.components import Component, Ecosystem
from herdbook.catalogue.holders import ComponentQuery
from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError
from herdbook.packages.suites import SUITES, suite_named
from herdbook.trust.version_order import is_older


@dataclass(frozen=True)
class CampaignPlan:
    """What a campaign would do.

    `held` are the components that are older than what the `targets` offer. `running` are instances
    by the label of their version; `unseen` the engines that could not be asked.
    """

    sources: tuple[str, ...]
    targets: tuple[Target, ...]
    held: tuple[Component, ...]
    judgements: tuple[Judgement, ...]
    layers: int = 0
    running: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()

    @property
    def images(self) -> Mapping[Way, int]:
        """How many images go which way."""
        found: Counter[Way] = Counter()
        for judgement in self.judgements:
            found[judgement.way] += judgement.of.images
        return found


def plan_campaign(workshop: Workshop, names: Sequence[str]) -> CampaignPlan:
    """Find what there is that is newer, who holds what is older, and how each could follow.

    `names` are packages of Debian or their sources, or packages of Python. Only packages are
    fetched, to look into them. Raises NotFoundError for a name that no image holds,
    InvalidInputError where Debian's and Python's are mixed.
    """
    sources = sources_of(workshop, names)
    targets = _targets(workshop, sources)
    running, unseen = running_instances(workshop)
    held, layers = outdated(workshop, sources, targets)
    judgements = Judge(workshop, targets).judge(workshop.herd.classes(layers))
    return CampaignPlan(
        sources,
        tuple(_with_fixes(workshop, held, targets)),
        tuple(sorted(held.values(), key=lambda each: each.purl)),
        tuple(judgements),
        len(layers),
        running,
        tuple(unseen),
    )


def _with_fixes(
    workshop: Workshop, held: Mapping[int, Component], targets: Iterable[Target]
) -> Iterator[Target]:
    for target in targets:
        fixes = tuple(each.name for each in fixes_of(workshop, held, target))
        yield target.model_copy(update={"fixes": fixes})


def outdated(
    workshop: Workshop, sources: Iterable[str], targets: Sequence[Target]
) -> tuple[Mapping[int, Component], set[Digest]]:
    """Return what is older than what the targets offer, by number, and the layers that hold it."""
    offered = {(target.suite, each.name): each for target in targets for each in target.packages}
    python = python_versions(targets)
    old: dict[int, Component] = {}
    for source in sources:
        for number, component in held_of(workshop, source):
            new = offered.get((component.suite, component.name))
            newer = [new.version] if new else python.get(component.name, ())
            ecosystem = component.ecosystem
            if any(is_older(ecosystem, component.version, each) for each in newer):
                old[number] = component
    layers = {use.digest for use in workshop.components.uses(old)}
    return old, layers


def sources_of(workshop: Workshop, names: Sequence[str]) -> tuple[str, ...]:
    """Return what names of packages and of sources mean, as campaigns are called after it."""
    found: set[str] = set()
    for name in names:
        if not name.strip():
            raise InvalidInputError(
                "A name is empty", hint="Name a package: herdbook campaign plan openssl"
            )
        own = name.removeprefix(PYTHON_SOURCE)
        ecosystem = Ecosystem.PYTHON if own != name else None
        query = ComponentQuery(canonicalize_name(own) if ecosystem else own, ecosystem)
        meant = [each for _, each in workshop.components.matching(query)]
        if not meant:
            raise unknown(workshop, query)
        found |= _called(name, meant)
    kinds = {each.startswith(PYTHON_SOURCE) for each in found}
    if len(kinds) > 1:
        raise InvalidInputError(
            "A campaign is about packages of Debian or about those of Python",
            hint="Start one for each.",
        )
    return tuple(sorted(found))


def _called(name: str, meant: Sequence[Component]) -> set[str]:
    debian = {each.source or each.name for each in meant if each.ecosystem is Ecosystem.DEBIAN}
    if debian:
        return debian
    python = {f"{PYTHON_SOURCE}{each.name}" for each in meant if each.ecosystem is Ecosystem.PYTHON}
    if not python:
        raise InvalidInputError(
            f"{name} is a package of npm, which recipes pin in a package-lock.json",
            hint="Renew that file (npm update), and build: herdbook build",
        )
    return python


def _targets(workshop: Workshop, sources: Sequence[str]) -> tuple[Target, ...]:
    """Return what there is now of the packages that some image holds."""
    if sources[0].startswith(PYTHON_SOURCE):
        return (find_python(workshop, sources),)
    wanted: dict[str, set[str]] = {}
    for source in sources:
        for _, component in held_of(workshop, source):
            wanted.setdefault(component.suite, set()).add(component.name)
    targets = []
    with workshop.archive.one_reading():
        for suite in sorted(wanted.keys() & SUITES.keys()):
            offer = workshop.archive.newest(suite_named(suite), wanted[suite], workshop.progress)
            targets.append(Target(suite=suite, indexes=offer.indexes, packages=offer.packages))
    return tuple(targets)
