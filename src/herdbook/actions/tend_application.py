"""Tends one application: looks at it, plans, writes down what is meant, and has it done."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from herdbook.actions.carry_out import Hands
from herdbook.actions.find_exposures import why_exposed
from herdbook.actions.heed_revocations import refused_releases, replace_revoked, why_replaced
from herdbook.actions.keep_safe import snapshot_before
from herdbook.actions.look_at_instances import Eyes
from herdbook.actions.note import note
from herdbook.actions.place_instances import open_doors, place, serve_names
from herdbook.actions.settle_operations import Settled, settle
from herdbook.actions.tell import tell
from herdbook.actions.watch_traffic import TrafficWatch
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import HerdbookError
from herdbook.fleet.applications import Component, Release
from herdbook.fleet.balancing import Traffic
from herdbook.fleet.instances import Seen
from herdbook.fleet.probes import Answer, ProbeTarget
from herdbook.fleet.records import Instance, Life, Role
from herdbook.rollouts.judging import Share
from herdbook.rollouts.model import Rollout, RolloutState, in_force, under_way
from herdbook.rollouts.plan import plan
from herdbook.rollouts.ports import Application, Changes, Happening
from herdbook.rollouts.situation import Situation, SlotHistory

_FORGIVEN_AFTER = timedelta(seconds=60)
"""Once an instance has served for so long, what failed in its slot before is forgotten."""


class Tending:
    """An application in the hands of the one process that tends it.

    Records and histories are read once: nobody else writes them. What a person may change, which
    release stands and where the rollout is, is read anew by `refresh`. `restless` says that it is
    worth to take a turn.
    """

    def __init__(self, workshop: Workshop, application: Application, pool: Executor) -> None:
        name = application.name
        self.workshop = workshop
        self.application = application
        self.rollout = workshop.fleet.newest(name)
        self.records = {
            each.name: self._given_time(each) for each in workshop.fleet.instances(name)
        }
        self.histories: dict[tuple[str, int], SlotHistory] = dict(workshop.fleet.histories(name))
        self.releases: dict[int, Release] = {}
        starting = {each.name for each in self.records.values() if each.role is Role.STARTING}
        self.eyes = Eyes(workshop.clock, cut_off=starting)
        self.hands = Hands(workshop, pool)
        self.traffic = TrafficWatch()
        self.restless = True
        self._placed = False
        self._swept = False
        self._refused: Mapping[int, str] = {}
        self._barred: Mapping[int, str] = {}
        self.reconsider()
        if not self.is_over:
            self._lay_networks()

    def refresh(self) -> None:
        """Read what a person may have changed."""
        found = self.workshop.fleet.find(self.application.name)
        rollout = self.workshop.fleet.newest(self.application.name)
        if found is None or (found, rollout) == (self.application, self.rollout):
            return
        before = self.application, self.rollout
        self.application, self.rollout = found, rollout
        self.restless, self._placed = True, False
        try:
            if before[0].networks != found.networks:
                self._lay_networks()
            self.reconsider()
        except HerdbookError:  # seen as changed, all of that is done the next time
            self.application, self.rollout = before
            raise

    def reconsider(self) -> None:
        """Find out what must not be started, nor run on: somebody may have revoked a version.

        What runs and must not is replaced by the newest release that may take its place.
        """
        asked = (self.workshop, self.application, self.rollout, self._release)
        refused, barred = refused_releases(*asked)
        for number in refused.keys() - self._refused.keys():
            words = f"release {number} is not started any more: {refused[number]}"
            tell(self.workshop, self.application.name, words)
        self.restless |= (refused, barred) != (self._refused, self._barred)
        self._refused, self._barred = refused, barred
        if why := why_replaced(*asked):
            rollout = replace_revoked(self.workshop, self.application)
            goal = (
                f"release {rollout.after} takes its place" if rollout else "nothing can replace it"
            )
            tell(self.workshop, self.application.name, f"what runs must not: {why}; {goal}")
            self.rollout = rollout or self.rollout

    @property
    def release(self) -> Release | None:
        """The release whose doors and names hold now."""
        rollout = self._under_way
        return self._release(rollout.goal if rollout else self.application.standing)

    @property
    def _under_way(self) -> Rollout | None:
        return under_way(self.rollout)

    @property
    def is_over(self) -> bool:
        """Whether nothing is wanted, and nothing is left."""
        return not (self.application.standing or self._under_way or self.records)

    def take_in(self, seen: Mapping[str, Seen]) -> None:
        """Take note of what the engines see of this application's instances."""
        self.restless |= self.eyes.take_in(seen)
        self._sweep()

    def _sweep(self) -> None:
        """Remove what is left of jobs that are done: who was to do it may have been killed."""
        done = [each for each in self.records.values() if each.role is Role.DONE]
        left = set(self.eyes.seen)
        if done and not self._swept:
            left |= self.workshop.switch.plugged()
        self._swept = True
        for record in done:
            if record.name in left:
                self.hands.stop(record, self.component(record), failed=False)
                self.restless = True

    def hear(self, answer: Answer) -> None:
        """Take note of an instance's answer to a probe."""
        record = self.records.get(answer.instance)
        component = self.component(record) if record else None
        if record and component and component.instance.probe:
            self.restless |= self.eyes.hear(record, component.instance.probe, answer)

    def targets(self) -> list[ProbeTarget]:
        """Return which instances are to be asked how they are."""
        return self.eyes.targets(
            (record, self.component(record)) for record in self.records.values()
        )

    def turn(self) -> list[str]:
        """Look once, and have done what is to be done; return what was done, in words."""
        now = self.workshop.clock.now()
        told = list(self._finish())
        situation = self.situation()
        planned = plan(situation, now)
        settled = settle(self.application, situation, planned.operations, self.records, now)
        settled.happenings[:0] = told
        self._forgive(settled, now)
        moved = self._write(settled, planned.rollout)
        self.workshop.duty.require()
        if settled.changed or not self._placed:
            self._place()
        self._act(settled, situation)
        self.restless = moved or planned.restless or bool(self.hands.busy)
        return [each.words for each in settled.happenings]

    def take_away(self) -> None:
        """Remove what is left of an application that is over: doors, names and networks."""
        self.workshop.duty.require()
        name = self.application.name
        self.workshop.balancer.close(name)
        self.workshop.names.end(name)
        for each in self.application.networks.values():
            self.workshop.switch.take_up(each.name)

    def anew(self) -> None:
        """Set doors and names once more: somebody who came late may have changed them."""
        self._placed, self.restless = False, True

    def keep_open(self) -> None:
        """See to it that doors and names are still there: somebody may have ended them.

        Who stood behind them is known there, and comes back with them.
        """
        if self.release is not None:
            open_doors(self.workshop, self.application, self.release)
            records, known = self.records.values(), self._known_releases()
            serve_names(self.workshop, self.application, self.release, records, known)

    def _given_time(self, record: Instance) -> Instance:
        """Let what came up while nobody looked have its whole time from now on."""
        if record.role is not Role.STARTING:
            return record
        return replace(record, since=self.workshop.clock.now())

    def situation(self) -> Situation:
        """Return all that the next plan is made from."""
        rollout = self._under_way
        if rollout or any(each.role is Role.DRAINING for each in self.records.values()):
            counted: Mapping[str, Mapping[str, Traffic]] = {}
            with suppress(HerdbookError):  # no doors: nothing to count
                counted = self.workshop.balancer.traffic(self.application.name)
            self.traffic.look(counted, self.rollout)
        sights = [
            self.eyes.sight(
                record,
                self.component(record),
                sessions=self.traffic.sessions(record.name),
                busy=record.name in self.hands.busy,
            )
            for record in self.records.values()
        ]
        return Situation(
            application=self.application.name,
            releases=self._known_releases(),
            standing=self.application.standing,
            sights=sights,
            rollout=self.rollout,
            histories=self.histories,
            shares=self._shares(rollout) if rollout else {},
            refused=self._refused,
            barred=self._barred,
            booted_at=self.workshop.booted_at(),
            why_exposed=self._why_exposed,
        )

    def _why_exposed(self, number: int) -> str:
        release = self._release(number)
        return why_exposed(self.workshop, release) if release else ""

    def _shares(self, rollout: Rollout) -> Mapping[str, Share]:
        goal = self._release(rollout.after)
        revisions = {each.name: each.revision for each in goal.settings.components} if goal else {}
        before = frozenset(
            name for name, record in self.records.items() if record.made_at < rollout.began_at
        )
        return self.traffic.shares(self.records.values(), revisions, before)

    def _write(self, settled: Settled, rollout: Rollout | None) -> bool:
        """Write down what is meant; tell whether the rollout has moved."""
        before, standing = self.rollout, None
        moved = rollout != before
        if rollout and before and rollout.state is not before.state:
            words = f"rollout {rollout.number} is {rollout.state}: {rollout.reason}"
            settled.happenings.append(Happening(rollout.since, words))
            if rollout.state is RolloutState.COMPLETE:
                standing = rollout.after
            elif rollout.state is RolloutState.ROLLED_BACK:
                standing = rollout.before
        changes = Changes(
            instances=tuple(settled.changed.values()),
            histories=settled.histories,
            rollout=rollout if moved else None,
            rollout_before=before if moved else None,
            standing=standing,
            happenings=tuple(settled.happenings),
        )
        if changes != Changes():
            self.workshop.fleet.record(self.application.name, changes)
        self.records |= settled.changed
        self.histories |= settled.histories
        if moved:
            if rollout and before and rollout.state is not before.state:
                self._write_down(rollout)
            self.refresh()
        return moved

    def _write_down(self, meant: Rollout) -> None:
        """Have the audit say what a rollout came to, or that it waits for somebody.

        It has happened, if nobody had a say in it meanwhile: an audit that cannot be written keeps
        nothing from going on.
        """
        kept = self.workshop.fleet.rollouts(self.application.name)
        rollout = next((each for each in kept if each.number == meant.number), None)
        if rollout and rollout.state is meant.state and (rollout.over or rollout.waits):
            verb = f"rollout-{rollout.state.replace(' ', '-')}"
            with suppress(HerdbookError):
                note(
                    self.workshop,
                    verb,
                    self.application.name,
                    rollout=rollout.number,
                    release=rollout.goal,
                    reason=rollout.reason,
                )

    def _place(self) -> None:
        name, release = self.application.name, self.release or self._last_release()
        opened, self._placed = self._placed, False  # where it fails, the next turn tries again
        if release is None:
            self.workshop.balancer.close(name)
        else:
            records = list(self.records.values())
            if not opened:
                open_doors(self.workshop, self.application, release)
            known = self._known_releases()
            dead = [
                each.name
                for each in records
                if each.role is Role.ENDING and not self.eyes.lives(each.name)
            ]
            serve_names(self.workshop, self.application, release, records, known)
            place(self.workshop, self.application, release, records, known, dead)
        self._placed = True

    def _last_release(self) -> Release | None:
        """Return the release whose doors stay open until all behind them have ended their work."""
        behind = {Role.SERVING, Role.DRAINING}
        numbers = [each.release for each in self.records.values() if each.role in behind]
        return self._release(max(numbers)) if numbers else None

    def _act(self, settled: Settled, situation: Situation) -> None:
        lives = {sight.name: sight.life for sight in situation.sights}
        for record in settled.start:
            if component := self.component(record):
                before = self.rollout.before if self.rollout else 0
                known = situation.component(before, record.component)
                snapshot = snapshot_before(self.rollout, known, record)
                anew = record.name in self.eyes.cut_off
                networks = self.application.networks
                self.hands.start(record, component, networks, snapshot, anew=anew)
        for record in settled.stop:
            failed = lives.get(record.name) is Life.FAILED
            self.hands.stop(record, self.component(record), failed=failed)

    def _finish(self) -> Iterator[Happening]:
        """Take note of starts and stops that are over."""
        now = self.workshop.clock.now()
        for outcome in self.hands.finished():
            record = outcome.record
            if outcome.error is not None:
                words = f"failed: {outcome.error.message}"
                yield Happening(now, words, record.component, record.name)
                self._swept = self._swept and outcome.starts
            self.eyes.cut_off.discard(record.name)
            if outcome.starts and outcome.error is not None:
                self.eyes.refused[record.name] = outcome.error.message
            elif outcome.starts:
                self.eyes.awaited.add(record.name)
            elif outcome.error is None:
                self._gone(record)
                if outcome.last_lines:
                    lines = "\n".join(outcome.last_lines)
                    words = f"its last lines:\n{lines}"
                    yield Happening(now, words, record.component, record.name)

    def _gone(self, record: Instance) -> None:
        self.eyes.forget(record.name)
        self.traffic.forget(record.name)
        known = self.records.get(record.name)
        if known is not None and known.role is not Role.DONE:
            self.workshop.fleet.record(self.application.name, Changes(removed=(known,)))
            del self.records[record.name]  # not before: what is kept of it would be forgotten
            self._placed = False  # it may still stand at the doors as one that is dead

    def _forgive(self, settled: Settled, now: datetime) -> None:
        """Forget the failures of slots that have served for a while."""
        failed = {
            place_
            for place_, history in self.histories.items()
            if history.failures and place_ not in settled.histories
        }
        for record in self.records.values() if failed else ():
            place_ = (record.component, record.slot)
            served_at = record.served_at if record.role is Role.SERVING else None
            if place_ in failed and served_at and now >= served_at + _FORGIVEN_AFTER:
                known = self.histories[place_]
                settled.histories[place_] = replace(known, failures=0, failed_at=None)

    def component(self, record: Instance) -> Component | None:
        """Return what an instance is one of; None where its release is gone."""
        release = self._release(record.release)
        return release.settings.by_name.get(record.component) if release else None

    def _known_releases(self) -> Mapping[int, Release]:
        numbers = {each.release for each in self.records.values()}
        numbers |= in_force(self.application.standing, self.rollout)
        found = {number: self._release(number) for number in numbers}
        return {number: each for number, each in found.items() if each is not None}

    def _release(self, number: int) -> Release | None:
        if number and number not in self.releases:
            found = self.workshop.fleet.release(self.application.name, number)
            if found is None:
                return None
            self.releases[number] = found
        return self.releases.get(number)

    def _lay_networks(self) -> None:
        for each in self.application.networks.values():
            self.workshop.switch.lay(each)
