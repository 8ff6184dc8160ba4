"""Licences: what Debian, Python and npm packages say of theirs, as one SPDX expression each."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from license_expression import ExpressionError
from packaging.metadata import parse_email

from herdbook.trust.licence_names import (
    CLASSIFIED,
    UNNAMED,
    licensing,
    reference,
    spdx_exception,
    spdx_name,
)

_FORMAT = re.compile(
    r"^format(?:-specification)?:.*(?:copyright-format|dep-?5|dep\.debian)",
    re.IGNORECASE | re.MULTILINE,
)
_FIELD = re.compile(
    r"^(?:(?P<field>files|license):[ \t]*(?P<value>.*?)|(?P<end>))[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_BETWEEN = (
    (re.compile(r",\s*(?:and/)?or\s+", re.IGNORECASE), "OR"),
    (re.compile(r",\s*(?:and\s+)?", re.IGNORECASE), "AND"),
    (re.compile(r"\s+(?:and/)?or\s+|_or_|-or-(?!later)", re.IGNORECASE), "OR"),
    (re.compile(r"\s+and\s+|_and_", re.IGNORECASE), "AND"),
)
"""What parts Debian's short names, the loosest first (copyright format 1.0, 7.2)."""

_ANY_OPERATOR = re.compile("|".join(pattern.pattern for pattern, _ in _BETWEEN), re.IGNORECASE)
_PROSE_WORDS = 3
"""So many words that are no name we know are a sentence: the text stands where a name should."""

_LONGEST_CHARACTERS = 2000
"""What is longer is no expression; the parser's time grows with the square of the length."""

_OPERATORS = {"and": "AND", "or": "OR", "with": "WITH"}
_CLASSIFIER = "License :: "


def of_debian_copyright(text: str) -> str:
    """Return what a machine-readable `debian/copyright` says; "" for one that people alone read.

    https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/: what the header and the
    paragraphs on files name holds, all of it. A paragraph on a licence alone gives the text of a
    name used elsewhere, and counts where no other one names any: it would make an obligation of
    one half of a choice.
    """
    text = text.replace("\r\n", "\n").lstrip()
    if not _FORMAT.search(text.partition("\n\n")[0]):
        return ""
    of_files: set[str] = set()
    alone: set[str] = set()
    about_files = True  # the header speaks of all files
    for match in _FIELD.finditer(text):
        if match["field"] is None:
            about_files = False
        elif match["field"].lower() == "files":
            about_files = True
        else:
            (of_files if about_files else alone).add(match["value"])
    return _all_of(part for name in of_files or alone for part in _of_short_name(name))


def of_python_metadata(text: str) -> str:
    """Return what the core metadata of a distribution say of its licence.

    https://packaging.python.org/specifications/core-metadata/: `License-Expression`, or else the
    classifiers, or else `License` where SPDX knows what it says. Several classifiers all hold: it
    is not told whether they are a choice (PEP 639), and that is the stricter reading.
    """
    fields, _ = parse_email(text)
    if given := _expression(fields.get("license_expression", "")):
        return given
    classifiers = [
        each.removeprefix(_CLASSIFIER).removeprefix("OSI Approved").removeprefix(" :: ")
        for each in fields.get("classifiers", ())
        if each.startswith(_CLASSIFIER)
    ]
    if found := _all_of(CLASSIFIED[each] for each in classifiers if each in CLASSIFIED):
        return found
    stated = _expression(fields.get("license", ""))
    if stated and "LicenseRef-" not in stated:
        return stated
    return _all_of(reference(each) for each in classifiers if each)


def of_package_json(content: Mapping[str, Any]) -> str:
    """Return what a `package.json` says (https://docs.npmjs.com/files/package.json#license).

    It is an expression, or in old packages `{"type": ..., "url": ...}`, or a list of those in
    `licenses`, which is a choice. `SEE LICENSE IN <file>` says nothing we could tell.
    """
    stated = content.get("license") or content.get("licenses")
    several = stated if isinstance(stated, list) else [stated]
    named = [each.get("type") if isinstance(each, dict) else each for each in several]
    found = {_expression(each) for each in named if isinstance(each, str)}
    if "" in found:
        return ""
    return _any_of(found)


def _expression(text: str) -> str:
    """Return a stated expression or name as SPDX writes it, or "" for what is neither.

    A name that SPDX does not know becomes a reference.
    """
    text = text.strip()
    return "" if len(text) > _LONGEST_CHARACTERS else _parsed(text) or spdx_name(text)


def _parsed(text: str) -> str:
    told = re.sub(r"[^\s()]+", lambda word: _word(word[0]), text)
    try:
        parsed = licensing().parse(told, strict=True)
    except (ExpressionError, AssertionError, IndexError, TypeError, AttributeError):
        return ""  # all but the first are what its parser makes of parentheses out of place
    if parsed is None or any(" " in key for key in licensing().license_keys(parsed)):
        return ""  # words in a row are prose, which the parser takes for one name
    stated = str(parsed)
    return "" if "WITH LicenseRef-" in stated else stated


def _word(word: str) -> str:
    if word.lower() in _OPERATORS:
        return _OPERATORS[word.lower()]
    name = spdx_exception(word) or spdx_name(word) or reference(word)
    return f"({name})" if " " in name else name


@lru_cache(maxsize=4096)
def _of_short_name(name: str) -> frozenset[str]:
    """Return what holds at once by one of Debian's short names: identifiers and choices."""
    if "(" in name and (stated := _expression(name)):
        return frozenset({stated})
    if len(name) > _LONGEST_CHARACTERS or any(map(_is_prose, _ANY_OPERATOR.split(name))):
        return frozenset({UNNAMED})
    return _parts(name, 0)


def _is_prose(name: str) -> bool:
    words = len(name.split())
    return words >= _PROSE_WORDS and " with " not in name and not spdx_name(name)


def _parts(name: str, level: int) -> frozenset[str]:
    if level == len(_BETWEEN):
        return frozenset({spdx_name(name) or reference(name)})
    pattern, operator = _BETWEEN[level]
    inner = [_parts(each.strip(), level + 1) for each in pattern.split(name)]
    if operator == "AND" or len(inner) == 1:
        return frozenset().union(*inner)
    return frozenset({_any_of(map(_all_of, inner))})


def _all_of(parts: Iterable[str]) -> str:
    """Join what holds at once; no part is itself joined by AND alone."""
    found = sorted(set(parts))
    if len(found) == 1:
        return found[0]
    return " AND ".join(f"({each})" if " OR " in each else each for each in found)


def _any_of(parts: Iterable[str]) -> str:
    """Join what one may choose from."""
    found = sorted(set(parts))
    if len(found) == 1:
        return found[0]
    return " OR ".join(f"({each})" if " AND " in each else each for each in found)
