"""Reads what a service is joined to: ports, volumes, networks, other services, secrets, configs."""

from collections.abc import Iterable

from herdbook.compose.merging import SECRETS_FOLDER, granted_path
from herdbook.compose.model import (
    DEFAULT_NETWORK,
    Condition,
    Dependency,
    ExposedPorts,
    Grant,
    Mount,
    NetworkUse,
    Port,
    VolumeKind,
)
from herdbook.compose.units import address_of, range_of
from herdbook.compose.values import Value

_PORT_MODES = ("ingress", "host")
_PROTOCOLS = ("tcp", "udp", "sctp")


def read_ports(service: Value) -> tuple[Port, ...]:
    """Return the ports that a service publishes."""
    found = []
    for each in service.items("ports"):
        each.required("target")
        target = each.part("target")
        first, last = target.reading(range_of)
        if first != last:
            raise target.refusal("one port belongs here", "Use the short form for ranges.")
        published = each.get("published")
        range_ = published.reading(range_of) if published and published.node.text != "0" else None
        found.append(
            Port(
                first,
                range_,
                each.one_of("protocol", _PROTOCOLS) or "tcp",
                each.text("host_ip"),
                each.one_of("mode", _PORT_MODES) or "ingress",
                each.text("name"),
                each.text("app_protocol"),
            )
        )
    return tuple(found)


def read_exposed(service: Value) -> tuple[ExposedPorts, ...]:
    """Return the ports that other services may use."""
    found = []
    for each in service.items("expose"):
        first, last = each.reading(lambda text: range_of(text.partition("/")[0]))
        protocol = each.node.text.partition("/")[2] or "tcp"
        found.append(ExposedPorts(first, last, protocol))
    return tuple(found)


def read_mounts(service: Value) -> tuple[Mount, ...]:
    """Return what a service mounts; kinds that only other systems have are left out."""
    found: dict[str, Mount] = {}
    for each in service.items("volumes"):
        kind = each.required("type")
        target = each.required("target")
        if target in found:
            raise each.refusal(f"something is mounted at {target} already")
        if kind in tuple(VolumeKind):
            found[target] = _mount(each, VolumeKind(kind), target)
    return tuple(found.values())


def _mount(value: Value, kind: VolumeKind, target: str) -> Mount:
    if not target.startswith("/"):
        raise value.refusal(f"{target!r} is no absolute path", "Begin the target with a slash.")
    if kind is VolumeKind.BIND:
        value.required("source")
    volume, memory = value.part("volume"), value.part("tmpfs")
    return Mount(
        kind,
        target,
        value.text("source"),
        value.flag("read_only"),
        volume.flag("nocopy"),
        volume.text("subpath"),
        value.part("bind").flag("create_host_path", default=True),
        memory.size("size"),
        memory.mode("mode"),
    )


def read_network_uses(service: Value) -> dict[str, NetworkUse]:
    """Return the networks that a service takes part in: the default one where it names none."""
    written = service.get("networks")
    if written is None:
        return {} if service.text("network_mode") == "none" else {DEFAULT_NETWORK: NetworkUse()}
    return {name: _network_use(each) for name, each in written.fields()}


def _network_use(value: Value) -> NetworkUse:
    address = value.get("ipv4_address")
    return NetworkUse(value.texts("aliases"), address.reading(address_of) if address else None)


def read_dependencies(service: Value) -> dict[str, Dependency]:
    """Return what a service needs of others."""
    return {
        name: Dependency(
            Condition(each.one_of("condition", tuple(Condition)) or Condition.STARTED),
            each.flag("required", default=True),
            each.flag("restart"),
        )
        for name, each in service.part("depends_on").fields()
    }


def read_secrets(service: Value) -> tuple[Grant, ...]:
    """Return the secrets that a service sees."""
    return _grants(service.items("secrets"), SECRETS_FOLDER)


def read_configs(service: Value) -> tuple[Grant, ...]:
    """Return the configs that a service sees."""
    return _grants(service.items("configs"), "")


def _grants(values: Iterable[Value], folder: str) -> tuple[Grant, ...]:
    found: dict[str, Grant] = {}
    for each in values:
        source = each.required("source")
        target = granted_path(each.text("target") or source, folder)
        if target in found:
            raise each.refusal(f"{found[target].source!r} is at {target} already")
        mode = each.mode("mode")
        found[target] = Grant(
            source, target, each.text("uid"), each.text("gid"), 0o444 if mode is None else mode
        )
    return tuple(found.values())
