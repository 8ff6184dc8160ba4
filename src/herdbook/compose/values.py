"""Reads the values of a merged file as what they are meant to be, or says where they are not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from herdbook.compose.tree import Node
from herdbook.compose.units import boolean_of, bytes_of, mode_of, seconds_of
from herdbook.core.errors import InvalidInputError
from herdbook.core.nearest import did_you_mean

Read = TypeVar("Read")


@dataclass(frozen=True)
class Value:
    """A value and what it is called from the file's top, such as `services.web.ports.0`.

    Every method that takes a key returns None, or what it says else, where the key is absent.
    All raise InvalidInputError with the name, file and line.
    """

    node: Node
    name: str

    def get(self, key: str) -> "Value | None":
        """Return what is under a key; None where it is absent or null."""
        inner = self.node.fields.get(key)
        if inner is None or inner.value is None:
            return None
        return Value(inner, f"{self.name}.{key}" if self.name else key)

    def part(self, key: str) -> "Value":
        """Return what is under a key; an empty mapping where it is absent."""
        return self.get(key) or Value(Node({}, self.node.where), f"{self.name}.{key}")

    def fields(self) -> "Iterator[tuple[str, Value]]":
        """Yield a mapping's keys and values, null included."""
        for key, inner in self.node.fields.items():
            yield key, Value(inner, f"{self.name}.{key}" if self.name else key)

    def items(self, key: str) -> "Iterator[Value]":
        """Yield the entries of the list under a key."""
        if found := self.get(key):
            for number, inner in enumerate(found.node.items):
                yield Value(inner, f"{found.name}.{number}")

    def text(self, key: str, default: str = "") -> str:
        """Return the text under a key."""
        found = self.get(key)
        return found.node.text if found else default

    def required(self, key: str) -> str:
        """Return the text under a key that must be there."""
        if not (written := self.text(key)):
            raise self.refusal(f"the key {key!r} is missing")
        return written

    def one_of(self, key: str, known: tuple[str, ...]) -> str | None:
        """Return the text under a key if it is known."""
        found = self.get(key)
        if found is None:
            return None
        if found.node.text not in known:
            raise found.refusal(
                f"{found.node.text!r} is not known here",
                did_you_mean(found.node.text, known, f"It is one of {', '.join(known)}."),
            )
        return found.node.text

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the list of texts under a key."""
        return tuple(each.node.text for each in self.items(key))

    def pairs(self, key: str) -> dict[str, str]:
        """Return the mapping of texts under a key; null is the empty text."""
        return {name: each.node.text for name, each in self.part(key).fields()}

    def integer(self, key: str) -> int | None:
        """Return the whole number under a key."""
        return self._read(key, int)

    def number(self, key: str) -> float | None:
        """Return the number under a key, a finite one."""
        return self._read(key, _finite)

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Return the truth under a key."""
        found = self._read(key, boolean_of)
        return default if found is None else found

    def seconds(self, key: str) -> float | None:
        """Return the duration under a key in seconds."""
        return self._read(key, seconds_of)

    def size(self, key: str) -> int | None:
        """Return the size under a key in bytes."""
        return self._read(key, bytes_of)

    def mode(self, key: str) -> int | None:
        """Return the permissions under a key."""
        return self._read(key, mode_of)

    def refusal(self, message: str, hint: str = "") -> InvalidInputError:
        """Return the error that says what is wrong with this value."""
        said = f"{self.name}: {message}" if self.name else message
        return InvalidInputError(said, hint=hint, where=self.node.where)

    def reading(self, read: Callable[[str], Read]) -> Read:
        """Return what `read` makes of this value's text; its ValueError becomes a refusal."""
        try:
            return read(self.node.text)
        except ValueError as error:
            message = str(error) if read is not int else f"{self.node.text!r} is no whole number"
            raise self.refusal(message) from error

    def _read(self, key: str, read: Callable[[str], Read]) -> Read | None:
        found = self.get(key)
        return found.reading(read) if found else None


def _finite(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None
    if not abs(number) < float("inf"):
        raise ValueError(f"{text!r} is no number that can be counted with")
    return number
