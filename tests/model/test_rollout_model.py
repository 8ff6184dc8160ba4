"""Whatever is released, fails and is cut off: no rollout harms what serves, and every one ends.

One simulated application (tests/support/simulated.py) against what must hold after every operation
of the planner. The names of the components say what they are, in all releases.
"""

from dataclasses import dataclass, replace

from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from simulated import QUICK, Conduct, Simulation, component

from herdbook.compose.deployment import Order
from herdbook.compose.wishes import Strategy
from herdbook.core.digests import Digest
from herdbook.fleet.applications import Canary, Component, FailureAction
from herdbook.fleet.records import Instance, Role
from herdbook.rollouts.judging import Counts, Share
from herdbook.rollouts.model import MOVES, OVER, WAITING, RolloutState
from herdbook.rollouts.operations import Drain, End, Operation, Start

STEP_SECONDS = 0.5
LONG_SECONDS = 3000.0
BAD = Share(Counts(100, 60, 5.0), Counts(100, 0, 5.0))
GOOD_CONDUCT = Conduct(stop_seconds=0.7)

conducts = some.sampled_from(
    [
        GOOD_CONDUCT,
        GOOD_CONDUCT,
        GOOD_CONDUCT,
        Conduct(boot_seconds=3.0, session_seconds=1.0, start_seconds=0.7, stop_seconds=1.2),
        Conduct(boots=False),
        Conduct(unwell_after=1.0),
        Conduct(dies_after=1.0),
        Conduct(dies_after=20.0),
    ]
)


@dataclass(frozen=True)
class Nature:
    """What a component is in all releases."""

    name: str
    pet: bool
    job: bool
    order: Order
    heal: bool
    reversible: bool
    parallelism: int
    strategy: Strategy
    hold: bool
    action: FailureAction
    ratio: float
    least: int
    below: tuple[str, ...]


def natures(number: int) -> some.SearchStrategy[Nature]:
    return some.builds(
        Nature,
        name=some.just("abcd"[number]),
        pet=some.booleans() if number else some.just(False),
        job=some.sampled_from([False, False, True]) if number else some.just(False),
        order=some.sampled_from(Order),
        heal=some.sampled_from([True, True, False]),
        reversible=some.sampled_from([True, True, True, False]),
        parallelism=some.integers(0, 2),
        strategy=some.sampled_from(Strategy),
        hold=some.booleans(),
        action=some.sampled_from(FailureAction),
        ratio=some.sampled_from([0.0, 0.0, 0.5]),
        least=some.integers(0, 3),
        below=some.lists(some.sampled_from("abcd"[:number]), unique=True).map(tuple)
        if number
        else some.just(()),
    )


herds = some.integers(1, 4).flatmap(lambda many: some.tuples(*map(natures, range(many))))


