"""Chooses the ports of this machine at which a release is reached, and refuses those of others."""

from collections.abc import Iterator, Mapping

from herdbook.actions.find_application import newest_release
from herdbook.actions.workshop import Workshop
from herdbook.compose.model import Application as Composed
from herdbook.compose.model import Port, Service
from herdbook.core.errors import ConflictError
from herdbook.fleet.applications import DoorUse, Settings
from herdbook.fleet.ports import Network
from herdbook.fleet.publishing import door_name
from herdbook.rollouts.model import in_force

_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - said of others, too
_TRIES = 100
_LAST_PORT = 65535
_CLOSING_SECONDS = 3.0
_LOOK_SECONDS = 0.1


def choose_ports(workshop: Workshop, network: Network, composed: Composed) -> Mapping[str, int]:
    """Return ports for doors that name none, or several: those they have already, or free ones.

    Raises ConflictError where none of several is free.
    """
    newest = newest_release(workshop, composed.name)
    components = newest.settings.components if newest else ()
    kept = {each.name: each.port for component in components for each in component.doors}
    own = {each.port for each in _doors_of(workshop, composed.name)}
    ports = (port for service in composed.services.values() for port in service.ports)
    taken = {port.certain for port in ports if port.certain is not None}
    chosen: dict[str, int] = {}
    for service, port in _undecided(composed):
        name = door_name(service, port)
        known = kept.get(name, 0)
        free = known in own or not network.is_taken(port.address, known)
        if known in taken or not _is_offered(known, port) or not free:
            known = _free(network, service, port, taken)
        chosen[name] = known
        taken.add(known)
    return chosen


def refuse_taken_ports(workshop: Workshop, network: Network, settings: Settings) -> None:
    """Raise ConflictError where a door's place is that of another application or program."""
    others = {
        other.name: list(_doors_of(workshop, other.name))
        for other in workshop.fleet.every()
        if other.name != settings.application
    }
    own = list(_doors_of(workshop, settings.application))
    for component in settings.components:
        for use in component.doors:
            for name, doors in others.items():
                if any(_overlap(use, each) for each in doors):
                    raise _taken(component.name, use, f"the application {name} has it")
            if any(_overlap(use, each) for each in own):
                continue  # what listens there is its own balancer
            if _stays_taken(workshop, network, use):
                raise _taken(component.name, use, "another program listens there")


def _stays_taken(workshop: Workshop, network: Network, use: DoorUse) -> bool:
    """Tell whether somebody listens at a door's place: its own balancer may just be closing it."""
    deadline = workshop.clock.monotonic_seconds() + _CLOSING_SECONDS
    while network.is_taken(use.address, use.port):
        if workshop.clock.monotonic_seconds() > deadline:
            return True
        workshop.clock.sleep(_LOOK_SECONDS)
    return False


def _taken(component: str, use: DoorUse, by: str) -> ConflictError:
    return ConflictError(
        f"{component} cannot have port {use.port} of {use.address}: {by}",
        hint="Publish another port, or see who uses it: "
        f"herdbook ps, or ss -ltnp 'sport = :{use.port}'",
    )


def _overlap(one: DoorUse, other: DoorUse) -> bool:
    same = one.address == other.address or {one.address, other.address} & _EVERYWHERE
    return one.port == other.port and bool(same)


def _doors_of(workshop: Workshop, name: str) -> Iterator[DoorUse]:
    """Yield the doors that an application has open now, or is about to open."""
    application = workshop.fleet.find(name)
    if application is None:
        return
    for number in in_force(application.standing, workshop.fleet.newest(name)):
        release = workshop.fleet.release(name, number)
        for component in release.settings.components if release else ():
            yield from component.doors


def _undecided(composed: Composed) -> Iterator[tuple[Service, Port]]:
    for service in composed.services.values():
        for port in service.ports:
            if port.certain is None and port.protocol == "tcp":
                yield service, port


def _is_offered(number: int, port: Port) -> bool:
    first, last = port.published or (1, _LAST_PORT)
    return first <= number <= last


def _free(network: Network, service: Service, port: Port, taken: set[int]) -> int:
    if port.published is None:
        offered = (network.free_port() for _ in range(_TRIES))
    else:
        offered = (each for each in range(port.published[0], port.published[1] + 1))
    for number in offered:
        if number not in taken and not network.is_taken(port.address, number):
            return number
    raise ConflictError(
        f"No port is free for port {port.target} of {service.name}",
        hint="Publish it at a port of which you know that nobody has it.",
        where=service.where,
    )
