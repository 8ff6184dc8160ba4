"""Whatever is done in whatever order: channels mean nothing revoked, and the audit tells it all."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fleet_workshop import fleet_workshop
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from versions import new_version

from herdbook.actions.hold_channel import hold, release_hold
from herdbook.actions.list_channels import list_channels
from herdbook.actions.name_version import present, version_meant
from herdbook.actions.promote import promote
from herdbook.actions.revoke import plan_revocation, reinstate, revoke
from herdbook.actions.verify_audit import verify_audit
from herdbook.audit.chain import Entry, Head
from herdbook.channels.model import Assignment, Level, Made
from herdbook.channels.rules import ChannelRule, ChannelRules
from herdbook.core.errors import GateError, HerdbookError, NotFoundError, RevokedError

PARENTS: dict[Made, Made | None] = {
    ("base", 1): None,
    ("base", 2): None,
    ("web", 1): ("base", 1),
    ("web", 2): ("base", 1),
    ("web", 3): ("base", 2),
    ("web", 4): None,
}
CHANNELS = ("dev", "production", "staging")
PLACES = [(image, channel) for image in ("base", "web") for channel in CHANNELS]
RULES = [
    [],
    [{"channel": "production", "images": "web", "from": ["staging"], "follow_back": ["dev"]}],
    [
        {"channel": "production", "hours": {"end": "12:00"}, "follow_back": ["staging", "dev"]},
        {"channel": "staging", "from": "dev", "follow_back": ["dev"]},
    ],
]
made = some.sampled_from(sorted(PARENTS))
channels = some.sampled_from(CHANNELS)
places = some.sampled_from(PLACES)
delays = some.dictionaries(some.sampled_from(list(Level)), some.integers(0, 3), min_size=1)

Bad = Mapping[Made, tuple[datetime | None, bool]]
"""What is revoked: from when on for releases, if for them at all, and whether it is inherited."""


class ChannelMachine(RuleBasedStateMachine):
    """The real actions on a real register, beside plain dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.workshop = fleet_workshop(self.folder / "state")
        for (image, number), parent in PARENTS.items():
            added = self.workshop.versions.add(
                replace(new_version(image, f"{number}"), parent=parent)
            )
            assert added.number == number
        self.histories: dict[tuple[str, str], list[int]] = {place: [] for place in PLACES}
        self.seen: dict[tuple[str, str], list[Assignment]] = {place: [] for place in PLACES}
        self.held: set[tuple[str, str]] = set()
        self.bad: dict[Made, tuple[datetime | None, bool]] = {}
        self.in_force = ChannelRules()
        self.records = 0
        self.head = Head()

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @property
    def now(self) -> datetime:
        return self.workshop.clock.now()

    def forbidden(self, version: Made, bad: Bad, now: datetime) -> bool:
        each: Made | None = version
        while each is not None:
            since, inherited = bad.get(each, (None, False))
            if since is not None and since <= now and (inherited or each == version):
                return True
            each = PARENTS[each]
        return False

    def meaning(
        self, image: str, channel: str, bad: Bad | None = None, now: datetime | None = None
    ) -> int | None:
        known, moment = self.bad if bad is None else bad, now or self.now
        for version in self.histories[image, channel][::-1]:
            if not self.forbidden((image, version), known, moment):
                return version
        return None

    @initialize(given=some.sampled_from(RULES))
    def set_rules(self, given: list[dict[str, object]]) -> None:
        self.in_force = ChannelRules.model_validate({"channels": given})
        entry = Entry(who="ann", verb="set-rules", subject="channels")
        self.workshop.channels.set_rules(self.in_force, entry, self.now)
        self.records += 1

    @rule(hours=some.integers(1, 30))
    def pass_time(self, hours: int) -> None:
        self.workshop.clock.sleep(hours * 3600)

    def _against(self, version: Made, channel: str, found: ChannelRule) -> Iterator[str]:
        image, number = version
        if self.forbidden(version, self.bad, self.now):
            yield "revoked"
        if (image, channel) in self.held:
            yield "is held"
        if found.from_ and not any(number in self.histories[image, each] for each in found.from_):
            yield "has never been in"
        if found.hours and self.now.hour >= 12:
            yield "is moved on"

    @rule(version=made, channel=channels)
    def promote(self, version: Made, channel: str) -> None:
        self._promote(f"{version[0]}:{version[1]}", version, channel)

    @rule(place=places, channel=channels)
    def promote_what_another_channel_means(self, place: tuple[str, str], channel: str) -> None:
        number, name = self.meaning(*place), "@".join(place)
        if number is None:
            with pytest.raises((NotFoundError, RevokedError)):
                promote(self.workshop, name, channel)
            return
        self._promote(name, (place[0], number), channel)

    def _promote(self, name: str, version: Made, channel: str) -> None:
        image, number = version
        before = self.meaning(image, channel)
        if before == number == self.histories[image, channel][-1]:
            assert not promote(self.workshop, name, channel).changed
            return
        found = self.in_force.of(image, channel)
        against = list(self._against(version, channel, found))
        if against:
            with pytest.raises(GateError) as caught:
                promote(self.workshop, name, channel)
            assert all(each in caught.value.message for each in against)
            return
        following = [
            each
            for each in found.follow_back
            if (image, each) not in self.held and self.meaning(image, each) != number
        ]
        promotion = promote(self.workshop, name, channel)
        assert promotion.changed
        assert (promotion.before.version if promotion.before else None) == before
        assert [each.channel for each in promotion.followed] == following
        for each in (channel, *following):
            self.histories[image, each].append(number)
        self.records += 1

    @rule(place=places)
    def hold(self, place: tuple[str, str]) -> None:
        if self.meaning(*place) is None:
            with pytest.raises((NotFoundError, RevokedError)):
                hold(self.workshop, "@".join(place), "why not")
            return
        hold(self.workshop, "@".join(place), "why not")
        self.held.add(place)
        self.records += 1
        self._try_all(place)

    @rule(place=places)
    def release(self, place: tuple[str, str]) -> None:
        if place not in self.held:
            with pytest.raises(NotFoundError):
                release_hold(self.workshop, "@".join(place))
            return
        release_hold(self.workshop, "@".join(place))
        self.held.remove(place)
        self.records += 1

    @rule(version=made, delays=delays, channel=channels, inherited=some.booleans())
    def revoke_and_try(
        self, version: Made, delays: dict[Level, int], channel: str, *, inherited: bool
    ) -> None:
        self._revoke(version, delays, inherited=inherited)
        self._try_all((version[0], channel))

    def _revoke(self, version: Made, delays: dict[Level, int], *, inherited: bool) -> None:
        since = {level: self.now + timedelta(hours=hours) for level, hours in delays.items()}
        name = f"{version[0]}:{version[1]}"
        reach = plan_revocation(self.workshop, name, "bad", since, inherited=inherited)
        children = {each for each, parent in PARENTS.items() if parent == version and inherited}
        assert set(reach.reached) == {version, *children}
        # What is revoked already stays so: of two dates, the earlier one holds.
        dates = (since.get(Level.RELEASES), self.bad.get(version, (None, False))[0])
        first = min(filter(None, dates), default=None)
        after = {**self.bad, version: (first, inherited)}
        told = {
            (each.before.image, each.before.channel): each.after.version if each.after else None
            for each in reach.falls
        }
        images = {image for image, _ in reach.reached}
        assert told == self._falls(images, after, first and max(first, self.now))
        revoke(self.workshop, reach)
        self.bad = after
        self.records += 1

    def _try_all(self, place: tuple[str, str]) -> None:
        """Whatever is promoted there now, is where it may be, and nowhere else."""
        for image, number in PARENTS:
            if image == place[0]:
                self._promote(f"{image}:{number}", (image, number), place[1])

    def _falls(
        self, images: set[str], after: Bad, now: datetime | None
    ) -> dict[tuple[str, str], int | None]:
        found: dict[tuple[str, str], int | None] = {}
        for place in PLACES if now else ():
            had, gets = self.meaning(*place, now=now), self.meaning(*place, after, now)
            if place[0] in images and had not in (None, gets):
                found[place] = gets
        return found

    @rule(version=made)
    def reinstate(self, version: Made) -> None:
        name = f"{version[0]}:{version[1]}"
        if version not in self.bad:
            with pytest.raises(NotFoundError):
                reinstate(self.workshop, name)
            return
        assert reinstate(self.workshop, name) == name
        del self.bad[version]
        self.records += 1

    @rule(version=made)
    def revoke_and_reinstate(self, version: Made) -> None:
        """Where nothing else happened in between, all channels mean what they meant before."""
        if version in self.bad:
            return
        before = {place: self._present(*place) for place in PLACES}
        self._revoke(version, {Level.RELEASES: 0}, inherited=True)
        self.channels_mean_nothing_that_is_revoked()
        self.reinstate(version)
        assert {place: self._present(*place) for place in PLACES} == before

    def _present(self, image: str, channel: str) -> int | None:
        found = present(self.workshop, image, channel)
        return found.version if found else None

    @invariant()
    def channels_mean_nothing_that_is_revoked(self) -> None:
        for image, channel in PLACES:
            number = self._present(image, channel)
            assert number == self.meaning(image, channel)
            if number is not None:
                assert not self.forbidden((image, number), self.bad, self.now)
                assert version_meant(self.workshop, f"{image}@{channel}").number == number
            else:
                with pytest.raises(HerdbookError):
                    version_meant(self.workshop, f"{image}@{channel}")

    @invariant()
    def listed_channels_mean_what_they_mean_when_asked(self) -> None:
        for each in list_channels(self.workshop):
            number = each.now.version if each.now else None
            place = (each.newest.image, each.newest.channel)
            assert number == self.meaning(*place)
            assert bool(each.revoked) is (number != self.histories[place][-1])
            assert (each.hold is not None) is (place in self.held)

    @invariant()
    def histories_only_grow_and_what_is_held_has_not_moved(self) -> None:
        for place, known in self.histories.items():
            history = self.workshop.channels.history(*place)[::-1]
            assert [each.version for each in history] == known
            assert [each.number for each in history] == list(range(1, len(known) + 1))
            seen = self.seen[place]
            assert history[: len(seen)] == seen
            self.seen[place] = history

    @invariant()
    def the_audit_has_one_record_for_each_change_and_goes_on_from_before(self) -> None:
        self.head = verify_audit(self.workshop, self.head)
        assert self.head.number == self.records == len(list(self.workshop.audit.records()))


TestChannels = ChannelMachine.TestCase
TestChannels.settings = settings(max_examples=12, stateful_step_count=12, deadline=None)
