"""How a service is updated and rolled back: Compose's words to the letter, and ours beside them."""

from herdbook.compose.deployment import SPECIFICATION_DEFAULTS, ChangeConfig, Order
from herdbook.compose.model import Service
from herdbook.compose.wishes import Herding, OnDegrade, ServiceWishes, Strategy
from herdbook.fleet.applications import Canary, FailureAction, UpdatePolicy

_AT_ONCE = 3
"""Where nobody says how many are replaced at a time, a third of them are."""

_ON_DEGRADE = {
    OnDegrade.ROLLBACK: FailureAction.ROLLBACK,
    OnDegrade.FREEZE: FailureAction.FREEZE,
    OnDegrade.NOTIFY: FailureAction.CONTINUE,
}


def update_policy(
    service: Service, wishes: ServiceWishes, herding: Herding, replicas: int
) -> UpdatePolicy:
    """Return how new instances take the place of old ones.

    Where `update_config` is written, what it leaves out is as the Compose specification says;
    where it is not, cattle is replaced start-first, a third at a time, and taken back on failure.
    """
    config = service.deploy.update_config
    known = {
        "parallelism": max(replicas // _AT_ONCE, 1),
        "deadline_seconds": _deadline(service),
        **_said(config),
        **_wished(wishes),
    }
    if herding is Herding.PET:
        known |= {"order": Order.STOP_FIRST, "parallelism": 1, "strategy": Strategy.ROLLING}
    return UpdatePolicy.model_validate(known)


def rollback_policy(service: Service, wishes: ServiceWishes, herding: Herding) -> UpdatePolicy:
    """Return how one goes back: at once, unless `rollback_config` says otherwise."""
    config = service.deploy.rollback_config
    known = {
        "parallelism": 0,
        "deadline_seconds": _deadline(service),
        **_said(config),
        **_wished(wishes),
        "strategy": Strategy.ROLLING,
    }
    if herding is Herding.PET:
        known |= {"order": Order.STOP_FIRST, "parallelism": 1}
    return UpdatePolicy.model_validate(known)


def _deadline(service: Service) -> float:
    """Return how long an instance may take to be well: Compose gives it a time of grace first."""
    check = service.healthcheck
    grace = (check.start_period_seconds or 0.0) if check and not check.disabled else 0.0
    return UpdatePolicy().deadline_seconds + grace


def _said(config: ChangeConfig | None) -> dict[str, object]:
    if config is None:
        return {}
    default = SPECIFICATION_DEFAULTS.change
    return {
        name: said if (said := getattr(config, name)) is not None else getattr(default, name)
        for name in (
            "parallelism",
            "delay_seconds",
            "failure_action",
            "monitor_seconds",
            "max_failure_ratio",
            "order",
        )
    }


def _wished(wishes: ServiceWishes) -> dict[str, object]:
    named = {
        "settle_seconds": wishes.settle,
        "deadline_seconds": wishes.deadline,
        "drain_seconds": wishes.drain,
        "bake_seconds": wishes.bake,
        "strategy": wishes.strategy,
        "failure_action": _ON_DEGRADE[wishes.on_degrade] if wishes.on_degrade else None,
        "canary": _canary(wishes),
    }
    return {name: value for name, value in named.items() if value is not None}


def _canary(wishes: ServiceWishes) -> Canary | None:
    wished = wishes.canary
    if wished is None:
        return None
    known: dict[str, object] = {"instances": wished.instances, "weight": wished.weight}
    if wished.analysis is not None:
        known["analysis_seconds"] = wished.analysis
    if isinstance(wished.hold, bool):
        known["hold"] = wished.hold
    else:
        known |= {"hold": True, "weight": wished.hold.percent}
    return Canary.model_validate(known)
