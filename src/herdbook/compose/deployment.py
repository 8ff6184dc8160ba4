"""What a service says under `deploy`, and what the specification says where it says nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class FailureAction(StrEnum):
    """What is done where a change of a service fails."""

    CONTINUE = "continue"
    PAUSE = "pause"
    ROLLBACK = "rollback"


class Order(StrEnum):
    """Whether the old instance goes before the new one comes."""

    STOP_FIRST = "stop-first"
    START_FIRST = "start-first"


class RestartCondition(StrEnum):
    """After which ends an instance is started again."""

    NONE = "none"
    ON_FAILURE = "on-failure"
    ANY = "any"


@dataclass(frozen=True)
class ChangeConfig:
    """`update_config` or `rollback_config`; what is None was not written.

    `parallelism` is how many instances change at a time, 0 for all. `max_failure_ratio` is from
    0 to 1.
    """

    parallelism: int | None = None
    delay_seconds: float | None = None
    failure_action: FailureAction | None = None
    monitor_seconds: float | None = None
    max_failure_ratio: float | None = None
    order: Order | None = None


@dataclass(frozen=True)
class RestartPolicy:
    """When and how often an instance is started again; what is None was not written."""

    condition: RestartCondition | None = None
    delay_seconds: float | None = None
    max_attempts: int | None = None
    window_seconds: float | None = None


@dataclass(frozen=True)
class Resources:
    """An amount of the machine; what is None was not written."""

    cpus: float | None = None
    memory_bytes: int | None = None
    pids: int | None = None


@dataclass(frozen=True)
class Deploy:
    """`deploy` of a service; what is None or empty was not written."""

    mode: str | None = None
    replicas: int | None = None
    endpoint_mode: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    limits: Resources = Resources()
    reservations: Resources = Resources()
    restart_policy: RestartPolicy | None = None
    update_config: ChangeConfig | None = None
    rollback_config: ChangeConfig | None = None


@dataclass(frozen=True)
class Defaults:
    """What the Compose Deploy Specification says of what is not written.

    Its `parallelism` has no default there; 1 is what all implementations take. `max_attempts` is
    None, for it never gives up.
    """

    mode: str = "replicated"
    replicas: int = 1
    endpoint_mode: str = "vip"
    stop_grace_seconds: float = 10.0
    change: ChangeConfig = ChangeConfig(1, 0.0, FailureAction.PAUSE, 0.0, 0.0, Order.STOP_FIRST)
    restart_policy: RestartPolicy = RestartPolicy(RestartCondition.ANY, 0.0, None, 0.0)


SPECIFICATION_DEFAULTS = Defaults()
"""The defaults of the specification; `change` holds for update_config and rollback_config."""
