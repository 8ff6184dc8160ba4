"""Reads `deploy`, and reconciles what can be said there and in the service itself."""

from collections.abc import Callable
from typing import TypeVar

from herdbook.compose.deployment import (
    ChangeConfig,
    Deploy,
    FailureAction,
    Order,
    Resources,
    RestartCondition,
    RestartPolicy,
)
from herdbook.compose.values import Value

_UPDATE_ACTIONS = tuple(FailureAction)
_ROLLBACK_ACTIONS = (FailureAction.CONTINUE, FailureAction.PAUSE)
_ENDPOINT_MODES = ("vip", "dnsrr")
Said = TypeVar("Said", int, float)


def read_deploy(service: Value) -> Deploy:
    """Return what a service says under `deploy`; raises InvalidInputError."""
    deploy = service.part("deploy")
    resources = deploy.part("resources")
    return Deploy(
        mode=deploy.one_of("mode", ("replicated", "global", "replicated-job", "global-job")),
        replicas=count_of(deploy, "replicas"),
        endpoint_mode=deploy.one_of("endpoint_mode", _ENDPOINT_MODES),
        labels=deploy.pairs("labels"),
        limits=_resources(resources.part("limits")),
        reservations=_resources(resources.part("reservations")),
        restart_policy=_restart_policy(deploy),
        update_config=_change(deploy, "update_config", _UPDATE_ACTIONS),
        rollback_config=_change(deploy, "rollback_config", _ROLLBACK_ACTIONS),
    )


def reconciled(
    service: Value, key: str, read: Callable[[Value, str], Said | None], deployed: Said | None
) -> Said | None:
    """Return what the service says under a key or `deploy` says of the same thing.

    Raises InvalidInputError where both do and do not agree.
    """
    own = read(service, key)
    if own is None:
        return deployed
    if deployed is not None and own != deployed:
        found = service.get(key) or service
        raise found.refusal(
            f"{key} is {found.node.text}, and deploy says otherwise",
            f"Keep one of {key} and {_ELSEWHERE[key]}.",
        )
    return own


_ELSEWHERE = {
    "scale": "deploy.replicas",
    "cpus": "deploy.resources.limits.cpus",
    "mem_limit": "deploy.resources.limits.memory",
    "pids_limit": "deploy.resources.limits.pids",
    "mem_reservation": "deploy.resources.reservations.memory",
}


def count_of(value: Value, key: str) -> int | None:
    """Return the whole number under a key, which is not negative; raises InvalidInputError."""
    number = value.integer(key)
    if number is not None and number < 0:
        raise value.part(key).refusal(f"{number} is less than nothing")
    return number


def _resources(value: Value) -> Resources:
    cpus = value.number("cpus")
    if cpus is not None and cpus < 0:
        raise value.part("cpus").refusal(f"{cpus} is less than nothing")
    return Resources(cpus, value.size("memory"), value.integer("pids"))


def _restart_policy(deploy: Value) -> RestartPolicy | None:
    policy = deploy.get("restart_policy")
    if policy is None:
        return None
    condition = policy.one_of("condition", tuple(RestartCondition))
    return RestartPolicy(
        RestartCondition(condition) if condition else None,
        policy.seconds("delay"),
        count_of(policy, "max_attempts"),
        policy.seconds("window"),
    )


def _change(deploy: Value, key: str, actions: tuple[FailureAction, ...]) -> ChangeConfig | None:
    change = deploy.get(key)
    if change is None:
        return None
    ratio = change.number("max_failure_ratio")
    if ratio is not None and not 0 <= ratio <= 1:
        raise change.part("max_failure_ratio").refusal(f"{ratio} is not from 0 to 1")
    action = change.one_of("failure_action", actions)
    order = change.one_of("order", tuple(Order))
    return ChangeConfig(
        count_of(change, "parallelism"),
        change.seconds("delay"),
        FailureAction(action) if action else None,
        change.seconds("monitor"),
        ratio,
        Order(order) if order else None,
    )
