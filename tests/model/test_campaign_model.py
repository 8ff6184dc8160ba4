"""Whoever builds, pauses or comes late in between: each image follows once, and none is lost."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from herds import MOMENT, built, moves_of, new_campaign, openssl, proof
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from herdbook.campaigns.conditions import Way
from herdbook.campaigns.model import MOVES, OPEN, Campaign, CampaignState, Failure
from herdbook.campaigns.ports import Move
from herdbook.catalogue.model import Cause, NewVersion, Variant, Version
from herdbook.core.digests import Digest
from herdbook.core.errors import ConflictError
from herdbook.store.campaigns import SqlCampaigns
from herdbook.store.database import open_database
from herdbook.store.herd import SqlHerd
from herdbook.store.versions import SqlVersions

RUNNING = CampaignState.RUNNING
IMAGES = ["a", "b", "c", "d", "e", "f"]
CAUSES = ["openssl", "zlib"]
images = some.sampled_from(IMAGES)
causes = some.sampled_from(CAUSES)
states = some.sampled_from(list(CampaignState))
limits = some.integers(0, 4)


@dataclass(frozen=True)
class Kind:
    """What tells classes apart."""

    group: int
    release: int
    kinds: tuple[Variant, ...]
    opaque: bool
    allowed: bool

    @property
    def may_rebase(self) -> bool:
        return self.release == 1 and self.allowed and not self.opaque


kinds = some.builds(
    Kind,
    group=some.integers(0, 1),
    release=some.integers(1, 2),
    kinds=some.sampled_from([(Variant.CONTAINER,), (Variant.CONTAINER, Variant.VM)]),
    opaque=some.booleans(),
    allowed=some.booleans(),
)


class CampaignMachine(RuleBasedStateMachine):
    """A register on a disk, opened again at any moment, beside plain dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.open_register()
        self.known: dict[str, list[Version]] = {image: [] for image in IMAGES}
        self.newest: dict[str, Kind] = {}
        self.state: dict[int, CampaignState] = {}
        self.about: dict[int, str] = {}
        self.made: dict[int, dict[tuple[str, int], int]] = {}
        self.failed: dict[int, dict[str, int]] = {}
        self.stale: list[Move] = []

    def open_register(self) -> None:
        self.engine = open_database(f"sqlite:///{self.directory}/herdbook.db")
        self.versions = SqlVersions(self.engine)
        self.herd = SqlHerd(self.engine)
        self.campaigns = SqlCampaigns(self.engine)

    def teardown(self) -> None:
        self.engine.dispose()
        shutil.rmtree(self.directory)

    @initialize(given=some.lists(kinds, min_size=len(IMAGES), max_size=len(IMAGES)))
    def begin(self, given: list[Kind]) -> None:
        for image, kind in zip(IMAGES, given, strict=True):
            self.build(image, kind)
        self.open_campaign("openssl")

    @rule()
    def open_again(self) -> None:
        self.engine.dispose()
        self.open_register()

    @rule(image=images, kind=kinds)
    def build(self, image: str, kind: Kind) -> None:
        """Somebody builds an image: from the patched lock, or from one of before."""
        new = _new(image, kind)
        added = self.versions.add(new)
        known = self.known[image]
        if self.newest.get(image) == kind:  # it is what there is already
            assert added == known[-1]
            return
        self._grew(image, new, kind)

    def _grew(self, image: str, new: NewVersion, kind: Kind) -> None:
        """The register says that an image has one version more, and which."""
        found = self.versions.find(image)
        assert found is not None
        assert found.number == len(self.known[image]) + 1
        assert (found.digest, found.build_key) == (new.digest, new.build_key)
        assert (found.variants, found.lock) == (new.variants, new.lock)
        assert (found.wishes, found.home) == (new.wishes, new.home)
        self.known[image].append(found)
        self.newest[image] = kind

    @rule(source=causes)
    def open_campaign(self, source: str) -> None:
        found, joined = self.campaigns.open(new_campaign(source))
        open_ones = [number for number in self.state if self._is_open(number, source)]
        if open_ones:
            assert (found.number, joined) == (min(open_ones), True)
            return
        assert not joined
        assert found.number == len(self.state) + 1
        self.state[found.number] = RUNNING
        self.about[found.number] = source
        self.made[found.number], self.failed[found.number] = {}, {}

    def _is_open(self, number: int, source: str) -> bool:
        return self.about[number] == source and self.state[number] in OPEN

    @rule(which=some.integers(0, 9), state=states)
    def move(self, which: int, state: CampaignState) -> None:
        """It is paused, resumed, done or aborted, where it may be."""
        number = 1 + which % len(self.state)
        before = self.state[number]
        if state is not before and state not in MOVES[before]:
            with pytest.raises(ConflictError):
                self.campaigns.move(number, state, MOMENT)
            return
        assert self.campaigns.move(number, state, MOMENT).state is state
        self.state[number] = state
        if state is RUNNING and before is not RUNNING:
            self.campaigns.forgive(number)
            self.failed[number] = {}

    def _running(self) -> Campaign | None:
        number = next((each for each, state in self.state.items() if state is RUNNING), None)
        return self.campaigns.find(number) if number is not None else None

    @precondition(lambda self: RUNNING in self.state.values())
    @rule(limit=limits, first=some.sets(images))
    def rebase(self, limit: int, first: set[str]) -> None:
        self._rebase(moves_of(self.herd), limit, first)

    @rule()
    def judge(self) -> None:
        """What a campaign's process finds now, and comes back to when others have built."""
        self.stale = moves_of(self.herd)

    @precondition(lambda self: RUNNING in self.state.values())
    @rule(limit=limits, first=some.sets(images))
    def rebase_as_judged_before(self, limit: int, first: set[str]) -> None:
        self._rebase(self.stale, limit, first)

    def _rebase(self, moves: Sequence[Move], limit: int, first: set[str]) -> None:
        campaign = self._running()
        assert campaign is not None
        before = {name: len(known) for name, known in self.known.items()}
        members = [{each.image for each in self.herd.members(move.of)} for move in moves]
        there = set[str]().union(*members)
        count = self.herd.rebase(campaign.number, moves, now=MOMENT, limit=limit, first=first)
        assert count == min(limit, len(there))
        moved = {each.name for each in self.versions.images() if each.versions > before[each.name]}
        assert len(moved) == count
        assert moved <= there
        for those in members:  # where one that comes first had to wait, no other has moved
            assert moved & those <= first or those & first <= moved
        for name in moved:
            kind = self.newest[name]
            assert kind.may_rebase
            after = replace(kind, release=2)
            self._grew(name, _new(name, after), after)
            self.made[campaign.number][name, before[name] + 1] = before[name]

    @precondition(lambda self: RUNNING in self.state.values())
    @rule(image=images, works=some.booleans())
    def rebuild(self, image: str, *, works: bool) -> None:
        """A campaign builds an image that cannot be rebased, which may fail."""
        campaign, kind = self._running(), self.newest[image]
        assert campaign is not None
        if kind.release != 1 or kind.may_rebase or image in self.failed[campaign.number]:
            return
        number = len(self.known[image])
        if not works:
            self.campaigns.fail(campaign.number, [Failure(image, number, "no space")])
            self.failed[campaign.number][image] = number
            return
        kept = self.campaigns.keep_proof(campaign.number, proof("steps", Way.REBUILD))
        after = replace(kind, release=2)
        new = _new(image, after)
        self.versions.add(replace(new, cause=Cause(campaign.number, kept, number)))
        self._grew(image, new, after)
        self.made[campaign.number][image, number + 1] = number

    @invariant()
    def campaigns_are_where_they_were_brought(self) -> None:
        found = {each.number: each for each in self.campaigns.every()}
        assert {number: each.state for number, each in found.items()} == self.state
        for each in found.values():
            assert (each.ended_at is None) is (each.state in OPEN)

    @invariant()
    def no_version_is_lost_and_no_number_is_given_twice(self) -> None:
        every = self.versions.every()
        assert every == [each for image in IMAGES for each in self.known[image]]

    @rule(image=images)
    def read_documents(self, image: str) -> None:
        for each in self.known[image]:
            names: list[Digest] = [each.digest]
            names += [name for one in each.variants for name in (one.manifest, one.config)]
            for name in names:
                assert self.versions.document(name).digest == name

    @invariant()
    def no_image_has_two_versions_of_one_campaign_but_for_its_authors_one_between(self) -> None:
        for number, made in self.made.items():
            followers = self.campaigns.followers(number)
            told = {(each.image, each.number): each.before for each in followers}
            assert told == made
            assert len(followers) == len(told)
            assert not {(image, before) for (image, _), before in told.items()} & told.keys()
            assert sum(self.campaigns.count(number).values()) == len(told)

    @invariant()
    def every_image_has_followed_or_failed_or_is_still_to_be_found(self) -> None:
        """What is in a class that holds the old layer is what holds it, and nothing else."""
        held = {
            member.image: (of, member)
            for of in self.herd.classes([openssl(1).digest])
            for member in self.herd.members(of)
        }
        assert held.keys() == {name for name, kind in self.newest.items() if kind.release == 1}
        for name, (of, member) in held.items():
            kind = self.newest[name]
            assert (of.opaque, of.allowed) == (kind.opaque, kind.allowed)
            assert tuple(of.layers) == kind.kinds
            assert of.key == self.herd.key(name)
            assert (member.number, member.wishes) == (
                *(len(self.known[name]), self.known[name][-1].wishes),
            )
        for number, failed in self.failed.items():
            told = {each.image: each.number for each in self.campaigns.failures(number)}
            assert told == failed


def _new(image: str, kind: Kind) -> NewVersion:
    how = {"opaque": kind.opaque, "allowed": kind.allowed}
    return built(image, kind.group, kind.release, variants=kind.kinds, **how)


TestCampaigns = CampaignMachine.TestCase
TestCampaigns.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
