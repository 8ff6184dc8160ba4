"""Decides whether a component's licence is one that a channel does not take."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from license_expression import ExpressionError

from herdbook.channels.exceptions import UNKNOWN
from herdbook.channels.gate_rules import Licences
from herdbook.trust.licence_names import licensing

_NOBODYS = frozenset({"NOASSERTION", "NONE", "LicenseRef-unnamed"})
"""What stands for a licence that nobody knows, or has given a name."""


@dataclass(frozen=True)
class Licensed:
    """A component and the SPDX expression of its licence, empty where nobody knows it."""

    name: str
    version: str
    licence: str


def denied(rule: Licences, licence: str) -> tuple[str, ...]:
    """Return the names in a licence for which it is not taken; none where it is.

    Of what one may choose from, one that is taken is enough; of what holds at once, all must be.
    """
    parsed = _parsed(licence)
    if parsed is None:
        return (UNKNOWN,) if rule.unknown == "deny" else ()
    return tuple(sorted(_denied(parsed, rule)))


def _denied(parsed: Any, rule: Licences) -> frozenset[str]:  # noqa: ANN401 - untyped there
    joined = isinstance(parsed, licensing().AND | licensing().OR)
    if not joined:
        return _denied_name(str(parsed), rule)
    parts = [_denied(each, rule) for each in parsed.args]
    if isinstance(parsed, licensing().AND):
        return frozenset().union(*parts)
    return min(parts, key=lambda each: (len(each), sorted(each)))


def _denied_name(name: str, rule: Licences) -> frozenset[str]:
    if name in _NOBODYS and rule.unknown == "deny":
        return frozenset({UNKNOWN})
    fits = any(_fits(each, rule.deny) for each in _called(name))
    return frozenset({name}) if fits else frozenset()


def _called(name: str) -> tuple[str, ...]:
    """Return what a licence is called: one with an exception that SPDX does not know, as such, too.

    Of those we make a name of our own, and a pattern is about the licence all the same.
    """
    own = name.removeprefix("LicenseRef-")
    licence, exception, more = own.partition("-with-")
    return (name, f"{licence} WITH {more}") if exception and own != name else (name,)


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name.casefold(), each.casefold()) for each in patterns)


@lru_cache(maxsize=4096)
def _parsed(licence: str) -> Any:  # noqa: ANN401 - untyped there
    """Return an expression taken apart; None for what is none, or not known."""
    if not licence:
        return None
    try:
        return licensing().parse(licence)
    except (ExpressionError, AssertionError, IndexError, TypeError, AttributeError):
        return None
