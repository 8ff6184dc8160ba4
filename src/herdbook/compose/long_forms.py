"""Gives everything in a Compose file its long form, with absolute paths, so that files merge."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from herdbook.compose.short_forms import PATHS, WrittenPort, host_of, ports_of, volume_of
from herdbook.compose.tree import RESET, Node, mapping, scalar, sequence
from herdbook.core.errors import InvalidInputError

Rule = Callable[[Node, "Folder"], Node]


class Folder:
    """Where the relative paths of a file begin, and what `~` is."""

    def __init__(self, path: Path, home: str) -> None:
        self._path = path
        self._home = home

    def absolute(self, node: Node) -> Node:
        """Return a written path as an absolute one; a URL stays as it is."""
        text = node.text
        if not text or "://" in text:
            return node
        if self._home and (text == "~" or text.startswith("~/")):
            text = self._home + text[1:]
        return scalar(str((self._path / text).absolute()), node)

    def resolved(self, path: str) -> Path:
        """Return an absolute path without `..`, links followed, so that files are known again."""
        return (self._path / path).resolve()


def long_form(document: Node, folder: Folder) -> Node:
    """Return a checked file in long form; raises InvalidInputError with file and line."""
    fields = dict(document.fields)
    for section, rule in (
        ("services", long_service),
        ("secrets", _with_file),
        ("configs", _with_file),
    ):
        if (held := fields.get(section)) and held.fields:
            fields[section] = mapping(
                {name: _unless_reset(rule, each, folder) for name, each in held.fields.items()},
                held,
            )
    return document.changed(fields)


def long_service(service: Node, folder: Folder) -> Node:
    """Return one service in long form."""
    return _with_rules(service, folder, _SERVICE)


def _with_rules(node: Node, folder: Folder, rules: Mapping[str, Rule]) -> Node:
    if not node.fields:
        return node
    fields = {
        key: _unless_reset(rules[key], each, folder) if key in rules else each
        for key, each in node.fields.items()
    }
    return mapping(fields, node)


def _unless_reset(rule: Rule, node: Node, folder: Folder) -> Node:
    return node if node.tag == RESET or node.value is None else rule(node, folder)


def _with_file(node: Node, folder: Folder) -> Node:
    return _with_rules(node, folder, {"file": lambda path, where: where.absolute(path)})


def _pairs(node: Node, _folder: Folder) -> Node:
    """`A=b` in a list, or a mapping, as a mapping of texts; null where there is no value."""
    if isinstance(node.value, tuple):
        fields = {}
        for each in node.items:
            key, equals, value = each.text.partition("=")
            fields[key] = scalar(value if equals else None, each)
            if each.tag:
                fields[key] = each
        return mapping(fields, node)
    return mapping(
        {
            key: each if each.value is None or each.tag else scalar(each.text, each)
            for key, each in node.fields.items()
        },
        node,
    )


def _hosts(node: Node, _folder: Folder) -> Node:
    fields: dict[str, tuple[Node, ...]] = {}
    for each in node.items:
        name, address = _asked(host_of, each)
        fields[name] = (*fields.get(name, ()), scalar(address, each))
    for name, each in node.fields.items():
        fields[name] = each.items or (each,)
    return mapping({name: sequence(each, node) for name, each in fields.items()}, node)


def _listed(node: Node, _folder: Folder) -> Node:
    return node if isinstance(node.value, tuple) else sequence((scalar(node.text, node),), node)


def _named(node: Node, empty: Callable[[Node], Node]) -> Node:
    """A list of names as a mapping from each of them."""
    if isinstance(node.value, tuple):
        return mapping({each.text: empty(each) for each in node.items}, node)
    return node


def _networks(node: Node, _folder: Folder) -> Node:
    return _named(node, lambda each: scalar(None, each))


def _dependencies(node: Node, _folder: Folder) -> Node:
    return _named(node, lambda each: _made(each, {"condition": "service_started"}))


def _made(near: Node, fields: Mapping[str, Any]) -> Node:
    """Return a mapping of written-out fields; inner dicts become mappings, None is left out."""
    return mapping(
        {
            key: _made(near, each) if isinstance(each, Mapping) else scalar(each, near)
            for key, each in fields.items()
            if each is not None
        },
        near,
    )


def _asked(read: Callable[[str], Any], node: Node) -> Any:  # noqa: ANN401 - what `read` gives
    try:
        return read(node.text)
    except ValueError as error:
        raise InvalidInputError(str(error), where=node.where) from error


def _ports(node: Node, _folder: Folder) -> Node:
    items: list[Node] = []
    for each in node.items:
        if each.fields or each.tag == RESET:
            items.append(each)
        else:
            items += [_port(each, written) for written in _asked(ports_of, each)]
    return sequence(tuple(items), node)


def _port(near: Node, port: WrittenPort) -> Node:
    return _made(
        near,
        {
            "target": port.target,
            "published": "-".join(str(each) for each in dict.fromkeys(port.published))
            if port.published
            else None,
            "host_ip": port.host_ip or None,
            "protocol": port.protocol,
        },
    )


def _volumes(node: Node, folder: Folder) -> Node:
    return sequence(tuple(_volume(each, folder) for each in node.items), node)


def _volume(node: Node, folder: Folder) -> Node:
    if node.tag == RESET:
        return node
    if node.fields:
        is_path = node.fields.get("type", node).text == "bind"
        source = node.fields.get("source")
        return node.with_field("source", folder.absolute(source)) if source and is_path else node
    written = _asked(volume_of, node)
    kind = "bind" if written.is_path else "volume"
    source = scalar(written.source, node)
    options = {
        "propagation": written.propagation or None,
        "selinux": written.selinux or None,
        "create_host_path": True if written.is_path else None,
        "nocopy": True if written.no_copy else None,
    }
    return _made(
        node,
        {
            "type": kind,
            "source": folder.absolute(source).text if written.is_path else written.source,
            "target": written.target,
            "read_only": True if written.read_only else None,
            kind: options if any(options.values()) else None,
        },
    )


def _grants(node: Node, _folder: Folder) -> Node:
    return sequence(
        tuple(
            each if each.fields or each.tag == RESET else _made(each, {"source": each.text})
            for each in node.items
        ),
        node,
    )


def _environment_files(node: Node, folder: Folder) -> Node:
    items = []
    for each in _listed(node, folder).items:
        long = each if each.fields or each.tag == RESET else _made(each, {"path": each.text})
        path = long.fields.get("path")
        items.append(long.with_field("path", folder.absolute(path)) if path else long)
    return sequence(tuple(items), node)


def _paths(node: Node, folder: Folder) -> Node:
    return sequence(tuple(folder.absolute(each) for each in _listed(node, folder).items), node)


def _build(node: Node, folder: Folder) -> Node:
    long = node if node.fields else _made(node, {"context": node.text})
    rules: dict[str, Rule] = {"args": _pairs, "labels": _pairs}
    return _with_rules(long, folder, rules)


def _extends(node: Node, folder: Folder) -> Node:
    long = node if node.fields else _made(node, {"service": node.text})
    return _with_rules(long, folder, {"file": lambda path, where: where.absolute(path)})


def _hooks(node: Node, folder: Folder) -> Node:
    items = tuple(_with_rules(each, folder, {"environment": _pairs}) for each in node.items)
    return sequence(items, node)


def _limits(node: Node, _folder: Folder) -> Node:
    return mapping(
        {
            name: each
            if each.fields or each.tag
            else _made(each, {"soft": each.text, "hard": each.text})
            for name, each in node.fields.items()
        },
        node,
    )


def _deploy(node: Node, folder: Folder) -> Node:
    return _with_rules(node, folder, {"labels": _pairs})


def _wishes(node: Node, folder: Folder) -> Node:
    """Paths of ours; where a backup goes may also be written as another program names it."""
    ingress: dict[str, Rule] = {"certificate": lambda path, where: where.absolute(path)}
    backup: dict[str, Rule] = {
        "to": lambda path, where: where.absolute(path) if path.text.startswith(PATHS) else path
    }
    rules: dict[str, Rule] = {
        "backup": lambda each, where: _with_rules(each, where, backup),
        "ingress": lambda each, where: _with_rules(each, where, ingress),
    }
    return _with_rules(node, folder, rules)


_SERVICE: Mapping[str, Rule] = {
    "annotations": _pairs,
    "build": _build,
    "configs": _grants,
    "depends_on": _dependencies,
    "deploy": _deploy,
    "dns": _listed,
    "dns_search": _listed,
    "env_file": _environment_files,
    "environment": _pairs,
    "extends": _extends,
    "extra_hosts": _hosts,
    "label_file": _paths,
    "labels": _pairs,
    "networks": _networks,
    "ports": _ports,
    "post_start": _hooks,
    "pre_stop": _hooks,
    "secrets": _grants,
    "sysctls": _pairs,
    "tmpfs": _listed,
    "ulimits": _limits,
    "volumes": _volumes,
    "x-herdbook": _wishes,
}
