"""The tree of a Compose file: every value with the file and line it was written in."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

RESET = "reset"
OVERRIDE = "override"
Place = tuple[str, ...]
Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Node:
    """A value, where it was written (`file:line`) and how.

    `tag` is RESET or OVERRIDE where the file says so. `written` is a scalar's text, for which 1.10
    is not 1.1.
    """

    value: "Scalar | Mapping[str, Node] | tuple[Node, ...]"
    where: str
    tag: str = ""
    written: str = ""

    @property
    def fields(self) -> "Mapping[str, Node]":
        """What a mapping holds; empty for all others."""
        return self.value if isinstance(self.value, Mapping) else {}

    @property
    def items(self) -> "tuple[Node, ...]":
        """What a sequence holds; empty for all others."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def text(self) -> str:
        """A scalar as text; empty for null and for what is no scalar."""
        if isinstance(self.value, str):
            return self.value
        return "" if self.value is None else self.written

    def changed(self, value: "Scalar | Mapping[str, Node] | tuple[Node, ...]") -> "Node":
        """Return a node of another value, written at the same place."""
        return replace(self, value=value, written=value if isinstance(value, str) else self.written)

    def with_field(self, key: str, node: "Node") -> "Node":
        """Return this mapping with one more or another field."""
        return self.changed({**self.fields, key: node})


def scalar(value: Scalar, near: Node) -> Node:
    """Return a scalar that was not written itself, with the place of what it comes from."""
    words = {True: "true", False: "false", None: ""}
    written = words[value] if isinstance(value, bool) or value is None else str(value)
    return Node(value, near.where, written=written)


def mapping(fields: Mapping[str, Node], near: Node) -> Node:
    """Return a mapping that was not written itself; it keeps the tag of what it comes from."""
    return Node(dict(fields), near.where, near.tag)


def sequence(items: tuple[Node, ...], near: Node) -> Node:
    """Return a sequence that was not written itself; it keeps the tag of what it comes from."""
    return Node(items, near.where, near.tag)


def plain(node: Node) -> Any:  # noqa: ANN401 - any YAML
    """Return what is written, as dicts, lists and scalars, without what is to be reset."""
    if isinstance(node.value, Mapping):
        return {key: plain(each) for key, each in node.fields.items() if each.tag != RESET}
    if isinstance(node.value, tuple):
        return [plain(each) for each in node.items if each.tag != RESET]
    return node.value


def without_resets(node: Node) -> Node:
    """Return the tree without what is to be reset, and without tags: there is nothing to merge."""
    if isinstance(node.value, Mapping):
        kept = {key: each for key, each in node.fields.items() if each.tag != RESET}
        return Node({key: without_resets(each) for key, each in kept.items()}, node.where)
    if isinstance(node.value, tuple):
        left = (each for each in node.items if each.tag != RESET)
        return Node(tuple(without_resets(each) for each in left), node.where)
    return replace(node, tag="")


def place_of(node: Node, place: tuple[str | int, ...]) -> str:
    """Return `file:line` of a place in the tree, or of the nearest one around it."""
    for part in place:
        inner = node.fields.get(str(part))
        if isinstance(part, int) and part < len(node.items):
            inner = node.items[part]
        if inner is None:
            break
        node = inner
    return node.where
