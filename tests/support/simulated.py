"""An application in one thread and simulated time, that does what the planner says.

Operations are done as the executor does them: written down first, done afterwards, and they take
time. What instances are like is said by revision; what befalls them is up to the test.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from herdbook.compose.deployment import Order
from herdbook.compose.wishes import Herding
from herdbook.core.digests import Digest, of_bytes
from herdbook.fleet.applications import Component, InstanceSpec, Release, Settings, UpdatePolicy
from herdbook.fleet.records import Instance, Life, Role, Sight
from herdbook.recipes.model import Variant
from herdbook.rollouts.judging import Share
from herdbook.rollouts.model import Rollout, RolloutState
from herdbook.rollouts.operations import Admit, Drain, End, Finish, KeepWarm, Operation, Start
from herdbook.rollouts.plan import Plan, plan
from herdbook.rollouts.progress import resumed
from herdbook.rollouts.situation import Situation, SlotHistory

MOMENT = datetime(2026, 11, 1, 12, tzinfo=UTC)
LOOK_SECONDS = 0.25
_FORGIVEN = timedelta(seconds=60)

QUICK = UpdatePolicy(
    settle_seconds=0.5,
    deadline_seconds=5.0,
    drain_seconds=2.0,
    monitor_seconds=2.0,
    bake_seconds=5.0,
)
"""The default policy with times that a test can wait for."""


@dataclass(frozen=True)
class Conduct:
    """What the instances of a revision are like; times are seconds after serving, or None.

    `boots` False never gets well; a job is over after `job_seconds`, badly without `boots`.
    """

    boot_seconds: float = 0.2
    boots: bool = True
    unwell_after: float | None = None
    dies_after: float | None = None
    start_seconds: float = 0.1
    stop_seconds: float = 0.1
    session_seconds: float = 0.0
    job_seconds: float = 1.0


@dataclass
class Body:
    """What really runs: None for `started_at` is a record that nothing was done about."""

    conduct: Conduct
    started_at: datetime | None = None
    stopping_since: datetime | None = None
    dead: bool = False
    hung: bool = False
    drained_at: datetime | None = None


def component(  # noqa: PLR0913 - what tests vary
    name: str,
    version: int = 1,
    *,
    replicas: int = 1,
    update: UpdatePolicy = QUICK,
    rollback: UpdatePolicy | None = None,
    order: Order | None = None,
    pet: bool = False,
    **more: object,
) -> Component:
    """Return a component whose revision depends on its name and version alone."""
    update = update.model_copy(update={"order": order}) if order else update
    going_back = {"parallelism": 0, "delay_seconds": 0.0}
    return Component.model_validate(
        {
            "name": name,
            "herding": Herding.PET if pet else Herding.CATTLE,
            "replicas": replicas,
            "instance": InstanceSpec(
                variant=Variant.CONTAINER,
                image=name,
                number=version,
                digest=of_bytes(f"{name} {version}".encode()),
            ),
            "update": update,
            "rollback": rollback or update.model_copy(update=going_back),
            **more,
        }
    )


def settings_of(*components: Component) -> Settings:
    """Return an application of these components."""
    return Settings(application="shop", domain="shop.test", components=components, networks=())


@dataclass
class Simulation:
    """The application `shop`: its releases, records, bodies, and the time."""

    now: datetime = MOMENT
    releases: dict[int, Release] = field(default_factory=dict)
    standing: int = 0
    rollout: Rollout | None = None
    rollouts: int = 0
    records: dict[str, Instance] = field(default_factory=dict)
    bodies: dict[str, Body] = field(default_factory=dict)
    histories: dict[tuple[str, int], SlotHistory] = field(default_factory=dict)
    shares: dict[str, Share] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    booted_at: datetime | None = None
    conducts: dict[Digest, Conduct] = field(default_factory=dict)
    cut_off: int = 0
    """So many operations to come are written down and not done."""
    done: list[tuple[datetime, Operation]] = field(default_factory=list)
    moves: list[RolloutState] = field(default_factory=list)
    watch: Callable[[Operation], None] = lambda _operation: None
    """Called before each operation is done."""

    # What a person does.

    def release(self, *components: Component) -> int:
        """Make a release of these components and return its number."""
        number = len(self.releases) + 1
        settings = settings_of(*components)
        self.releases[number] = Release(
            application="shop", number=number, settings=settings, made_at=self.now
        )
        return number

    def roll_out(self, number: int, *, reverts: bool = False) -> Rollout:
        """Begin a rollout; one that is under way is superseded."""
        if self.rollout is not None and not self.rollout.over:
            self.rollout.moved(RolloutState.SUPERSEDED, self.now, "a newer one")
        self.rollouts += 1
        self.rollout = Rollout(
            application="shop",
            number=self.rollouts,
            before=self.standing,
            after=number,
            state=RolloutState.ROLLING,
            began_at=self.now,
            since=self.now,
            reverts=reverts,
        )
        self.moves.append(RolloutState.ROLLING)
        return self.rollout

    def up(self, *components: Component) -> int:
        """Make a release and begin a rollout to it."""
        number = self.release(*components)
        self.roll_out(number)
        return number

    def settled(self, *components: Component) -> "Simulation":
        """Have a release stand, as long after its rollout as it takes."""
        number = self.up(*components)
        self.until(lambda: self.state is RolloutState.COMPLETE)
        self.until(lambda: not self.situation_plan().restless)
        assert self.standing == number
        self.done.clear()
        self.moves.clear()
        return self

    def resume(self) -> None:
        """Go on with a rollout that waits."""
        self._moved(resumed(self._under_way(), self.now, "resumed"))

    def abort(self) -> None:
        """Take the rollout back."""
        self._moved(self._under_way().moved(RolloutState.ROLLING_BACK, self.now, "aborted"))

    # What befalls instances.

    def kill(self, name: str) -> None:
        """End an instance's process with a bad status."""
        self.bodies[name].dead = True

    def reboot(self, seconds_off: float = 30.0) -> None:
        """End all that runs, and start the machine anew after so many seconds."""
        for body in self.bodies.values():
            body.dead = True
        self.now += timedelta(seconds=seconds_off)
        self.booted_at = self.now

    def hang(self, name: str, *, hung: bool = True) -> None:
        """Let an instance not answer any more, or again."""
        self.bodies[name].hung = hung

    def behave(self, of: Component, conduct: Conduct) -> None:
        """Say what instances of a component's revision are like from now on."""
        self.conducts[of.revision] = conduct

    # What is seen.

    @property
    def state(self) -> RolloutState | None:
        """Where the rollout is."""
        return self.rollout.state if self.rollout else None

    def situation(self) -> Situation:
        """Return what the planner is told."""
        sights = tuple(self.sight(each) for each in self.records.values())
        return Situation(
            application="shop",
            releases=self.releases,
            standing=self.standing,
            sights=sights,
            rollout=self.rollout,
            histories=dict(self.histories),
            shares=dict(self.shares),
            refused=dict(self.refused),
            booted_at=self.booted_at,
        )

    def situation_plan(self) -> Plan:
        """Return what would be planned now."""
        return plan(self.situation(), self.now)

    def sight(self, record: Instance) -> Sight:
        """Return an instance as it looks now."""
        body = self.bodies[record.name]
        life = self.life(record)
        well_since = self._well_since(record, body) if life is Life.RUNNING else None
        open_until = body.drained_at and body.drained_at + timedelta(
            seconds=body.conduct.session_seconds
        )
        return Sight(
            record,
            life,
            well_since,
            sessions=1 if open_until and self.now < open_until else 0,
            complaint="" if well_since else "it does not answer",
            busy=self._busy(body),
        )

    def life(self, record: Instance) -> Life:
        """Return what an engine would see of an instance."""
        body = self.bodies[record.name]
        if body.started_at is None or self.now < body.started_at or record.role is Role.DONE:
            return Life.ABSENT
        conduct = body.conduct
        if body.dead or (
            conduct.dies_after is not None and self._served(record, conduct.dies_after)
        ):
            return Life.FAILED
        if self._is_job(record) and self._since(body.started_at) >= conduct.job_seconds:
            return Life.ENDED if conduct.boots else Life.FAILED
        return Life.RUNNING

    def runs(self, record: Instance) -> bool:
        """Tell whether anything of an instance runs, or is about to."""
        body = self.bodies[record.name]
        if record.role is Role.DONE:
            return False
        return body.started_at is not None and self.life(record) in {Life.ABSENT, Life.RUNNING}

    def named(self, name: str, *roles: Role, version: int = 0) -> list[Instance]:
        """Return a component's instances with one of the roles, of a version."""
        wanted = of_bytes(f"{name} {version}".encode()) if version else None
        return [
            each
            for each in self.records.values()
            if each.component == name
            and (not roles or each.role in roles)
            and (wanted is None or self._digest(each) == wanted)
        ]

    def serving(self, name: str, version: int = 0) -> int:
        """Return how many instances stand behind the doors and are well."""
        found = self.named(name, Role.SERVING, version=version)
        return sum(1 for each in found if self.sight(each).serves)

    # Time.

    def look(self) -> Plan:
        """Plan, and do what was planned."""
        situation = self.situation()
        planned = plan(situation, self.now)
        assert planned == plan(situation, self.now)
        for operation in planned.operations:
            self.watch(operation)
            self.done.append((self.now, operation))
            self._do(operation)
        if planned.rollout is not None:
            self._moved(planned.rollout)
        return planned

    def run(self, seconds: float) -> None:
        """Look again and again for so long."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.step()

    def step(self, seconds: float = LOOK_SECONDS) -> Plan:
        """Look, and let time pass."""
        planned = self.look()
        self.pass_time(seconds)
        return planned

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and what is being stopped be gone."""
        self.now += timedelta(seconds=seconds)
        self._settle()

    def until(self, is_so: Callable[[], bool], limit: float = 300.0) -> float:
        """Look until something is so, and return how many seconds that took."""
        began = self.now
        while not is_so():
            assert self._since(began) < limit, f"not within {limit} s: {self.describe()}"
            self.step()
        return self._since(began)

    def describe(self) -> str:
        """Return where everything is, for a person."""
        lines = [f"{self.state} {self.rollout.reason if self.rollout else ''} {self.moves}"]
        lines += [
            f"{each.name} release {each.release} {each.role} {self.sight(each)}"
            for each in self.records.values()
        ]
        progress: Mapping[str, object] = self.rollout.progress if self.rollout else {}
        return "\n".join([*lines, f"{self.histories}", f"{dict(progress)}"])

    # How operations are done.

    def _do(self, operation: Operation) -> None:
        if isinstance(operation, Start):
            self._start(operation)
            return
        record = self.records[operation.instance]
        if isinstance(operation, Admit):
            assert record.role is not Role.ENDING
            self._put(record, Role.SERVING, weight=operation.weight, served_at=self.now)
            self.bodies[record.name].drained_at = None
        elif isinstance(operation, Drain):
            assert record.role is Role.SERVING, operation
            self._put(record, Role.DRAINING)
            self.bodies[record.name].drained_at = self.now
        elif isinstance(operation, KeepWarm):
            assert record.role is Role.DRAINING, operation
            self._put(record, Role.WARM)
        elif isinstance(operation, Finish):
            assert self._is_job(record)
            self._put(record, Role.DONE)
        else:
            self._end(operation, record)

    def _put(
        self, record: Instance, role: Role, *, weight: int = 0, served_at: datetime | None = None
    ) -> None:
        self.records[record.name] = replace(
            record,
            role=role,
            since=record.since if record.role is role else self.now,
            weight=weight or record.weight,
            served_at=record.served_at or served_at,
        )

    def _start(self, operation: Start) -> None:
        place = (operation.component, operation.slot)
        record = Instance(
            "shop",
            operation.component,
            operation.slot,
            operation.attempt,
            operation.revision,
            operation.release,
            Role.STARTING,
            made_at=self.now,
            since=self.now,
        )
        history = self.histories.get(place, SlotHistory())
        conduct = self.conducts.get(operation.revision, Conduct())
        if record.name not in self.records:
            assert operation.attempt == history.attempts + 1
            self.histories[place] = replace(history, attempts=operation.attempt)
            self.records[record.name] = record
            self.bodies[record.name] = Body(conduct)
        body = self.bodies[record.name]
        assert body.started_at is None, "it was started twice"
        if not self._is_cut_off():
            body.started_at = self.now + timedelta(seconds=conduct.start_seconds)

    def _end(self, operation: End, record: Instance) -> None:
        body = self.bodies[record.name]
        if operation.failed and record.role is not Role.ENDING:
            place = (record.component, record.slot)
            history = self.histories.get(place, SlotHistory())
            self.histories[place] = replace(
                history, failures=history.failures + 1, failed_at=self.now
            )
        self._put(record, Role.ENDING)
        if not self._is_cut_off():
            body.stopping_since = self.now

    def _is_cut_off(self) -> bool:
        self.cut_off -= 1
        return self.cut_off >= 0

    def _settle(self) -> None:
        """Remove what has been stopped, and forgive slots whose instance served long enough."""
        self.cut_off = max(self.cut_off, 0)
        for name, record in list(self.records.items()):
            body = self.bodies[name]
            stopping = body.stopping_since
            if stopping and self._since(stopping) >= body.conduct.stop_seconds:
                del self.records[name], self.bodies[name]
            elif record.role is Role.SERVING and self.now >= record.since + _FORGIVEN:
                place = (record.component, record.slot)
                if self.sight(record).serves and place in self.histories:
                    self.histories[place] = replace(
                        self.histories[place], failures=0, failed_at=None
                    )

    def _moved(self, rollout: Rollout) -> None:
        before = self.rollout
        assert before is not None
        if rollout.state is not before.state:
            again = before.moved(rollout.state, self.now, "")  # raises where that cannot be
            assert again.number == rollout.number
            self.moves.append(rollout.state)
        self.rollout = rollout
        if rollout.state is RolloutState.COMPLETE:
            self.standing = rollout.after
        elif rollout.state is RolloutState.ROLLED_BACK:
            self.standing = rollout.before

    def _under_way(self) -> Rollout:
        assert self.rollout is not None
        return self.rollout

    def _well_since(self, record: Instance, body: Body) -> datetime | None:
        conduct = body.conduct
        if body.hung or not conduct.boots or body.started_at is None:
            return None
        if conduct.unwell_after is not None and self._served(record, conduct.unwell_after):
            return None
        since = body.started_at + timedelta(seconds=conduct.boot_seconds)
        return since if since <= self.now else None

    def _busy(self, body: Body) -> bool:
        starting = body.started_at is not None and self.now < body.started_at
        return starting or body.stopping_since is not None

    def _served(self, record: Instance, seconds: float) -> bool:
        return record.served_at is not None and self._since(record.served_at) >= seconds

    def _since(self, moment: datetime) -> float:
        return (self.now - moment).total_seconds()

    def _is_job(self, record: Instance) -> bool:
        found = self.releases[record.release].settings.by_name[record.component]
        return found.job

    def _digest(self, record: Instance) -> Digest:
        found = self.releases[record.release].settings.by_name[record.component]
        return found.instance.digest
