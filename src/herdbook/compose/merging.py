"""Merges Compose files in long form by the specification's rules."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from herdbook.compose.tree import OVERRIDE, RESET, Node, Place, plain, sequence

_SERVICE_DEPTH = 2
_REPLACED = frozenset({("command",), ("entrypoint",), ("healthcheck", "test")})
_KEPT_TWICE = frozenset({("env_file",), ("label_file",), ("post_start",), ("pre_stop",)})
_OURS = "x-herdbook"
_NO_ADDRESS = "0.0.0.0"  # noqa: S104 - what the specification takes for "not said"


def merge(base: Node, over: Node, place: Place = ()) -> Node:
    """Return `base` with what `over` says.

    Mappings merge and lists are joined; ports, volumes, secrets and configs that have the same
    key as an earlier one take its place; commands are replaced. `place` is where both stand in
    a file, such as ("services", "web").
    """
    inner = _in_service(place)
    if over.tag == OVERRIDE or inner in _REPLACED or _is_limit(inner):
        return replace(over, tag="")
    if isinstance(base.value, Mapping) and isinstance(over.value, Mapping):
        return _merged_fields(base, over, place)
    if isinstance(base.value, tuple) and isinstance(over.value, tuple):
        return over if _OURS in place else _joined(base, over, inner)
    if over.value is None and isinstance(base.value, Mapping | tuple):
        return base
    return over


def _in_service(place: Place) -> Place:
    return place[_SERVICE_DEPTH:] if place[:1] == ("services",) else ("", *place)


def _is_limit(inner: Place) -> bool:
    return inner[:1] == ("ulimits",) and len(inner) > 1


def _merged_fields(base: Node, over: Node, place: Place) -> Node:
    if _in_service(place) == ("logging",) and _other_driver(base, over):
        return over
    fields = dict(base.fields)
    for key, each in over.fields.items():
        if each.tag == RESET:
            fields.pop(key, None)
        elif key in fields:
            fields[key] = merge(fields[key], each, (*place, key))
        else:
            fields[key] = replace(each, tag="") if each.tag == OVERRIDE else each
    return Node(fields, base.where, base.tag)


def _other_driver(base: Node, over: Node) -> bool:
    drivers = [each.fields["driver"].text for each in (base, over) if "driver" in each.fields]
    return len(set(drivers)) > 1


def _joined(base: Node, over: Node, inner: Place) -> Node:
    items = (*base.items, *(each for each in over.items if each.tag != RESET))
    if inner in _KEPT_TWICE:
        return sequence(items, base)
    key = _KEYS.get(inner[0], _whole) if len(inner) == 1 else _whole
    found: dict[str, Node] = {}
    for each in items:
        found[key(each)] = each
    return sequence(tuple(found.values()), base)


def _whole(node: Node) -> str:
    return repr(plain(node))


def _port(node: Node) -> str:
    fields = {key: each.text for key, each in node.fields.items()}
    address = fields.get("host_ip") or _NO_ADDRESS
    published = fields.get("published", "")
    return f"{address}:{published}:{fields.get('target')}/{fields.get('protocol') or 'tcp'}"


def _target(node: Node) -> str:
    return node.fields["target"].text if "target" in node.fields else _whole(node)


def _grant(folder: str) -> Callable[[Node], str]:
    def key(node: Node) -> str:
        written = node.fields.get("target") or node.fields.get("source")
        return granted_path(written.text if written else "", folder)

    return key


def granted_path(written: str, folder: str) -> str:
    """Return the absolute path at which a service sees a secret or a config."""
    return written if written.startswith("/") else f"{folder}/{written}"


SECRETS_FOLDER = "/run/secrets"
_KEYS: Mapping[str, Callable[[Node], str]] = {
    "ports": _port,
    "volumes": _target,
    "secrets": _grant(SECRETS_FOLDER),
    "configs": _grant(""),
}
