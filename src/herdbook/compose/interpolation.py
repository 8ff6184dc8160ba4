"""Puts variables into the values of a Compose file, as a shell would."""

import re
from collections.abc import Callable, Mapping

from herdbook.compose.tree import Node
from herdbook.core.errors import InvalidInputError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-?+]")
_MAXIMUM_DEPTH = 20
Report = Callable[[str], None]


class InterpolationError(ValueError):
    """A value cannot be interpolated; `hint` says what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def _nobody(_name: str) -> None:
    pass


def substitute(
    text: str,
    variables: Mapping[str, str],
    unset: Report = _nobody,
    *,
    lenient: bool = False,
) -> str:
    """Return the text with its variables' values; `$$` is a dollar sign.

    `unset` is told each variable that has neither value nor default. `lenient` leaves a dollar
    sign that begins nothing as it is, as env files do. Raises InterpolationError.
    """
    return _Substitution(variables, unset, lenient=lenient).of(text, 0)


def interpolate(
    node: Node, variables: Mapping[str, str], unset: Callable[[str, str], None]
) -> Node:
    """Return the tree with variables put into its values, never into its keys.

    `unset` is told where each variable without a value stands, and its name. Raises
    InvalidInputError with file and line.
    """
    if isinstance(node.value, Mapping):
        return node.changed(
            {key: interpolate(each, variables, unset) for key, each in node.fields.items()}
        )
    if isinstance(node.value, tuple):
        return node.changed(tuple(interpolate(each, variables, unset) for each in node.items))
    if not isinstance(node.value, str) or "$" not in node.value:
        return node
    try:
        value = substitute(node.value, variables, lambda name: unset(node.where, name))
    except InterpolationError as error:
        raise InvalidInputError(str(error), hint=error.hint, where=node.where) from error
    return node.changed(value)


class _Substitution:
    def __init__(self, variables: Mapping[str, str], unset: Report, *, lenient: bool) -> None:
        self._variables = variables
        self._unset = unset
        self._lenient = lenient

    def of(self, text: str, depth: int) -> str:
        if depth > _MAXIMUM_DEPTH:
            raise InterpolationError(f"More than {_MAXIMUM_DEPTH} variables inside each other")
        done: list[str] = []
        start = 0
        while (dollar := text.find("$", start)) >= 0:
            done.append(text[start:dollar])
            value, start = self._after(text, dollar, depth)
            done.append(value)
        return "".join(done) + text[start:]

    def _after(self, text: str, dollar: int, depth: int) -> tuple[str, int]:
        """Return what stands for a dollar sign and what belongs to it, and where that ends."""
        following = text[dollar + 1 : dollar + 2]
        if following == "$":
            return "$", dollar + 2
        if name := _NAME.match(text, dollar + 1):
            return self._value(name[0]), name.end()
        if following == "{":
            return self._braced(text, dollar, depth)
        if self._lenient:
            return "$", dollar + 1
        raise InterpolationError(
            f"{text!r} holds a dollar sign that begins no variable",
            "Write $$ where a dollar sign is meant.",
        )

    def _braced(self, text: str, dollar: int, depth: int) -> tuple[str, int]:
        name = _NAME.match(text, dollar + 2)
        end = _closing(text, dollar + 1)
        if name is None or end < 0:
            raise _unreadable(text)
        if name.end() == end:
            return self._value(name[0]), end + 1
        operator = _OPERATOR.match(text, name.end())
        if operator is None:
            raise _unreadable(text)
        word = text[operator.end() : end]
        return self._chosen(name[0], operator[0], word, depth), end + 1

    def _chosen(self, name: str, operator: str, word: str, depth: int) -> str:
        """Return what an operator makes of a variable; with a colon, empty counts as unset."""
        value = self._variables.get(name)
        there = value is not None and not (operator.startswith(":") and value == "")
        if operator[-1] == "+":
            return self.of(word, depth + 1) if there else ""
        if there and value is not None:
            return value
        said = self.of(word, depth + 1)
        if operator[-1] == "-":
            return said
        raise InterpolationError(
            f"The variable {name} has no value" + (f": {said}" if said else ""),
            f"Set {name} in the environment or in the file .env.",
        )

    def _value(self, name: str) -> str:
        if name not in self._variables:
            self._unset(name)
        return self._variables.get(name, "")


def _unreadable(text: str) -> InterpolationError:
    return InterpolationError(
        f"{text!r} holds a variable that cannot be read",
        "Write ${NAME}, ${NAME:-default} or ${NAME:?message}; $$ is a dollar sign.",
    )


def _closing(text: str, opening: int) -> int:
    """Return where the brace closes that opens there, or -1; a default may hold braces itself."""
    depth = 0
    for position in range(opening, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return position
    return -1
