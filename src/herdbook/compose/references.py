"""Checks that what services name is there: other services, networks, volumes, secrets, configs."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from herdbook.compose.model import Application, Service, VolumeKind
from herdbook.compose.selecting import profiles_of
from herdbook.compose.tree import Node
from herdbook.core.errors import InvalidInputError
from herdbook.core.nearest import did_you_mean


def check_references(application: Application, written: Mapping[str, Node]) -> None:
    """Refuse names that nothing stands behind; `written` are the services of the file.

    Raises InvalidInputError with file and line.
    """
    for service in application.services.values():
        for section, name, declared in _named(service, application):
            if name not in declared:
                known = did_you_mean(name, declared, f"Declare it under {section}: at the top.")
                raise InvalidInputError(
                    f"services.{service.name} uses {name!r}, which {section} does not declare",
                    hint=known,
                    where=_place(written[service.name], section, name),
                )
        for grant in service.secrets:
            _check_value(service, "secret", grant.source, application)
        for grant in service.configs:
            _check_value(service, "config", grant.source, application)


def _place(service: Node, section: str, name: str) -> str:
    """Return where a service names something: in a mapping by its key, in a list by its source."""
    held = service.fields.get(section, service)
    if name in held.fields:
        return held.fields[name].where
    sources = (each.fields.get("source", each) for each in held.items)
    return next((each.where for each in sources if each.text == name), held.where)


def _named(
    service: Service, application: Application
) -> Iterator[tuple[str, str, Mapping[str, object]]]:
    for mount in service.volumes:
        if mount.kind is VolumeKind.VOLUME and mount.source:
            yield "volumes", mount.source, application.volumes
    for network in service.networks:
        yield "networks", network, application.networks
    for grant in service.secrets:
        yield "secrets", grant.source, application.secrets
    for grant in service.configs:
        yield "configs", grant.source, application.configs


def _check_value(service: Service, kind: str, key: str, application: Application) -> None:
    source = (application.secrets if kind == "secret" else application.configs)[key]
    if source.environment and source.value is None:
        raise InvalidInputError(
            f"The {kind} {key!r} of {service.name} is the variable {source.environment}, "
            "which has no value",
            hint=f"Set {source.environment} in the environment or in the file .env.",
            where=service.where,
        )


def with_dependencies(
    services: Mapping[str, Service], all_services: Mapping[str, Node]
) -> dict[str, Service]:
    """Return services that depend on enabled ones only, in no circle; raises InvalidInputError."""
    kept = {name: _kept(service, services, all_services) for name, service in services.items()}
    done: set[str] = set()
    for name in kept:
        _check_circle(name, kept, done)
    return kept


def _kept(
    service: Service, services: Mapping[str, Service], all_services: Mapping[str, Node]
) -> Service:
    for name, dependency in service.depends_on.items():
        provided = name in all_services and "provider" in all_services[name].fields
        known = name in services or provided
        if not known and (dependency.required or name not in all_services):
            raise _missing(service, name, all_services)
    there = {name: each for name, each in service.depends_on.items() if name in services}
    return replace(service, depends_on=there)


def _missing(service: Service, name: str, all_services: Mapping[str, Node]) -> InvalidInputError:
    if name in all_services:
        profiles = ", ".join(sorted(profiles_of(all_services[name])))
        return InvalidInputError(
            f"services.{service.name} depends on {name}, which is not enabled",
            hint=f"Enable one of its profiles: {profiles}.",
            where=_place(all_services[service.name], "depends_on", name),
        )
    return InvalidInputError(
        f"services.{service.name} depends on {name!r}, which is no service",
        hint=did_you_mean(name, all_services),
        where=_place(all_services[service.name], "depends_on", name),
    )


def _check_circle(start: str, services: Mapping[str, Service], done: set[str]) -> None:
    """Walk what a service depends on, without recursion: a chain may be long."""
    path: list[str] = []
    stack: list[tuple[str, bool]] = [(start, False)]
    while stack:
        name, left = stack.pop()
        if left:
            done.add(path.pop())
        elif name in path:
            circle = " → ".join([*path[path.index(name) :], name])
            raise InvalidInputError(
                f"These services wait for each other: {circle}",
                hint="Take one `depends_on` out.",
                where=services[name].where,
            )
        elif name not in done:
            path.append(name)
            stack.append((name, True))
            stack += [(each, False) for each in services[name].depends_on]
