"""Reads `.env` and `env_file` files by the specification's rules."""

import re
from collections.abc import Mapping
from pathlib import Path

from herdbook.compose.interpolation import InterpolationError, substitute
from herdbook.core.errors import InvalidInputError, NotFoundError

_KEY = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*")
_LINE_END = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_SINGLE = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "'": "'", "$": "$$"}
_COMMENT = re.compile(r"(?:^|[ \t]+)#.*$")
_RAW = "raw"


def read_environment(
    path: Path, variables: Mapping[str, str], *, style: str = ""
) -> dict[str, str | None]:
    """Return a file's variables; those without `=` are None.

    `variables` are what its values may refer to, and win over what the file said before. `style`
    is empty or `raw`, which takes values as they are. Raises NotFoundError or InvalidInputError.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {path}", where=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"This file cannot be read: {error}", where=str(path)) from error
    return parse_environment(text, str(path), variables, style=style)


def parse_environment(
    text: str, name: str, variables: Mapping[str, str], *, style: str = ""
) -> dict[str, str | None]:
    """Return the variables of a file's text, as `read_environment` does."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if style == _RAW:
        return _raw(text)
    return _Reading(text, name, variables).all()


def _raw(text: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for line in text.split("\n"):
        if line.strip() and not line.lstrip().startswith("#"):
            key, equals, value = line.partition("=")
            found[key.strip()] = value if equals else None
    return found


class _Reading:
    """One pass over a file; `_at` is the next character."""

    def __init__(self, text: str, name: str, variables: Mapping[str, str]) -> None:
        self._text = text
        self._name = name
        self._given = variables
        self._found: dict[str, str | None] = {}
        self._at = 0

    def all(self) -> dict[str, str | None]:
        while self._at < len(self._text):
            if end := _LINE_END.match(self._text, self._at):
                if end.end() == self._at:
                    break
                self._at = end.end()
            else:
                self._variable()
        return self._found

    def _variable(self) -> None:
        blank = len(self._text) - len(self._text[self._at :].lstrip(" \t"))
        key = _KEY.match(self._text, blank)
        if key is None:
            raise self._refusal("This is no variable")
        self._at = key.end()
        if self._text[self._at : self._at + 1] == "=":
            self._at += 1
            self._found[key[1]] = self._value()
        else:
            self._found[key[1]] = None
        end = _LINE_END.match(self._text, self._at)
        if end is None:
            raise self._refusal(f"Something follows the variable {key[1]}")
        self._at = end.end()

    def _value(self) -> str:
        while self._text[self._at : self._at + 1] in (" ", "\t"):
            self._at += 1
        for quoted in (_SINGLE, _DOUBLE):
            if match := quoted.match(self._text, self._at):
                self._at = match.end()
                return self._unquoted(match[1], literal=quoted is _SINGLE)
        if self._text[self._at : self._at + 1] in ("'", '"'):
            raise self._refusal("A quote is not closed")
        end = self._text.find("\n", self._at)
        end = len(self._text) if end < 0 else end
        line = self._text[self._at : end]
        self._at = end
        return self._with_variables(_COMMENT.sub("", line).rstrip())

    def _unquoted(self, text: str, *, literal: bool) -> str:
        if literal:
            return text.replace("\\'", "'")
        return self._with_variables(_ESCAPE.sub(lambda m: _ESCAPES.get(m[1], m[0]), text))

    def _with_variables(self, text: str) -> str:
        known = {key: value for key, value in self._found.items() if value is not None}
        try:
            return substitute(text, {**known, **self._given}, lenient=True)
        except InterpolationError as error:
            raise self._refusal(str(error), error.hint) from error

    def _refusal(self, message: str, hint: str = "Write NAME=value.") -> InvalidInputError:
        line = self._text.count("\n", 0, self._at) + 1
        return InvalidInputError(message, hint=hint, where=f"{self._name}:{line}")
