"""The gates of a channel as people write them: what has to be known, proven or allowed first."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.durations import duration_of
from herdbook.recipes.model import Command, Strict, Variant, WrittenCommand

Severity = Literal["low", "medium", "high", "critical"]


def _duration(value: str) -> str:
    duration_of(value)
    return value


def one_or_many(value: object) -> object:
    """Take one word for a list of one."""
    return [value] if isinstance(value, str) else value


Duration = Annotated[str, AfterValidator(_duration)]
Patterns = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(one_or_many, json_schema_input_type=str | tuple[str, ...]),
]
Variants = Annotated[
    tuple[Variant, ...],
    BeforeValidator(one_or_many, json_schema_input_type=Variant | tuple[Variant, ...]),
]


class Licences(Strict):
    """Which licences no component may have, by SPDX's identifiers, also as patterns.

    With `unknown: deny`, there may be no component of which nobody knows the licence.
    """

    deny: Annotated[Patterns, Field(description="Such as AGPL-3.0-*.")] = ()
    unknown: Literal["allow", "deny"] = "allow"


class OwnCommand(Strict):
    """A command of one's own that `herdbook test` runs on its machine; status 0 passes."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
    run: WrittenCommand
    timeout: Annotated[Duration, Field(description="Such as 10m.")] = "10m"

    @property
    def limit_seconds(self) -> float:
        """How long it may take."""
        return duration_of(self.timeout).total_seconds()

    def text_for(self, channel: str) -> Digest:
        """What names its words: what another command came to says nothing of this one.

        Nor does what it came to for another channel: it is told which.
        """
        return text_of((channel,), self.run)


def text_of(*commands: Command) -> Digest:
    """Return what names the words of commands."""
    return digests.of_json([list(each) for each in commands])


class Gates(Strict):
    """What has to be true of a version, by what is known of it now.

    `worst` is the gravest severity that may be open, where it is said; with `exploited` false,
    nothing known to be exploited may be; with `complete`, nothing may be unknown. What is to be
    tried or compared was done by `herdbook test`, no longer ago than `tested_within`.
    """

    worst: Severity | None = None
    exploited: bool = True
    complete: bool = False
    boots: Annotated[Variants, Field(description="Variants that must have become ready.")] = ()
    tests: Annotated[
        bool, Field(description="Whether the recipe's tests must have passed, in each variant.")
    ] = False
    reproduced: Annotated[
        bool, Field(description="Whether a second build must have had the same digests.")
    ] = False
    commands: tuple[OwnCommand, ...] = ()
    tested_within: Annotated[
        Duration | None, Field(description="How old such results may be, such as 30d.")
    ] = None
    licences: Licences | None = None

    @field_validator("commands")
    @classmethod
    def _names_differ(cls, commands: tuple[OwnCommand, ...]) -> tuple[OwnCommand, ...]:
        if len({each.name for each in commands}) != len(commands):
            raise ValueError("give two of them the same name")
        return commands

    @property
    def lasts(self) -> timedelta | None:
        """For how long a result counts; None for as long as it is there."""
        return duration_of(self.tested_within) if self.tested_within else None

    def in_words(self) -> Iterator[str]:
        """Yield what they say, a line each."""
        if self.worst:
            yield f"nothing graver than {self.worst}"
        if not self.exploited:
            yield "nothing that is known to be exploited"
        if self.complete:
            yield "nothing unknown"
        yield from self._tested_in_words()
        if self.licences and self.licences.deny:
            yield f"nothing under {' or '.join(self.licences.deny)}"
        if self.licences and self.licences.unknown == "deny":
            yield "no licence unknown"

    def _tested_in_words(self) -> Iterator[str]:
        within = f", at most {self.tested_within} before" if self.tested_within else ""
        tried: dict[str, Any] = {
            f"{' and '.join(self.boots)} started": self.boots,
            "its tests passed": self.tests,
            "reproduced": self.reproduced,
            **{f"{each.name} passed": True for each in self.commands},
        }
        yield from (f"{words}{within}" for words, wanted in tried.items() if wanted)
