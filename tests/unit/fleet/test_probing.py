"""How it is chosen how instances are asked, and what their answers come to."""

from dataclasses import replace

import pytest
from fleet_images import FOREIGN, MACHINE, OWN, OneService, Translate
from hypothesis import given
from hypothesis import strategies as some

from herdbook.core.errors import InvalidInputError
from herdbook.fleet.probes import Answer, Health, Probe, ProbeKind, heard
from herdbook.fleet.probing import probe_of
from herdbook.fleet.translating import ImageFacts
from herdbook.recipes.model import Variant

COMMAND = ProbeKind.COMMAND
VM = replace(MACHINE, ports=(8000,), health_path="/healthz")
CHECKED = replace(OWN, ports=(8000,), health_path="/healthz")
LISTENS = replace(OWN, ports=(8000,))
EXPOSES = replace(FOREIGN, ports=(8000,))


@pytest.mark.parametrize(
    ("said", "image", "kind", "port"),
    [
        ("tty: false", OWN, None, 0),
        ("tty: false", CHECKED, ProbeKind.HTTP, 8000),
        ("ports: ['80']", CHECKED, ProbeKind.HTTP, 8000),
        ("tty: false", LISTENS, ProbeKind.TCP, 8000),
        ("ports: ['80']", LISTENS, ProbeKind.TCP, 80),
        ("ports: ['80/udp']", OWN, None, 0),
        ("ports: ['80'], x-herdbook: {ingress: {port: 81}}", OWN, ProbeKind.TCP, 81),
        ("x-herdbook: {probe: {tcp: true, port: 1}}", CHECKED, ProbeKind.TCP, 1),
        ("x-herdbook: {probe: {http: /x}}", LISTENS, ProbeKind.HTTP, 8000),
        ("x-herdbook: {probe: {http: /x}}", EXPOSES, ProbeKind.HTTP, 8000),
        ("x-herdbook: {probe: {command: [x]}}", CHECKED, ProbeKind.COMMAND, 0),
        ("healthcheck: {test: [CMD, x]}", CHECKED, ProbeKind.COMMAND, 0),
        ("healthcheck: {test: [CMD, x]}, x-herdbook: {kind: vm, image: a}", VM, COMMAND, 0),
        ("x-herdbook: {kind: vm, image: a, probe: {command: [x]}}", VM, COMMAND, 0),
        ("healthcheck: {disable: true}", CHECKED, None, 0),
        ("healthcheck: {test: [NONE]}", CHECKED, None, 0),
        ("healthcheck: {interval: 1s}", CHECKED, ProbeKind.HTTP, 8000),
    ],
)
def test_what_is_said_first_is_asked(
    translate: Translate, said: str, image: ImageFacts, kind: ProbeKind | None, port: int
) -> None:
    """`x-herdbook` goes before Compose's healthcheck, that before what the image says."""
    probe = translate(said, image).instance.probe
    assert (probe.kind if probe else None) is kind
    assert not probe or probe.port == port


@pytest.mark.parametrize("said", ["tty: false", "command: work"])
def test_a_port_that_nobody_promises_is_not_tried(translate: Translate, said: str) -> None:
    """Images expose ports that their programs do not always listen at."""
    assert translate(said, EXPOSES).instance.probe is None
    assert translate("command: work", LISTENS).instance.probe is None


def test_composes_healthcheck_is_taken_as_it_is_written(service: OneService) -> None:
    found = probe_of(
        service(
            "healthcheck: {test: exit 0, interval: 2s, timeout: 3s, retries: 4,"
            " start_period: 5s, start_interval: 6s}"
        ),
        (),
        "",
        Variant.CONTAINER,
    )
    assert found == Probe(
        ProbeKind.COMMAND,
        command=("/bin/sh", "-c", "exit 0"),
        interval_seconds=2,
        timeout_seconds=3,
        fall=4,
        rise=1,
        start_period_seconds=5,
        start_interval_seconds=6,
    )


def test_a_healthcheck_that_says_little_has_the_defaults_of_docker(service: OneService) -> None:
    found = probe_of(service("healthcheck: {test: [CMD, a, b]}"), (), "", Variant.CONTAINER)
    assert found
    assert found.command == ("a", "b")
    assert (found.interval_seconds, found.timeout_seconds, found.fall) == (30, 30, 3)


def test_a_machine_is_asked_by_commands_less_often_as_each_costs_it_more(
    service: OneService,
) -> None:
    wished = service("x-herdbook: {kind: vm, image: a, probe: {command: [x]}}")
    found = probe_of(wished, (), "", Variant.VM)
    assert found
    assert (found.interval_seconds, found.start_interval_seconds, found.timeout_seconds) == (
        5,
        1,
        3,
    )


@pytest.mark.parametrize(
    ("said", "image", "complaint"),
    [
        ("x-herdbook: {probe: {http: /x}}", OWN, "no port"),
        ("x-herdbook: {probe: {tcp: true}}", OWN, "no port"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    translate: Translate, said: str, image: ImageFacts, complaint: str
) -> None:
    with pytest.raises(InvalidInputError, match=complaint) as caught:
        translate(said, image)
    assert caught.value.hint


ASKED = Probe(ProbeKind.TCP, port=1, rise=2, fall=3, start_period_seconds=10)


def _after(answers: str, probe: Probe = ASKED, at: float = 100.0) -> Health:
    health = Health()
    for number, each in enumerate(answers):
        answer = Answer("x", each == "+", at + number, "" if each == "+" else "refused")
        health = heard(health, answer, probe, started_at=0)
    return health


@pytest.mark.parametrize(
    ("answers", "well"),
    [
        *(("+", False), ("++", True), ("+-+", False), ("-++", True)),
        *(("++--", True), ("++---", False), ("++--+--", True), ("++---+", False)),
        ("++---++", True),
    ],
)
def test_it_takes_several_answers_in_a_row(answers: str, *, well: bool) -> None:
    assert _after(answers).well is well


def test_an_instance_is_well_since_the_answer_that_made_it_so() -> None:
    assert _after("+++").well_since == 101
    assert _after("++--++").well_since == 101
    assert _after("++---++").well_since == 106


def test_while_an_instance_starts_bad_answers_do_not_count() -> None:
    assert _after("-----", at=0).bad == 0
    assert _after("-----", at=100).bad == 5
    assert _after("++---", at=0).well is False  # it had come up


def test_the_last_complaint_is_told_until_all_is_well() -> None:
    assert _after("+-").complaint == "refused"
    assert _after("+-+").complaint == ""


@given(some.text("+-", max_size=30), some.integers(1, 4), some.integers(1, 4))
def test_well_is_what_the_last_run_long_enough_says(answers: str, rise: int, fall: int) -> None:
    probe = replace(ASKED, rise=rise, fall=fall, start_period_seconds=0)
    expected, run, before = False, 0, ""
    for each in answers:
        run = run + 1 if each == before else 1
        before = each
        if run >= (rise if each == "+" else fall):
            expected = each == "+"
    health = _after(answers, probe)
    assert health.well is expected
    assert health.asked == len(answers)
