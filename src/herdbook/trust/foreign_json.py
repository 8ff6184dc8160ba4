"""Reads JSON that others wrote: a mistake in it is always one of theirs, said with its place."""

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError

from herdbook.core.errors import InvalidInputError

AGAIN = "Fetch it again from where it is published; if it stays so, tell its publisher."
_LONGEST_LINE = 300
_LONGEST_NAME = 1000
_LARGEST_CHARACTERS = 64 << 20
"""Of one JSON text, or one member of a larger one."""

_PIECE_CHARACTERS = 64 << 10
_BLANK = re.compile(r"[ \t\n\r]*")

NameOrNothing = Annotated[
    str, StringConstraints(max_length=_LONGEST_NAME, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")
]
Name = Annotated[NameOrNothing, StringConstraints(min_length=1)]
"""An identifier, a version, a day: goes into tables and onto terminals as it is."""

Model = TypeVar("Model", bound=BaseModel)
Item = TypeVar("Item")


class ForeignModel(BaseModel):
    """Part of a document: keys we do not know say nothing, values of another type are refused."""

    model_config = ConfigDict(strict=True, extra="ignore")


def _sequence(value: object) -> object:
    return () if value is None else tuple(value) if isinstance(value, list) else value


Several = Annotated[tuple[Item, ...], BeforeValidator(_sequence)]
"""A list, which some writers leave null."""


def parsed(text: str, where: str) -> Any:  # noqa: ANN401 - whatever it holds
    """Return what a JSON text holds; raises InvalidInputError with file and line."""
    if len(text) > _LARGEST_CHARACTERS:
        raise too_large(where)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise not_json(error, text, where) from error
    except (ValueError, RecursionError) as error:
        raise _not_meant(error, where) from error


def members(text: str, where: str) -> Iterator[tuple[str, Any]]:
    """Yield the keys and values of a large JSON object, decoded one by one.

    Raises InvalidInputError where it is no object, ends in the middle, or one of them is too large.
    """
    position = _after(text, 0, "{", where)
    while text[position : position + 1] != "}":
        key, position = _decoded(text, position, where)
        value, position = _decoded(text, _after(text, position, ":", where), where)
        yield key, value
        position = _after_blank(text, position)
        if text[position : position + 1] != "}":
            position = _after(text, position, ",", where)


def _decoded(text: str, begin: int, where: str) -> tuple[Any, int]:
    """Return what begins at a position, and where it ends.

    Only a piece of the text is decoded, a larger one where that was not enough.
    """
    length = _PIECE_CHARACTERS
    while length <= _LARGEST_CHARACTERS:
        piece = text[begin : begin + length]
        last = begin + length >= len(text)
        try:
            value, end = json.JSONDecoder().raw_decode(piece)
            if last or end < len(piece):  # else it may be half a number
                return value, begin + end
        except json.JSONDecodeError as error:
            if last:
                there = json.JSONDecodeError(error.msg, text, begin + error.pos)
                raise not_json(there, text, where) from error
        except (ValueError, RecursionError) as error:
            raise _not_meant(error, where) from error
        length *= 2
    raise too_large(where)


def _after(text: str, position: int, mark: str, where: str) -> int:
    """Return where the next thing begins after a mark that has to be at a position."""
    position = _after_blank(text, position)
    if text[position : position + 1] != mark:
        raise not_json(json.JSONDecodeError(f"Expecting {mark!r}", text, position), text, where)
    return _after_blank(text, position + 1)


def _after_blank(text: str, position: int) -> int:
    blank = _BLANK.match(text, position)
    return blank.end() if blank else position


def _not_meant(error: Exception, where: str) -> InvalidInputError:
    """Return what to say of numbers and nesting that nobody means."""
    return InvalidInputError(f"This JSON cannot be read: {error}", hint=AGAIN, where=where)


def too_large(where: str) -> InvalidInputError:
    """Return what to say of more than any feed has."""
    return InvalidInputError(
        "This is larger than any feed of advisories",
        hint="Check what it is: a small file that unpacks into a huge one may be meant to harm.",
        where=where,
    )


def not_json(error: json.JSONDecodeError, text: str, where: str) -> InvalidInputError:
    """Return what to say of a text that is no JSON, or not all of it."""
    place = f"{where}:{error.lineno}"
    # A string that does not end is reported where it begins.
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string"):
        return InvalidInputError(
            "This JSON ends in the middle: the file is incomplete", hint=AGAIN, where=place
        )
    return InvalidInputError(f"This is not JSON: {error.msg}", hint=AGAIN, where=place)


def checked(model: type[Model], value: object, kind: str, where: str) -> Model:
    """Return a value as a model; raises InvalidInputError that names the key at fault."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InvalidInputError(
            f"This is no {kind} we can read: {one_line(key) or 'the whole'}: {first['msg']}",
            hint=AGAIN,
            where=where,
        ) from error


def one_line(text: str) -> str:
    """Return the beginning of a text as one line that can be stored and printed anywhere."""
    words = text[: 2 * _LONGEST_LINE].split()
    line = "".join(each for each in " ".join(words) if each.isprintable())
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 1].rstrip() + "…"
