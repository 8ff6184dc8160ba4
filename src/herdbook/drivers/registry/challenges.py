"""Reads what a registry wants to know before it answers: the header WWW-Authenticate.

Source: RFC 9110, 11.6.1; RFC 6750, 3; for tokens the "Token Authentication Specification" of the
Distribution project.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'\s*({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_WORD}))\s*(?:,|$)')
_SCHEME = re.compile(rf"\s*,?\s*({_WORD})(?=\s|,|$)")
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True)
class Challenge:
    """One way to say who one is; `scheme` and the names of parameters are in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(header: str) -> list[Challenge]:
    """Return the ways that a header offers, in its order, up to what cannot be read."""
    found = []
    position = 0
    while match := _SCHEME.match(header, position):
        position = match.end()
        parameters: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, position):
            name, quoted, plain = parameter.groups()
            value = plain if quoted is None else _ESCAPE.sub(r"\1", quoted)
            parameters[name.lower()] = value
            position = parameter.end()
        found.append(Challenge(match[1].lower(), parameters))
    return found
