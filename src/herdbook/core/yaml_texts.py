"""Reads the text of a YAML file, whatever is in it: its size and depth, its mistakes, its words."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from re import Pattern
from typing import Any

import yaml

from herdbook.core.errors import InvalidInputError, NotFoundError

TAG = "tag:yaml.org,2002:"
"""How the tags of YAML's own kinds begin."""

_MAXIMUM_BYTES = 1 << 20


def read_text(path: Path, noun: str, beginning: str) -> str:
    """Return the text of a file of some kind; raises NotFoundError or InvalidInputError.

    `beginning` says how one comes by such a file.
    """
    try:
        if path.stat().st_size > _MAXIMUM_BYTES:
            raise InvalidInputError(f"This file is too large for a {noun}", where=str(path))
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFoundError(f"There is no {noun} {path}", hint=beginning) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(
            f"The {noun} cannot be read: {error}",
            hint="It is a text file, in UTF-8.",
            where=str(path),
        ) from error


def not_yaml(name: str, error: Exception) -> InvalidInputError:
    """Return the error that says what of a file is not YAML, and in which line."""
    mark = getattr(error, "problem_mark", None)
    where = f"{name}:{mark.line + 1}" if mark else name
    problem = getattr(error, "problem", None) or str(error)
    return InvalidInputError(
        f"This is not YAML: {problem}", hint="Check indentation, quotes and tabs.", where=where
    )


def events(text: str, loader: Any) -> Iterator[tuple[yaml.Event, int, int]]:  # noqa: ANN401 - the C loader has no type of its own
    """Yield a text's events, how many collections each is in, and its line, from 1.

    A parser written in C can be crashed by depth before it says anything: so look at these first.
    """
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        yield event, depth, event.start_mark.line + 1 if event.start_mark else 1


def safe_loader(
    name: str, dropped: Collection[str], added: Mapping[str, tuple[Pattern[str], str]]
) -> Any:  # noqa: ANN401 - the C loader has no type of its own
    """Return a loader that takes no words for the `dropped` kinds (`int`, `timestamp` ...).

    `added` says which words it does take for a kind, and with which letters these begin.
    """
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    tags = {TAG + kind for kind in dropped}
    resolvers = {
        first: [(tag, pattern) for tag, pattern in known if tag not in tags]
        for first, known in base.yaml_implicit_resolvers.items()
    }
    loader: Any = type(name, (base,), {"yaml_implicit_resolvers": resolvers})
    for kind, (pattern, letters) in added.items():
        loader.add_implicit_resolver(TAG + kind, pattern, list(letters))
    return loader
