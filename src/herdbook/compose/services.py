"""Reads one service in long form into the model."""

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from herdbook.compose.attachments import (
    read_configs,
    read_dependencies,
    read_exposed,
    read_mounts,
    read_network_uses,
    read_ports,
    read_secrets,
)
from herdbook.compose.deployment import SPECIFICATION_DEFAULTS
from herdbook.compose.deployment_reading import count_of, read_deploy, reconciled
from herdbook.compose.environment_files import read_environment
from herdbook.compose.model import Healthcheck, Hook, Limit, Logging, Service
from herdbook.compose.values import Value
from herdbook.compose.wish_reading import KEY, read_wishes
from herdbook.compose.wishes import ApplicationWishes, Kind, ServiceWishes
from herdbook.core.errors import InvalidInputError

_RESTART = re.compile(r"no|always|unless-stopped|on-failure(:(?P<attempts>\d{1,9}))?")
_TESTS = ("NONE", "CMD", "CMD-SHELL")
_UNLIMITED = -1


def read_service(
    name: str, value: Value, variables: Mapping[str, str], application: ApplicationWishes
) -> Service:
    """Return a service; raises InvalidInputError with file and line."""
    wishes = application.of_service(read_wishes(value, ServiceWishes))
    _check_image(value, wishes)
    deploy = read_deploy(value)
    limits, reservations = deploy.limits, deploy.reservations
    scale = reconciled(value, "scale", count_of, deploy.replicas)
    policy, attempts = _restart(value)
    return Service(
        name=name,
        where=value.node.where,
        image=value.text("image") or None,
        command=read_command(value, "command"),
        entrypoint=read_command(value, "entrypoint"),
        environment=_environment(value, variables),
        ports=read_ports(value),
        expose=read_exposed(value),
        volumes=read_mounts(value),
        networks=read_network_uses(value),
        depends_on=read_dependencies(value),
        healthcheck=_healthcheck(value),
        secrets=read_secrets(value),
        configs=read_configs(value),
        stop_signal=value.text("stop_signal"),
        stop_grace_period_seconds=value.seconds("stop_grace_period"),
        restart=policy,
        restart_attempts=attempts,
        user=value.text("user"),
        working_dir=value.text("working_dir"),
        hostname=value.text("hostname"),
        init=value.flag("init") if value.get("init") else None,
        read_only=value.flag("read_only"),
        privileged=value.flag("privileged"),
        tmpfs=value.texts("tmpfs"),
        cap_add=value.texts("cap_add"),
        cap_drop=value.texts("cap_drop"),
        security_opt=value.texts("security_opt"),
        ulimits=_limits(value),
        sysctls=value.pairs("sysctls"),
        shm_size_bytes=value.size("shm_size"),
        memory_bytes=reconciled(value, "mem_limit", Value.size, limits.memory_bytes) or None,
        memory_reservation_bytes=reconciled(
            value, "mem_reservation", Value.size, reservations.memory_bytes
        ),
        cpus=reconciled(value, "cpus", Value.number, limits.cpus) or None,
        pids_limit=reconciled(value, "pids_limit", Value.integer, limits.pids),
        labels=_labels(value, variables),
        annotations=value.pairs("annotations"),
        extra_hosts={
            host: tuple(each.text for each in addresses.node.items)
            for host, addresses in value.part("extra_hosts").fields()
        },
        dns=value.texts("dns"),
        dns_search=value.texts("dns_search"),
        dns_options=value.texts("dns_opt"),
        profiles=value.texts("profiles"),
        scale=SPECIFICATION_DEFAULTS.replicas if scale is None else scale,
        post_start=_hooks(value, "post_start", variables),
        pre_stop=_hooks(value, "pre_stop", variables),
        logging=_logging(value),
        deploy=deploy,
        herdbook=wishes,
    )


def _check_image(value: Value, wishes: ServiceWishes) -> None:
    if wishes.kind is Kind.VM and wishes.image is None:
        raise value.part(KEY).refusal(
            "a VM needs one of Herdbook's images",
            "Run `herdbook build` on a recipe with the variant vm, then write `image:` here.",
        )
    if wishes.image is not None or value.text("image") or value.get("provider"):
        return
    if value.get("build"):
        raise value.part("build").refusal(
            "Herdbook does not build from a Dockerfile, and no image is named",
            "Run `herdbook build` on a recipe, then write the image under x-herdbook.image.",
        )
    raise value.refusal(
        "no image is named",
        "Write `image:`, or `x-herdbook: {image: NAME@CHANNEL}` for one of Herdbook's.",
    )


