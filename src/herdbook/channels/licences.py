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
    return tuple(sorted(_denied(parsed, rule.deny)))


def _denied(parsed: Any, patterns: Iterable[str]) -> frozenset[str]:  # noqa: ANN401 - untyped there
    joined = isinstance(parsed, licensing().AND | licensing().OR)
    if not joined:
        name = str(parsed)
        return frozenset({name}) if _fits(name, patterns) else frozenset()
    parts = [_denied(each, patterns) for each in parsed.args]
    if isinstance(parsed, licensing().AND):
        return frozenset().union(*parts)
    return min(parts, key=lambda each: (len(each), sorted(each)))


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
