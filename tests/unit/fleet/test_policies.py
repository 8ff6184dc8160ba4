"""How a service is updated and rolled back: the specification to the letter, ours beside."""

from typing import Any

import pytest
from fleet_images import Translate
from hypothesis import given
from hypothesis import strategies as some

from herdbook.compose.deployment import (
    SPECIFICATION_DEFAULTS,
    ChangeConfig,
    Deploy,
    FailureAction,
    Order,
)
from herdbook.compose.model import Service
from herdbook.compose.wishes import Herding, ServiceWishes, Strategy
from herdbook.fleet.applications import FailureAction as Action
from herdbook.fleet.applications import UpdatePolicy
from herdbook.fleet.policies import rollback_policy, update_policy

_NAMES = (
    *("parallelism", "delay_seconds", "failure_action"),
    *("monitor_seconds", "max_failure_ratio", "order"),
)


@given(
    some.builds(
        ChangeConfig,
        parallelism=some.none() | some.integers(0, 9),
        delay_seconds=some.none() | some.floats(0, 9),
        failure_action=some.none() | some.sampled_from(FailureAction),
        monitor_seconds=some.none() | some.floats(0, 9),
        max_failure_ratio=some.none() | some.floats(0, 1),
        order=some.none() | some.sampled_from(Order),
    ),
    some.sampled_from([update_policy, rollback_policy]),
)
def test_what_is_written_holds_and_what_is_not_is_as_the_specification_says(
    config: ChangeConfig, policy: Any
) -> None:
    deploy = Deploy(update_config=config, rollback_config=config)
    service = Service("web", "compose.yaml:1", deploy=deploy)
    counted = (10,) if policy is update_policy else ()
    found = policy(service, ServiceWishes(), Herding.CATTLE, *counted)
    for name in _NAMES:
        said = getattr(config, name)
        wanted = said if said is not None else getattr(SPECIFICATION_DEFAULTS.change, name)
        assert getattr(found, name) == wanted


def test_the_specification_says_so() -> None:
    """https://github.com/compose-spec/compose-spec/blob/main/deploy.md"""
    assert SPECIFICATION_DEFAULTS.change == ChangeConfig(
        parallelism=1,
        delay_seconds=0,
        failure_action=FailureAction.PAUSE,
        monitor_seconds=0,
        max_failure_ratio=0,
        order=Order.STOP_FIRST,
    )


@pytest.mark.parametrize(("replicas", "at_once"), [(0, 1), (1, 1), (2, 1), (3, 1), (6, 2), (10, 3)])
def test_where_nothing_is_written_a_third_is_replaced_start_first_and_taken_back(
    translate: Translate, replicas: int, at_once: int
) -> None:
    found = translate(f"deploy: {{replicas: {replicas}}}").update
    assert found == UpdatePolicy(
        parallelism=at_once,
        order=Order.START_FIRST,
        failure_action=Action.ROLLBACK,
        strategy=Strategy.ROLLING,
    )


def test_one_goes_back_all_at_once(translate: Translate) -> None:
    found = translate("deploy: {replicas: 6}").rollback
    assert (found.parallelism, found.order) == (0, Order.START_FIRST)


@pytest.mark.parametrize(
    ("wish", "field", "value"),
    [
        ("settle: 2s", "settle_seconds", 2),
        ("deadline: 5m", "deadline_seconds", 300),
        ("drain: 0s", "drain_seconds", 0),
        ("bake: 0s", "bake_seconds", 0),
        ("strategy: blue-green", "strategy", Strategy.BLUE_GREEN),
        ("on_degrade: rollback", "failure_action", Action.ROLLBACK),
        ("on_degrade: freeze", "failure_action", Action.FREEZE),
        ("on_degrade: notify", "failure_action", Action.CONTINUE),
    ],
)
def test_what_herdbook_is_asked_for_goes_before_what_compose_says(
    translate: Translate, wish: str, field: str, value: object
) -> None:
    said = f"deploy: {{update_config: {{failure_action: pause}}}}, x-herdbook: {{{wish}}}"
    assert getattr(translate(said).update, field) == value


@pytest.mark.parametrize(
    ("canary", "found"),
    [
        ("{}", (1, 10, 30.0, False)),
        ("{instances: 2, weight: 5, analysis: 1m}", (2, 5, 60.0, False)),
        ("{hold: true}", (1, 10, 30.0, True)),
        ("{hold: 25%}", (1, 25, 30.0, True)),
    ],
)
def test_a_canary_is_as_it_is_wished(
    translate: Translate, canary: str, found: tuple[object, ...]
) -> None:
    policy = translate(f"x-herdbook: {{canary: {canary}}}").update
    made = policy.canary
    assert policy.strategy is Strategy.CANARY
    assert (made.instances, made.weight, made.analysis_seconds, made.hold) == found


def test_what_the_application_says_holds_for_services_that_say_nothing(
    translate: Translate,
) -> None:
    text = (
        "x-herdbook: {bake: 1m, on_degrade: freeze}\n"
        "services: {web: {image: a, x-herdbook: {bake: 2m}}}"
    )
    found = translate(text).update
    assert (found.bake_seconds, found.failure_action) == (120, Action.FREEZE)


def test_pets_are_replaced_one_at_a_time_and_stop_first_whatever_is_said(
    translate: Translate,
) -> None:
    said = (
        "deploy: {replicas: 3, update_config: {parallelism: 3, order: start-first},"
        " rollback_config: {parallelism: 0}}, x-herdbook: {class: pet, strategy: canary}"
    )
    found = translate(said)
    for policy in (found.update, found.rollback):
        assert (policy.order, policy.parallelism) == (Order.STOP_FIRST, 1)
        assert policy.strategy is Strategy.ROLLING


def test_the_time_of_grace_that_compose_gives_is_not_taken_from_the_deadline(
    translate: Translate,
) -> None:
    """An instance that may take two minutes to come up is not given up after one."""
    check = "healthcheck: {test: [CMD, x], start_period: 2m}"
    assert translate(check).update.deadline_seconds == 180
    assert translate(check).rollback.deadline_seconds == 180
    assert translate(f"{check}, x-herdbook: {{deadline: 5s}}").update.deadline_seconds == 5
