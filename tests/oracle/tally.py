"""What the comparison of all sets came to: seconds, and how often each rule was needed."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from explained import RULES
from rules import Rule
from sets import PackageSet


@dataclass
class Tally:
    """Written to by the tests, and told at the end."""

    seconds: dict[PackageSet, tuple[float, float]] = field(default_factory=dict)
    explained: dict[Rule, int] = field(default_factory=lambda: dict.fromkeys(RULES, 0))

    def lines(self) -> Iterator[str]:
        """Yield what people are told; a rule that explained nothing may be one too many."""
        yield "Seconds by Herdbook and by mmdebstrap:"
        for wanted, (here, there) in self.seconds.items():
            yield f"{here:7.1f} {there:7.1f}  {wanted}"
        yield "Differences that were explained:"
        for rule, times in self.explained.items():
            yield f"{times:7}  /{rule.pattern} ({rule.aspect.value}): {rule.because}"
