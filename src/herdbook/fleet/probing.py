"""Chooses how instances of a service are asked whether they are well."""

from collections.abc import Sequence
from dataclasses import replace

from herdbook.compose.model import Healthcheck, Service
from herdbook.compose.wishes import ServiceProbe
from herdbook.core.errors import InvalidInputError
from herdbook.fleet.probes import Probe, ProbeKind
from herdbook.recipes.model import Variant

_COMPOSE_INTERVAL_SECONDS = 30.0
_COMPOSE_TIMEOUT_SECONDS = 30.0
_COMPOSE_RETRIES = 3
_COMING_UP_SECONDS = 600.0
"""While an instance comes up, bad answers never count: its deadline does."""


def probe_of(
    service: Service,
    ports: Sequence[int],
    health_path: str,
    variant: Variant,
    *,
    listens: bool = True,
) -> Probe | None:
    """Return the probe: what `x-herdbook` says, or Compose's healthcheck, or the image.

    Where none of them says anything, a port that is published is tried, or the first of the
    image's `ports` if it `listens` there for sure; None where there is none, and running is being
    well.
    """
    wished, check = service.herdbook.probe, service.healthcheck
    targets = [each.target for each in service.ports if each.protocol == "tcp"]
    if service.herdbook.ingress:
        targets.insert(0, service.herdbook.ingress.port)
    port = next(iter([*targets, *ports]), 0)
    if wished is not None:
        found: Probe | None = _wished(wished, port, variant)
    elif check is not None and (check.disabled or check.test):
        found = _checked(check)
    elif health_path:
        usual = _usual(variant)
        found = replace(usual, kind=ProbeKind.HTTP, port=(ports or [port])[0], path=health_path)
    else:
        tried = next(iter([*targets, *(ports if listens else ())]), 0)
        found = replace(_usual(variant), port=tried) if tried else None
    _require_possible(service, found)
    return found


def _require_possible(service: Service, probe: Probe | None) -> None:
    if probe is not None and probe.kind is not ProbeKind.COMMAND and not probe.port:
        raise InvalidInputError(
            f"The probe of {service.name} has no port to ask at",
            hint="Say it: x-herdbook: {probe: {http: /healthz, port: 8080}}",
            where=service.where,
        )


def _usual(variant: Variant, kind: ProbeKind = ProbeKind.TCP) -> Probe:
    """Return how is asked where nobody says more; machines are slow at times, emulated or not."""
    usual = Probe(ProbeKind.TCP, start_period_seconds=_COMING_UP_SECONDS)
    if variant is Variant.VM:
        usual = replace(usual, interval_seconds=1.0, timeout_seconds=3.0)
        if kind is ProbeKind.COMMAND:  # it costs an emulated machine 0.15 s of its processor
            return replace(usual, interval_seconds=5.0, start_interval_seconds=1.0)
    return usual


def _wished(wished: ServiceProbe, port: int, variant: Variant) -> Probe:
    kind = ProbeKind.TCP
    if wished.http is not None:
        kind = ProbeKind.HTTP
    elif wished.command:
        kind = ProbeKind.COMMAND
    known = _usual(variant, kind)
    return Probe(
        kind,
        port=0 if kind is ProbeKind.COMMAND else wished.port or port,
        path=wished.http or "/",
        command=wished.command,
        interval_seconds=wished.interval or known.interval_seconds,
        timeout_seconds=wished.timeout or known.timeout_seconds,
        rise=wished.rise or known.rise,
        fall=wished.fall or known.fall,
        start_period_seconds=_COMING_UP_SECONDS,
        start_interval_seconds=known.start_interval_seconds,
    )


def _checked(check: Healthcheck) -> Probe | None:
    """Return Compose's healthcheck; one good answer makes an instance healthy there."""
    test = check.test or ("NONE",)
    if check.disabled or test[0] == "NONE":
        return None
    command = ("/bin/sh", "-c", test[1]) if test[0] == "CMD-SHELL" else test[1:]
    return Probe(
        ProbeKind.COMMAND,
        command=command,
        interval_seconds=check.interval_seconds or _COMPOSE_INTERVAL_SECONDS,
        timeout_seconds=check.timeout_seconds or _COMPOSE_TIMEOUT_SECONDS,
        fall=check.retries or _COMPOSE_RETRIES,
        rise=1,
        start_period_seconds=check.start_period_seconds or _COMING_UP_SECONDS,
        start_interval_seconds=check.start_interval_seconds or 1.0,
    )
