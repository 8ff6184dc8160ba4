"""Reads a Compose file's YAML into a tree, with anchors, merge keys and Compose's own tags."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from herdbook.compose.tree import OVERRIDE, RESET, Node, Scalar
from herdbook.core.errors import InvalidInputError
from herdbook.core.yaml_texts import TAG, events, not_yaml, read_text, safe_loader

_MAXIMUM_DEPTH = 40
_MAXIMUM_NODES = 100_000
_MERGE = TAG + "merge"
_TAGS = {"!reset": RESET, "!override": OVERRIDE}
_INTEGER = re.compile(r"^(?:0|[-+]?[1-9][0-9]{0,17})$")
_FLOAT = re.compile(r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$")
_BOOLEAN = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")


def read_tree(path: Path) -> Node:
    """Read a Compose file; raises NotFoundError or InvalidInputError with file and line."""
    text = read_text(path, "Compose file", "It is usually called compose.yaml.")
    return parse(text, str(path))


def parse(text: str, name: str) -> Node:
    """Return the tree of a Compose file's text; `name` is what errors call the file."""
    try:
        _refuse_depth(text, name)
        found = yaml.compose(text, Loader=_LOADER)
    except (yaml.YAMLError, ValueError) as error:
        raise not_yaml(name, error) from error
    if not isinstance(found, yaml.MappingNode):
        raise InvalidInputError(
            "A Compose file is a mapping of keys to values",
            hint="Begin with `services:`.",
            where=f"{name}:1",
        )
    return _Growing(name).node(found, found.start_mark.line + 1, 0)


# 010, 12:30, yes and 2026-01-02 are text, as people see them: Compose is YAML 1.2, PyYAML reads
# YAML 1.1. So `restart: no` is the word, and `22:22` a port.
_LOADER = safe_loader(
    "ComposeLoader",
    ("int", "float", "bool", "timestamp"),
    {
        "int": (_INTEGER, "-+0123456789"),
        "float": (_FLOAT, "-+.0123456789"),
        "bool": (_BOOLEAN, "tTfF"),
    },
)


def _refuse_depth(text: str, name: str) -> None:
    """Refuse what would crash a parser written in C before it can say anything."""
    for _, depth, line in events(text, _LOADER):
        if depth > _MAXIMUM_DEPTH:
            raise _too_deep(f"{name}:{line}")


def _too_deep(where: str) -> InvalidInputError:
    return InvalidInputError(
        f"More than {_MAXIMUM_DEPTH} levels inside each other",
        hint="Does an anchor (&) hold its own alias (*)?",
        where=where,
    )


class _Growing:
    """Turns PyYAML's nodes into ours, and counts them: aliases can stand for endlessly many."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0

    def node(self, node: yaml.Node, line: int, depth: int) -> Node:
        where = f"{self._name}:{line}"
        self._count += 1
        if depth > _MAXIMUM_DEPTH:
            raise _too_deep(where)
        if self._count > _MAXIMUM_NODES:
            raise InvalidInputError(
                f"More than {_MAXIMUM_NODES} values, with all aliases written out", where=where
            )
        tag = self._tag(node, where)
        if isinstance(node, yaml.MappingNode):
            return Node(self._fields(node, depth), where, tag)
        if isinstance(node, yaml.SequenceNode):
            items = [self.node(each, each.start_mark.line + 1, depth + 1) for each in node.value]
            return Node(tuple(items), where, tag)
        return Node(_scalar(node, where), where, tag, str(node.value))

    def _tag(self, node: yaml.Node, where: str) -> str:
        if node.tag in _TAGS:
            return _TAGS[node.tag]
        if not node.tag.startswith(TAG):
            raise InvalidInputError(
                f"A Compose file has no tag {node.tag}",
                hint="It has !reset and !override.",
                where=where,
            )
        return ""

    def _fields(self, node: yaml.MappingNode, depth: int) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag == _MERGE:
                for each in self._merged(value, f"{self._name}:{line}", depth):
                    merged = {**each, **merged}
                continue
            name = self._key(key, f"{self._name}:{line}")
            if name in own:
                raise InvalidInputError(
                    f"The key {name!r} is given twice",
                    hint="Keep one of them.",
                    where=f"{self._name}:{line}",
                )
            own[name] = self.node(value, line, depth + 1)
        return {**merged, **own}

    @staticmethod
    def _key(key: yaml.Node, where: str) -> str:
        if not isinstance(key, yaml.ScalarNode):
            raise InvalidInputError("A key is a word", hint="Is a quote missing?", where=where)
        return str(key.value)

    def _merged(self, value: yaml.Node, where: str, depth: int) -> Iterator[dict[str, Node]]:
        """Yield what `<<` brings in: the first of several has precedence (YAML merge)."""
        sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                raise InvalidInputError(
                    "<< takes a mapping, or a list of mappings",
                    hint="Write for instance `<<: *common`, where `&common` is a mapping.",
                    where=where,
                )
            if depth > _MAXIMUM_DEPTH:
                raise _too_deep(where)
            yield self._fields(source, depth + 1)


def _scalar(node: yaml.Node, where: str) -> Scalar:
    kind = node.tag.removeprefix(TAG)
    try:
        if kind == "int":
            return int(node.value)
        if kind == "float":
            return float(node.value)
    except ValueError:
        raise InvalidInputError(f"{node.value!r} is no number", where=where) from None
    if kind == "bool":
        return str(node.value).lower() in ("true", "yes", "on", "y")
    if kind == "null" or (node.tag in _TAGS and node.value in ("", "~", "null")):
        return None
    return str(node.value)