class RolloutMachine(RuleBasedStateMachine):
    """An application whose releases, faults and persons are random."""

    usual = conducts

    @initialize(herd=herds, data=some.data())
    def first_release(self, herd: tuple[Nature, ...], data: some.DataObject) -> None:
        self.simulation = Simulation()
        self.simulation.watch = self.before_operation
        self.herd = herd
        self.versions = dict.fromkeys("abcd", 1)
        self.replicas: dict[str, int] = {}
        if data.draw(some.integers(0, 3), "first well"):
            self.usual = some.just(GOOD_CONDUCT)
        self.settle_on(data)
        self.usual = conducts
        if data.draw(some.integers(0, 3), "first stands"):
            self.until_it_rests()

    def settle_on(self, data: some.DataObject) -> None:
        """Release whatever comes up."""
        left = [each for each in self.herd if data.draw(some.integers(0, 9), "kept")]
        names = {each.name for each in left}
        self.simulation.up(*[self.part(each, names, data) for each in left])

    def part(self, nature: Nature, names: set[str], data: some.DataObject) -> Component:
        if data.draw(some.booleans(), "changed"):
            self.versions[nature.name] += 1
        if nature.name not in self.replicas or not data.draw(some.integers(0, 4), "same"):
            self.replicas[nature.name] = data.draw(some.sampled_from([3, 2, 1, 0]), "replicas")
        replicas = 1 if nature.job else self.replicas[nature.name]
        policy = QUICK.model_copy(
            update={
                "parallelism": nature.parallelism,
                "order": nature.order,
                "failure_action": nature.action,
                "max_failure_ratio": nature.ratio,
                "strategy": nature.strategy,
                "canary": Canary(analysis_seconds=4.0, hold=nature.hold),
                "delay_seconds": float(nature.parallelism),
            }
        )
        made = component(
            nature.name,
            self.versions[nature.name],
            replicas=replicas,
            update=policy,
            pet=nature.pet and not nature.job,
            job=nature.job,
            heal=nature.heal,
            reversible=nature.reversible,
            min_available=min(nature.least, replicas),
            depends_on={each: "service_started" for each in nature.below if each in names},
        )
        if made.revision not in self.simulation.conducts:
            self.simulation.behave(made, data.draw(self.usual, "conduct"))
        return made

    # What people do.

    @rule(data=some.data())
    def release(self, data: some.DataObject) -> None:
        self.settle_on(data)

    @rule(data=some.data())
    def go_back(self, data: some.DataObject) -> None:
        number = data.draw(some.sampled_from(sorted(self.simulation.releases)))
        self.simulation.roll_out(number, reverts=True)

    @precondition(lambda self: self.simulation.state in WAITING)
    @rule()
    def resume(self) -> None:
        self.simulation.resume()

    @precondition(lambda self: RolloutState.ROLLING_BACK in MOVES[self.simulation.state])
    @rule()
    def abort(self) -> None:
        rollout = self.simulation.rollout
        if rollout and rollout.before and not rollout.reverts:
            self.simulation.abort()

    @rule(data=some.data())
    def refuse(self, data: some.DataObject) -> None:
        number = data.draw(some.sampled_from(sorted(self.simulation.releases)))
        self.simulation.refused = {} if self.simulation.refused else {number: "it is revoked"}

    # What befalls them.

    @precondition(lambda self: self.simulation.records)
    @rule(data=some.data(), hang=some.booleans())
    def befall(self, data: some.DataObject, *, hang: bool) -> None:
        name = data.draw(some.sampled_from(sorted(self.simulation.records)))
        if hang:
            self.simulation.hang(name, hung=not self.simulation.bodies[name].hung)
        else:
            self.simulation.kill(name)

    @rule(operations=some.integers(1, 4))
    def crash(self, operations: int) -> None:
        self.simulation.cut_off = operations
        self.simulation.step(STEP_SECONDS)

    @rule(name=some.sampled_from("abcd"))
    def serve_badly(self, name: str) -> None:
        self.simulation.shares = {} if self.simulation.shares else {name: BAD}

    @rule(looks=some.integers(1, 12))
    def look(self, looks: int) -> None:
        self.looks(looks)

    @rule(looks=some.integers(1, 40))
    def look_longer(self, looks: int) -> None:
        self.looks(looks)

    def looks(self, looks: int) -> None:
        for _ in range(looks):
            self.look_once(STEP_SECONDS)

    @rule()
    def rest(self) -> None:
        for _ in range(120):
            if self.simulation.state in OVER | WAITING:
                return
            self.look_once(STEP_SECONDS)

    def look_once(self, seconds: float) -> None:
        simulation = self.simulation
        before = simulation.rollout
        well = {each.name: self.slots_served(each.name) for each in self.herd}
        planned = simulation.look()
        after = simulation.rollout
        if before and after and after.state is RolloutState.ROLLING_BACK is not before.state:
            assert not before.reverts
            assert before.before
        for nature in self.herd:
            now = self.slots_served(nature.name)
            assert now >= min(well[nature.name], self.floor(nature.name)), (
                f"{nature.name}: {now} of {well[nature.name]}: {planned.operations}"
            )
        simulation.pass_time(seconds)

    # What must hold.

    def parts(self, name: str) -> list[Component | None]:
        """Return a component as the releases have it that matter now."""
        simulation = self.simulation
        rollout = simulation.rollout
        numbers = {simulation.standing}
        if rollout is not None and not rollout.over:
            numbers = {rollout.before, rollout.after}
        found = [simulation.releases.get(each) for each in numbers]
        return [each.settings.by_name.get(name) if each else None for each in found]

    def slots_served(self, name: str) -> int:
        found = self.simulation.named(name, Role.SERVING)
        return len({each.slot for each in found if self.simulation.sight(each).serves})

    def floor(self, name: str) -> int:
        """Return how few instances may be left by Herdbook's own doing."""
        return min(
            max(min(each.min_available, each.replicas - 1), 0) if each else 0
            for each in self.parts(name)
        )

    def before_operation(self, operation: Operation) -> None:
        if isinstance(operation, Start):
            assert operation.release not in self.simulation.refused
        elif isinstance(operation, Drain | End):
            self.before_loss(operation, self.simulation.records[operation.instance])

    def before_loss(self, operation: Drain | End, record: Instance) -> None:
        """Nothing well is taken from a slot that is wanted before another one serves there."""
        nature = next(each for each in self.herd if each.name == record.component)
        sight = self.simulation.sight(record)
        beside = [
            self.simulation.sight(each)
            for each in self.simulation.named(record.component)
            if each.slot == record.slot and each.name != record.name
        ]
        parts = self.parts(record.component)
        wanted = all(each and record.slot < each.replicas for each in parts)
        first = nature.order is Order.START_FIRST and not nature.pet and not nature.job
        if isinstance(operation, Drain):
            if sight.serves and wanted and first:
                assert any(each.serves for each in beside), operation
            return
        assert record.role is not Role.SERVING or not sight.well, operation
        rollout = self.simulation.rollout
        if not first or rollout is None or rollout.over or rollout.short:
            return
        if sight.well and record.role is Role.WARM and self.is_of_before(record):
            assert any(each.record.revision == record.revision for each in beside), operation

    def is_of_before(self, record: Instance) -> bool:
        rollout = self.simulation.rollout
        release = self.simulation.releases.get(rollout.before) if rollout else None
        found = release.settings.by_name.get(record.component) if release else None
        return found is not None and found.revision == record.revision

    @invariant()
    def a_pet_is_never_two(self) -> None:
        if not hasattr(self, "simulation"):
            return
        for nature in self.herd:
            if not (nature.pet or nature.job):
                continue
            running = [
                each.slot
                for each in self.simulation.named(nature.name)
                if self.simulation.runs(each)
            ]
            assert len(running) == len(set(running)), self.simulation.describe()

    def teardown(self) -> None:
        """Once faults stop, every rollout ends or waits, and then nothing is done any more."""
        if not hasattr(self, "simulation"):
            return
        simulation = self.simulation
        simulation.cut_off = 0
        simulation.shares = {}
        self.until_it_rests()
        for body in simulation.bodies.values():
            body.hung = False
            body.conduct = replace(GOOD_CONDUCT)
        simulation.conducts = {}
        simulation.refused = {}
        for _ in range(40):
            self.until_it_rests()
            if simulation.state in OVER:
                break
            assert simulation.rollout
            assert simulation.rollout.reason
            simulation.resume()
        assert simulation.state in OVER
        self.calm_down()
        self.check_settled()

    def until_it_rests(self) -> None:
        simulation = self.simulation
        began = simulation.now
        while simulation.state not in OVER | WAITING:
            passed = (simulation.now - began).total_seconds()
            assert passed < LONG_SECONDS, f"it never ends: {simulation.describe()}"
            self.look_once(STEP_SECONDS)
            self.a_pet_is_never_two()

    def calm_down(self) -> None:
        simulation = self.simulation
        began = simulation.now
        while simulation.situation_plan().restless:
            passed = (simulation.now - began).total_seconds()
            assert passed < LONG_SECONDS, f"it never rests: {simulation.describe()}"
            self.look_once(STEP_SECONDS)
            self.a_pet_is_never_two()

    def check_settled(self) -> None:
        simulation = self.simulation
        assert not simulation.situation_plan().operations
        release = simulation.releases.get(simulation.standing)
        wanted: dict[tuple[str, int], Digest] = {}
        unsure: set[tuple[str, int]] = set()
        for each in release.settings.components if release else ():
            wanted |= {(each.name, slot): each.revision for slot in range(each.replicas)}
            if not each.heal:
                unsure |= {(each.name, slot) for slot in range(each.replicas)}
        found = {(each.component, each.slot): each.revision for each in simulation.records.values()}
        assert len(found) == len(simulation.records), simulation.describe()
        for place in unsure - found.keys():
            del wanted[place]
        assert found == wanted, simulation.describe()
        for record in simulation.records.values():
            sight = simulation.sight(record)
            assert sight.serves or record.role is Role.DONE, simulation.describe()
            assert record.weight == 100


RolloutMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestRolloutModel = RolloutMachine.TestCase