def read_command(value: Value, key: str) -> tuple[str, ...] | None:
    """Return a command's arguments: a text is split as a shell would, without running one."""
    written = value.get(key)
    if written is None:
        return None
    if isinstance(written.node.value, tuple):
        return value.texts(key)
    try:
        return tuple(shlex.split(written.node.text))
    except ValueError as error:
        raise written.refusal(
            f"a shell could not take this apart: {error}", "Write a list of arguments."
        ) from error


def _environment(value: Value, variables: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str | None] = {}
    for each in value.items("env_file"):
        found |= _environment_file(each, {**_resolved(found, variables), **variables})
    found |= _written_pairs(value, "environment")
    return _resolved(found, variables)


def _written_pairs(value: Value, key: str) -> dict[str, str | None]:
    return {
        name: None if each.node.value is None else each.node.text
        for name, each in value.part(key).fields()
    }


def _resolved(found: Mapping[str, str | None], variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables with a value: their own, or else the one of where we run."""
    known = {name: variables.get(name) if value is None else value for name, value in found.items()}
    return {name: value for name, value in known.items() if value is not None}


def _environment_file(value: Value, variables: Mapping[str, str]) -> dict[str, str | None]:
    path = Path(value.required("path"))
    style = value.one_of("format", ("raw",)) or ""
    if not path.is_file():
        if not value.flag("required", default=True):
            return {}
        raise value.refusal(
            f"there is no file {path}", "Write `required: false` where it may be missing."
        )
    return read_environment(path, variables, style=style)


def _labels(value: Value, variables: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in value.items("label_file"):
        path = Path(each.node.text)
        if not path.is_file():
            raise each.refusal(f"there is no file {path}")
        read = read_environment(path, variables)
        found |= {key: label or "" for key, label in read.items()}
    return found | value.pairs("labels")


def _healthcheck(service: Value) -> Healthcheck | None:
    check = service.get("healthcheck")
    if check is None:
        return None
    test = _test(check)
    disabled = check.flag("disable") or test == ("NONE",)
    return Healthcheck(
        ("NONE",) if disabled else test,
        check.seconds("interval"),
        check.seconds("timeout"),
        check.seconds("start_period"),
        check.seconds("start_interval"),
        count_of(check, "retries"),
        disabled,
    )


def _test(check: Value) -> tuple[str, ...] | None:
    written = check.get("test")
    if written is None:
        return None
    if not isinstance(written.node.value, tuple):
        return ("CMD-SHELL", written.node.text)
    test = check.texts("test")
    if not test or test[0] not in _TESTS or (test[0] != "NONE" and len(test) == 1):
        raise _bad_test(written)
    return test


def _bad_test(written: Value) -> InvalidInputError:
    return written.refusal(
        "a list begins with NONE, CMD or CMD-SHELL, and what to run follows",
        'Write for instance ["CMD", "curl", "-f", "http://localhost/"].',
    )


def _restart(value: Value) -> tuple[str | None, int | None]:
    written = value.get("restart")
    if written is None:
        return None, None
    match = _RESTART.fullmatch(written.node.text)
    if match is None:
        raise written.refusal(
            f"{written.node.text!r} is not known here",
            "It is no, always, unless-stopped, on-failure or on-failure:TIMES.",
        )
    attempts = match["attempts"]
    return match[0].partition(":")[0], int(attempts) if attempts else None


def _limits(service: Value) -> dict[str, Limit]:
    found: dict[str, Limit] = {}
    for name, each in service.part("ulimits").fields():
        each.required("soft")
        each.required("hard")
        soft, hard = each.integer("soft"), each.integer("hard")
        limit = Limit(_UNLIMITED if soft is None else soft, _UNLIMITED if hard is None else hard)
        if _UNLIMITED < limit.hard < limit.soft:
            raise each.refusal("the soft limit is above the hard one")
        found[name] = limit
    return found


def _hooks(service: Value, key: str, variables: Mapping[str, str]) -> tuple[Hook, ...]:
    found = []
    for each in service.items(key):
        command = read_command(each, "command")
        if not command:
            raise each.refusal("the key 'command' is missing")
        found.append(
            Hook(
                command,
                each.text("user"),
                each.flag("privileged"),
                each.text("working_dir"),
                _resolved(_written_pairs(each, "environment"), variables),
            )
        )
    return tuple(found)


def _logging(service: Value) -> Logging:
    logging = service.part("logging")
    return Logging(logging.text("driver"), logging.pairs("options"))
