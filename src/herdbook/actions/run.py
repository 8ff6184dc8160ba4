"""Starts an instance of a version and waits until its service answers."""

import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from herdbook.actions.check_genuine import refuse_unsigned
from herdbook.actions.check_revoked import refuse_revoked
from herdbook.actions.render import (
    container_artefact,
    disk_image,
    machine_artefact,
    machine_settings,
)
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Variant, VariantRecord, Version
from herdbook.catalogue.names import version_named
from herdbook.channels.model import Level
from herdbook.core.errors import (
    EngineError,
    InvalidInputError,
    MissingToolError,
    TimeoutExpiredError,
)
from herdbook.fleet.instances import (
    Origin,
    ProcessChanges,
    PublishedPort,
    Seen,
    State,
    Wanted,
    check_name,
)
from herdbook.fleet.ports import Engine, Network
from herdbook.images.documents import HEALTH_LABEL, PORTS_LABEL
from herdbook.people.acts import Act

_LOOK_EVERY_SECONDS = 0.1
_PROBE_LIMIT_SECONDS = 0.5


@dataclass(frozen=True)
class Wish:
    """What a person asked for; whatever is left out follows from the image.

    `ports` maps ports of the instance to ports of this machine; `process` is what a container runs
    in place of the image's own.
    """

    name: str = ""
    ports: Mapping[int, int] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    memory_bytes: int = 0
    cpus: int = 0
    whole_disk: bool = False
    process: ProcessChanges = field(default_factory=ProcessChanges)


@dataclass(frozen=True)
class Started:
    """A started instance and how long it took to answer; None where nothing tells readiness."""

    seen: Seen
    ready_seconds: float | None


def run(
    workshop: Workshop,
    network: Network,
    version: Version,
    variant: VariantRecord,
    wish: Wish,
    ready_limit_seconds: float,
) -> Started:
    """Start an instance; with a limit above 0, return only once its health check is answered.

    Raises EngineError where it ends before that, TimeoutExpiredError at the limit; in both cases
    the instance is left for `logs` to be read.
    """
    require_role(workshop, Act.RUN, version.image)
    refuse_revoked(workshop, (version.image, version.number), Level.RESTARTS)
    engine = workshop.engines[variant.kind]
    _require_usable(workshop, engine)
    with ExitStack() as stack:
        stack.enter_context(workshop.layers.lease(version.label))
        version_named(workshop.versions, version.label)  # nobody forgot it a moment ago
        refuse_unsigned(workshop, version)
        wanted = _wanted(workshop, network, version, variant, wish)
        before = workshop.clock.monotonic_seconds()
        stack.enter_context(workshop.progress.task(f"Starting {wanted.name}"))
        seen = engine.start(wanted)
        if not (wanted.health_path and wanted.ports and ready_limit_seconds):
            return Started(seen, None)
        _await(workshop, network, engine, seen, before + ready_limit_seconds)
    return Started(seen, workshop.clock.monotonic_seconds() - before)


def _require_usable(workshop: Workshop, engine: Engine) -> None:
    """Let the engine find out what this machine can do, which the first time takes seconds."""
    with workshop.progress.task(f"Asking what {engine.name} can do here"):
        found = engine.capabilities()
    if found.unusable:
        raise MissingToolError(found.unusable, hint=found.remedy)


def _wanted(
    workshop: Workshop, network: Network, version: Version, variant: VariantRecord, wish: Wish
) -> Wanted:
    name = wish.name or _free_name(version, variant.kind, workshop.engines.values())
    check_name(name)
    service = service_of(workshop, variant)
    wanted = Wanted(
        name=name,
        origin=Origin(version.image, version.number, version.digest),
        artefact=container_artefact(workshop, version, variant)
        if variant.kind is Variant.CONTAINER
        else machine_artefact(workshop, variant),
        ports=_published(service.ports, wish.ports, network),
        environment=dict(wish.environment),
        secrets=dict(wish.secrets),
        user_id=service.user_id,
        health_path=service.health_path,
        process=wish.process,
    )
    return _with_hardware(workshop, variant, wish, wanted)


def _with_hardware(
    workshop: Workshop, variant: VariantRecord, wish: Wish, wanted: Wanted
) -> Wanted:
    if variant.kind is Variant.CONTAINER:
        memory = wish.memory_bytes or wanted.memory_bytes
        return replace(wanted, memory_bytes=memory, cpus=wish.cpus or wanted.cpus)
    settings = machine_settings(workshop, variant)
    artefact = machine_artefact(workshop, variant)
    if wish.whole_disk:
        artefact = replace(artefact, disk=disk_image(workshop, variant))
    return replace(
        wanted,
        artefact=artefact,
        memory_bytes=wish.memory_bytes or settings["memory_bytes"],
        cpus=wish.cpus or settings["cpus"],
        writable_bytes=settings["disk_bytes"],
    )


@dataclass(frozen=True)
class ServiceFacts:
    """What a variant's configuration says of its service."""

    ports: tuple[int, ...]
    health_path: str
    user_id: int


def service_of(workshop: Workshop, variant: VariantRecord) -> ServiceFacts:
    """Read a variant's configuration."""
    content = json.loads(workshop.versions.document(variant.config).content)
    if variant.kind is Variant.VM:
        return ServiceFacts(tuple(content["ports"]), content["health_path"], 0)
    config = content["config"]
    labels = config["Labels"]
    ports = tuple(int(port) for port in labels.get(PORTS_LABEL, "").split(",") if port)
    user = config.get("User", "0").partition(":")[0]
    return ServiceFacts(ports, labels.get(HEALTH_LABEL, ""), int(user))


def _published(
    ports: Iterable[int], wished: Mapping[int, int], network: Network
) -> tuple[PublishedPort, ...]:
    known = list(ports)
    if unknown := [port for port in wished if port not in known]:
        raise InvalidInputError(
            f"The image's service has no port {unknown[0]}",
            hint=f"It has: {', '.join(map(str, known)) or 'none'}.",
        )
    return tuple(PublishedPort(port, wished.get(port) or network.free_port()) for port in known)


def _free_name(version: Version, kind: Variant, engines: Iterable[Engine]) -> str:
    taken = {seen.name for engine in engines for seen in engine.observe()}
    base = f"{version.image.rpartition('/')[2].replace('.', '-').replace('_', '-')}-{kind}"
    number = 1
    name = base
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def _await(
    workshop: Workshop, network: Network, engine: Engine, seen: Seen, deadline: float
) -> None:
    port = seen.ports[0]
    while not network.answers(
        port.host_address, port.host_port, seen.health_path, _PROBE_LIMIT_SECONDS
    ):
        now = next((each for each in engine.observe() if each.name == seen.name), None)
        if now is None or now.state is not State.RUNNING:
            reason = now.reason if now else "it is gone"
            raise EngineError(
                f"{seen.name} ended before it was ready: {reason or 'it stopped by itself'}",
                hint=f"Read what it said: herdbook logs {seen.name}",
            )
        if workshop.clock.monotonic_seconds() > deadline:
            raise TimeoutExpiredError(
                f"{seen.name} runs but does not answer {seen.health_path}",
                hint=f"Read what it says: herdbook logs {seen.name}",
            )
        workshop.clock.sleep(_LOOK_EVERY_SECONDS)
