"""Decides which services are meant: by profile, and by name."""

from collections.abc import Collection, Mapping

from herdbook.compose.tree import Node
from herdbook.core.errors import InvalidInputError
from herdbook.core.nearest import did_you_mean

ALL_PROFILES = "*"
_VARIABLE = "COMPOSE_PROFILES"


def enabled(
    services: Mapping[str, Node],
    profiles: Collection[str],
    named: Collection[str],
    variables: Mapping[str, str],
) -> set[str]:
    """Return the names of the services that are enabled.

    A service named by a person brings its profiles with it. Where no profile is given,
    COMPOSE_PROFILES has a say. Raises InvalidInputError for a name that is not there.
    """
    for name in named:
        if name not in services:
            raise InvalidInputError(
                f"There is no service {name!r}",
                hint=did_you_mean(name, services, f"There are: {', '.join(services)}."),
            )
    listed = variables.get(_VARIABLE, "").split(",")
    active = set(profiles) or {each.strip() for each in listed if each.strip()}
    for name in named:
        active |= profiles_of(services[name])
    return {
        name
        for name, service in services.items()
        if not profiles_of(service)
        or name in named
        or ALL_PROFILES in active
        or active & profiles_of(service)
    }


def profiles_of(service: Node) -> set[str]:
    """Return the profiles that a service belongs to; empty where it is always enabled."""
    written = service.fields.get("profiles")
    return {each.text for each in written.items} if written else set()
