"""How grave a vulnerability is, in one word, from a publisher's word or a CVSS 3 vector."""

import math
import re
from collections.abc import Iterable, Mapping

RANKED = ("low", "medium", "high", "critical")
"""The words we use, the least first; unknown is the empty text."""

_WORDS = {"moderate": "medium", "important": "high"} | {word: word for word in RANKED}
_VECTOR = re.compile(r"CVSS:3\.[01]((?:/[A-Z]{1,3}:[A-Z])+)")
_LEVEL = {"H": 0.56, "L": 0.22, "N": 0.0}
_WEIGHTS: Mapping[str, Mapping[str, float]] = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": _LEVEL,
    "I": _LEVEL,
    "A": _LEVEL,
}
_PRIVILEGES = {"N": (0.85, 0.85), "L": (0.62, 0.68), "H": (0.27, 0.5)}
"""Without and with a change of scope."""


def severity_word(text: str) -> str:
    """Return our word for a publisher's one (`MODERATE`, `low**`), empty where there is none."""
    return _WORDS.get(text.strip().rstrip("*").lower(), "")


def worst(words: Iterable[str]) -> str:
    """Return the gravest of our words, empty where there is none."""
    return max((word for word in words if word), key=RANKED.index, default="")


def severity_of_vector(vector: str) -> str:
    """Return our word for the base score of a CVSS 3.0 or 3.1 vector, empty for anything else."""
    score = base_score(vector)
    if not score:
        return ""
    return RANKED[sum(score >= limit for limit in (4.0, 7.0, 9.0))]


def base_score(vector: str) -> float | None:
    """Return the base score of a CVSS 3.0 or 3.1 vector, from 0 to 10; None for anything else.

    See https://www.first.org/cvss/v3.1/specification-document, section 7.1.
    """
    match = _VECTOR.fullmatch(vector)
    if match is None:
        return None
    metrics = dict(part.split(":") for part in match[1].strip("/").split("/"))
    try:
        weights = {name: values[metrics[name]] for name, values in _WEIGHTS.items()}
        changed = {"U": False, "C": True}[metrics["S"]]
        privileges = _PRIVILEGES[metrics["PR"]][changed]
    except KeyError:
        return None
    return _score(weights, privileges, changed=changed)


def _score(weights: Mapping[str, float], privileges: float, *, changed: bool) -> float:
    lost = 1 - (1 - weights["C"]) * (1 - weights["I"]) * (1 - weights["A"])
    impact = 7.52 * (lost - 0.029) - 3.25 * (lost - 0.02) ** 15 if changed else 6.42 * lost
    if impact <= 0:
        return 0.0
    ease = 8.22 * weights["AV"] * weights["AC"] * privileges * weights["UI"]
    return _rounded_up(min((1.08 if changed else 1) * (impact + ease), 10))


def _rounded_up(score: float) -> float:
    """Round up to one decimal as the specification's appendix A does, free of binary dust."""
    scaled = round(score * 100_000)
    return scaled / 100_000 if scaled % 10_000 == 0 else (math.floor(scaled / 10_000) + 1) / 10
