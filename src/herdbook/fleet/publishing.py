"""Translates what a service of a Compose file publishes into doors."""

from collections.abc import Mapping

from herdbook.compose.model import Port, Service
from herdbook.compose.wishes import DoorKind, Ingress
from herdbook.core.errors import InvalidInputError
from herdbook.fleet.applications import DoorUse
from herdbook.fleet.balancing import DoorMode
from herdbook.fleet.instances import host_label


def _refuse_hosts(service: Service, ingress: Ingress) -> None:
    """Raise InvalidInputError for host names that no door can tell apart."""
    said = ""
    if ingress.host and ingress.mode is DoorKind.TCP:
        said = "in mode tcp, nobody sees host names"
    elif any(each.startswith("*") for each in ingress.host):
        said = "a door answers to whole names only"
    if said:
        raise InvalidInputError(
            f"The ingress of {service.name} cannot have these hosts: {said}",
            hint="Name each of them, with mode http.",
            where=service.where,
        )


def doors_of(service: Service, chosen_ports: Mapping[str, int]) -> tuple[DoorUse, ...]:
    """Return the doors of a service; `chosen_ports` are those of doors without one certain port.

    Raises InvalidInputError for host names that no door can tell apart.
    """
    ingress = service.herdbook.ingress
    if ingress is not None:
        _refuse_hosts(service, ingress)
    doors = []
    for port in dict.fromkeys(service.ports):
        if port.protocol != "tcp":
            continue
        is_ingress = ingress is not None and ingress.port == port.target
        doors.append(_door(service, port, chosen_ports, http=is_ingress))
    if ingress is not None and not any(each.target == ingress.port for each in doors):
        doors.append(
            DoorUse(
                name=f"{host_label(service.name)}-ingress",
                port=443 if ingress.certificate else 80,
                target=ingress.port,
                mode=DoorMode(ingress.mode.value),
                hosts=ingress.host,
                certificate=ingress.certificate,
                shared=True,
            )
        )
    return tuple(doors)


def door_name(service: Service, port: Port) -> str:
    """Return the name of the door that a published port becomes."""
    same = [each for each in service.ports if (each.target, each.protocol) == _inside(port)]
    number = same.index(port)
    name = f"{host_label(service.name)}-{port.target}"
    return f"{name}-{number}" if number else name


def _inside(port: Port) -> tuple[int, str]:
    return port.target, port.protocol


def _door(service: Service, port: Port, chosen_ports: Mapping[str, int], *, http: bool) -> DoorUse:
    ingress = service.herdbook.ingress
    name = door_name(service, port)
    speaks_http = http and ingress is not None and ingress.mode is DoorKind.HTTP
    return DoorUse(
        name=name,
        address=port.address,
        port=port.certain or chosen_ports[name],
        target=port.target,
        mode=DoorMode.HTTP if speaks_http or port.app_protocol == "http" else DoorMode.TCP,
        hosts=ingress.host if http and ingress else (),
        certificate=ingress.certificate if http and ingress else "",
        shared=http,
    )
