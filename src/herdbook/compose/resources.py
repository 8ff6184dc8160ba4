"""Reads what an application declares beside its services: networks, volumes, secrets, configs."""

from collections.abc import Mapping
from pathlib import Path

from herdbook.compose.model import Network, SecretSource, Volume
from herdbook.compose.tree import mapping
from herdbook.compose.units import address_of, subnet_of
from herdbook.compose.values import Value

_SOURCES = ("file", "environment", "content")


def read_networks(root: Value, project: str) -> dict[str, Network]:
    """Return the declared networks by key; raises InvalidInputError."""
    return {
        key: _network(each, _name(key, each, project))
        for key, each in root.part("networks").fields()
    }


def _network(value: Value, name: str) -> Network:
    config = next((each for each in subnets(value) if not is_ipv6(each)), None)
    subnet = config.get("subnet") if config else None
    gateway = config.get("gateway") if config else None
    return Network(
        name,
        value.flag("internal"),
        _external(value),
        subnet.reading(subnet_of) if subnet else None,
        gateway.reading(address_of) if gateway else None,
        _labels(value),
    )


def subnets(network: Value) -> tuple[Value, ...]:
    """Return what a network's `ipam` says of its subnets."""
    return tuple(network.part("ipam").items("config"))


def is_ipv6(subnet: Value) -> bool:
    """Tell whether a subnet is one of IPv6, which no network of ours has."""
    return ":" in subnet.text("subnet")


def read_volumes(root: Value, project: str) -> dict[str, Volume]:
    """Return the declared volumes by key; raises InvalidInputError."""
    return {
        key: Volume(_name(key, each, project), _external(each), _labels(each))
        for key, each in root.part("volumes").fields()
    }


def read_sources(
    root: Value, section: str, project: str, variables: Mapping[str, str]
) -> dict[str, SecretSource]:
    """Return the declared secrets or configs by key; raises InvalidInputError."""
    return {
        key: _source(each, _name(key, each, project), variables)
        for key, each in root.part(section).fields()
    }


def _source(value: Value, name: str, variables: Mapping[str, str]) -> SecretSource:
    external = _external(value)
    written = [key for key in _SOURCES if value.get(key)]
    if external and written:
        raise value.refusal(
            f"it is external, and {written[0]} says what is in it", "Keep one of them."
        )
    if not external and len(written) != 1:
        raise value.refusal(
            "it comes from one place: file, environment or external",
            "Write for instance `file: ./password.txt`.",
        )
    environment = value.text("environment")
    content = value.text("content") if "content" in written else None
    return SecretSource(
        name,
        Path(value.text("file")) if "file" in written else None,
        variables.get(environment) if environment else content,
        environment,
        external,
        _labels(value),
    )


def _external(value: Value) -> bool:
    """Tell whether it is there already; an old form names it in a mapping."""
    written = value.get("external")
    return bool(written and written.node.fields) or (bool(written) and value.flag("external"))


def _name(key: str, value: Value, project: str) -> str:
    old_form = value.part("external").text("name")
    if name := value.text("name") or old_form:
        return name
    return key if _external(value) else f"{project}_{key}"


def _labels(value: Value) -> dict[str, str]:
    written = value.get("labels")
    if written is None or written.node.fields:
        return value.pairs("labels")
    pairs = (each.node.text.partition("=") for each in value.items("labels"))
    return {key: label for key, _, label in pairs}


def with_default_network(root: Value, used: bool) -> Value:  # noqa: FBT001 - a plain fact
    """Return the file with the default network, if a service uses it and nobody declares it."""
    networks = root.node.fields.get("networks") or mapping({}, root.node)
    if not used or "default" in networks.fields:
        return root
    declared = networks.with_field("default", mapping({}, root.node))
    return Value(root.node.with_field("networks", declared), root.name)
