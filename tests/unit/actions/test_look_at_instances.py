"""What engines see of instances, and how they answer, makes one sight of each."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address

import pytest
from fleet_images import FOREIGN

from herdbook.actions.look_at_instances import Eyes
from herdbook.drivers.fake import FakeClock
from herdbook.fleet.applications import Component, InstanceSpec
from herdbook.fleet.instances import Origin, Seen, State
from herdbook.fleet.probes import Answer, Probe, ProbeKind
from herdbook.fleet.records import Instance, Life, Role, Sight
from herdbook.recipes.model import Variant

PROBE = Probe(ProbeKind.TCP, port=80, rise=2, fall=2)
SPEC = InstanceSpec(
    variant=Variant.CONTAINER, image="web", number=0, digest=FOREIGN.digest, probe=PROBE
)
ASKED = Component(name="web", instance=SPEC)
UNASKED = Component(name="web", instance=SPEC.model_copy(update={"probe": None}))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def eyes(clock: FakeClock) -> Eyes:
    return Eyes(clock)


@pytest.fixture
def record(clock: FakeClock) -> Instance:
    return Instance(
        application="shop",
        component="web",
        slot=0,
        attempt=1,
        revision=ASKED.revision,
        release=1,
        role=Role.STARTING,
        made_at=clock.now(),
        since=clock.now(),
        addresses={"default": IPv4Address("10.0.0.2")},
    )


def seen(record: Instance, state: State = State.RUNNING, reason: str = "") -> Seen:
    origin = Origin("web", 0, FOREIGN.digest)
    return Seen(record.name, "fake", state, origin, (), record.made_at, reason)


def sight(eyes: Eyes, record: Instance, component: Component | None = ASKED) -> Sight:
    return eyes.sight(record, component, sessions=3, busy=False)


def hear(eyes: Eyes, record: Instance, clock: FakeClock, *, well: bool) -> bool:
    clock.sleep(1)
    answer = Answer(record.name, well, clock.monotonic_seconds(), "" if well else "refused")
    return eyes.hear(record, PROBE, answer)


@pytest.mark.parametrize(
    ("state", "life"),
    [
        (State.RUNNING, Life.RUNNING),
        (State.STOPPED, Life.ENDED),
        (State.FAILED, Life.FAILED),
    ],
)
def test_what_an_engine_sees_is_whether_it_lives(
    eyes: Eyes, record: Instance, state: State, life: Life
) -> None:
    eyes.take_in({record.name: seen(record, state, "why")})
    found = sight(eyes, record, UNASKED)
    assert (found.life, found.complaint, found.sessions) == (life, "why", 3)
    assert found.well is (life is Life.RUNNING)


def test_what_no_engine_sees_is_not_there(eyes: Eyes, record: Instance) -> None:
    assert sight(eyes, record) == Sight(record, Life.ABSENT)


def test_what_was_just_started_is_not_missed_until_somebody_has_looked(
    eyes: Eyes, record: Instance
) -> None:
    eyes.awaited.add(record.name)
    assert sight(eyes, record).busy
    eyes.take_in({})
    assert not sight(eyes, record).busy


def test_what_was_started_anew_is_not_judged_by_what_was_seen_of_it_before(
    clock: FakeClock, record: Instance
) -> None:
    """Else a server that is killed while it starts an instance fails the whole rollout."""
    eyes = Eyes(clock, cut_off={record.name})
    eyes.take_in({record.name: seen(record, State.FAILED, "starting it was cut off")})
    assert sight(eyes, record) == Sight(record, Life.ABSENT)
    eyes.cut_off.discard(record.name)
    eyes.awaited.add(record.name)
    assert sight(eyes, record) == Sight(record, Life.ABSENT, busy=True)
    eyes.take_in({record.name: seen(record, State.FAILED, "it ended")})
    assert sight(eyes, record).life is Life.FAILED


def test_what_could_not_be_started_has_failed(eyes: Eyes, record: Instance) -> None:
    eyes.refused[record.name] = "no room"
    found = sight(eyes, record)
    assert (found.life, found.complaint) == (Life.FAILED, "no room")


def test_looking_tells_whether_anything_is_new(eyes: Eyes, record: Instance) -> None:
    assert eyes.take_in({record.name: seen(record)})
    assert not eyes.take_in({record.name: seen(record, reason="other words")})
    assert eyes.take_in({record.name: seen(record, State.FAILED)})
    assert eyes.take_in({})


def test_an_instance_is_well_once_it_has_said_so_often_enough(
    eyes: Eyes, record: Instance, clock: FakeClock
) -> None:
    eyes.take_in({record.name: seen(record)})
    assert not sight(eyes, record).well
    assert not hear(eyes, record, clock, well=True)
    assert hear(eyes, record, clock, well=True)
    since = clock.now()
    assert sight(eyes, record).well_since == since
    clock.sleep(60)
    assert sight(eyes, record).well_since == since


def test_an_instance_that_does_not_answer_says_why(
    eyes: Eyes, record: Instance, clock: FakeClock
) -> None:
    eyes.take_in({record.name: seen(record)})
    hear(eyes, record, clock, well=False)
    assert sight(eyes, record).complaint == "refused"


@pytest.mark.parametrize("role", [Role.SERVING, Role.WARM, Role.DRAINING])
def test_what_served_before_this_program_came_is_well_until_it_says_otherwise(
    eyes: Eyes, record: Instance, clock: FakeClock, role: Role
) -> None:
    """A server that begins anew takes nothing from behind the doors."""
    served = replace(record, role=role)
    eyes.take_in({record.name: seen(record)})
    assert sight(eyes, served).well
    assert not hear(eyes, served, clock, well=False)
    assert sight(eyes, served).well
    assert hear(eyes, served, clock, well=False)
    assert not sight(eyes, served).well


def test_what_ended_is_not_well_whatever_it_said(
    eyes: Eyes, record: Instance, clock: FakeClock
) -> None:
    for _ in range(2):
        hear(eyes, record, clock, well=True)
    eyes.take_in({record.name: seen(record, State.FAILED)})
    assert not sight(eyes, record).well


def test_what_is_asked_is_what_runs_and_can_be_asked(eyes: Eyes, record: Instance) -> None:
    other = replace(record, slot=1)
    ending = replace(record, slot=2, role=Role.ENDING)
    unseen = replace(record, slot=3)
    dead = replace(record, slot=4)
    eyes.take_in(
        {
            **{each.name: seen(each) for each in (record, other, ending)},
            dead.name: seen(dead, State.STOPPED),
        }
    )
    every = [(record, ASKED), (other, UNASKED), (ending, ASKED), (unseen, ASKED), (dead, ASKED)]
    [target] = eyes.targets([*every, (replace(record, slot=5), None)])
    assert (target.instance, target.address) == (record.name, "10.0.0.2")
    assert target.probe == PROBE


def test_what_is_asked_is_asked_as_what_it_runs_as(eyes: Eyes, record: Instance) -> None:
    """A command is run in a machine by another engine than in a container."""
    machine = ASKED.model_copy(update={"instance": SPEC.model_copy(update={"variant": Variant.VM})})
    eyes.take_in({record.name: seen(record)})
    for component in (ASKED, machine):
        [target] = eyes.targets([(record, component)])
        assert target.variant is component.instance.variant


def test_what_is_gone_is_forgotten(eyes: Eyes, record: Instance, clock: FakeClock) -> None:
    for _ in range(2):
        hear(eyes, record, clock, well=True)
    eyes.refused[record.name] = "no room"
    eyes.awaited.add(record.name)
    eyes.forget(record.name)
    assert sight(eyes, record) == Sight(record, Life.ABSENT)


def test_bad_answers_do_not_count_while_an_instance_starts(
    eyes: Eyes, record: Instance, clock: FakeClock
) -> None:
    probe = replace(PROBE, start_period_seconds=30)
    for _ in range(10):
        clock.sleep(1)
        eyes.hear(
            record, probe, Answer(record.name, well=False, at_seconds=clock.monotonic_seconds())
        )
    assert eyes.health[record.name].bad == 0
    assert clock.now() - record.made_at == timedelta(seconds=10)


def test_the_time_of_grace_begins_when_the_process_does(
    eyes: Eyes, record: Instance, clock: FakeClock
) -> None:
    """Fetching an image, or waiting for its turn, takes nothing from it."""
    clock.sleep(100)
    eyes.take_in({record.name: replace(seen(record), started_at=clock.now())})
    probe = replace(PROBE, start_period_seconds=30)
    eyes.hear(record, probe, Answer(record.name, well=False, at_seconds=clock.monotonic_seconds()))
    assert eyes.health[record.name].bad == 0
