"""The rules of channels, as people write them: from where, at which hours, and who follows."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from herdbook.channels.gate_rules import Duration, Gates, one_or_many
from herdbook.channels.signer_rules import Signers
from herdbook.core.durations import duration_of
from herdbook.core.hours import is_within
from herdbook.metadata.model import Guard, guard_role
from herdbook.recipes.model import Strict
from herdbook.recipes.schema import schema_of
from herdbook.recipes.yaml_files import Kind, read_yaml

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

CHANNELS = Kind(
    noun="file of channels",
    beginning="Begin with: channels: [{channel: production, from: staging}]",
    more="See what can be written: herdbook schema channels",
    examples={
        "channels.images": "images: shop/*",
        "channels.channel": "channel: production",
        "channels.from": "from: staging",
        "channels.hours.begin": 'begin: "09:00"',
        "channels.hours.end": 'end: "17:00"',
        "channels.hours.zone": "zone: Europe/Berlin",
        "channels.freezes.begin": 'begin: "2026-12-20"',
        "channels.freezes.end": 'end: "2027-01-02"',
    },
)


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # the last for a folder of zones
        raise ValueError("is no time zone that this machine knows") from error
    return value


ChannelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
ChannelNames = Annotated[
    tuple[ChannelName, ...],
    BeforeValidator(one_or_many, json_schema_input_type=ChannelName | tuple[ChannelName, ...]),
]
GroupName = Annotated[str, Field(min_length=1)]
GroupNames = Annotated[
    tuple[GroupName, ...],
    BeforeValidator(one_or_many, json_schema_input_type=GroupName | tuple[GroupName, ...]),
]
Zone = Annotated[str, AfterValidator(_zone), Field(description="Of the tz database.")]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
_Date = r"^\d{4}-\d{2}-\d{2}( ([01]\d|2[0-3]):[0-5]\d)?$"


def _moment(value: str) -> str:
    datetime.fromisoformat(value)
    return value


Moment = Annotated[str, Field(pattern=_Date), AfterValidator(_moment)]


class Hours(Strict):
    """When a channel may be moved: from `begin` on these days until it is `end`.

    That may be on the next day; it is the whole day long where both are the same.
    """

    days: Annotated[tuple[Day, ...], Field(min_length=1)] = DAYS
    begin: TimeOfDay = "00:00"
    end: TimeOfDay = "00:00"
    zone: Zone = "UTC"

    def hold(self, now: datetime) -> bool:
        """Tell whether they hold at a time."""
        here = now.astimezone(ZoneInfo(self.zone))
        begin, end = time.fromisoformat(self.begin), time.fromisoformat(self.end)
        began_yesterday = end <= begin and here.time() < begin
        day = DAYS[here.weekday() - began_yesterday]
        return day in self.days and (begin == end or is_within(here.time(), begin, end))

    def __str__(self) -> str:
        """How people are told."""
        days = "" if self.days == DAYS else f"{', '.join(self.days)} "
        return f"{days}{self.begin} to {self.end} ({self.zone})"


class Freeze(Strict):
    """A time in which a channel is not moved, such as the days before Christmas.

    A date alone is the beginning of that day.
    """

    begin: Moment
    end: Moment
    zone: Zone = "UTC"
    reason: str = ""

    @field_validator("end")
    @classmethod
    def _ends_after_it_begins(cls, end: str, before: Any) -> str:  # noqa: ANN401
        begin = before.data.get("begin")
        if begin is not None and datetime.fromisoformat(end) <= datetime.fromisoformat(begin):
            raise ValueError("is not after its beginning")
        return end

    def holds(self, now: datetime) -> bool:
        """Tell whether it holds at a time."""
        zone = ZoneInfo(self.zone)
        first, last = (
            datetime.fromisoformat(each).replace(tzinfo=zone) for each in (self.begin, self.end)
        )
        return first <= now < last


class Approvals(Strict):
    """Who has to approve what is proposed: so many, none of them who proposed it.

    Where groups are named, only their members count. An approval holds for so long.
    """

    count: Annotated[int, Field(ge=1)] = 1
    groups: GroupNames = ()
    valid: Annotated[Duration, Field(description="Such as 12h or 7d.")] = "7d"

    @property
    def lasts(self) -> timedelta:
        """How long an approval holds."""
        return duration_of(self.valid)


class ChannelRule(Strict):
    """What holds for a channel of all images whose names fit."""

    channel: ChannelName
    images: Annotated[str, Field(min_length=1, description="A name, or a pattern with *.")] = "*"
    from_: Annotated[
        ChannelNames,
        Field(alias="from", description="A version must have been in one of these before."),
    ] = ()
    promoters: Annotated[
        GroupNames, Field(description="Groups whose members may promote; everybody without them.")
    ] = ()
    approvals: Approvals | None = None
    rebuilt: Annotated[
        bool,
        Field(
            description="Whether only what was rebuilt here, from what a proposal was sent with, "
            "gets there."
        ),
    ] = False
    signers: Signers | None = None
    gates: Gates = Gates()
    soak: Annotated[
        Duration | None,
        Field(description="How long a version must truly have served before, such as 24h."),
    ] = None
    hours: Hours | None = None
    freezes: tuple[Freeze, ...] = ()
    follow_back: Annotated[
        ChannelNames, Field(description="Channels that get what this one gets.")
    ] = ()

    @property
    def asks_for_evidence(self) -> bool:
        """Whether anything of it depends on what is known of a version."""
        return self.approvals is not None or self.gates != Gates()

    def in_words(self) -> Iterator[str]:
        """Yield what it says, a line each."""
        if self.from_:
            yield f"from {' or '.join(self.from_)}"
        if self.promoters:
            yield f"by {' or '.join(self.promoters)}"
        yield from self._people_in_words()
        yield from self.gates.in_words()
        if self.soak:
            yield f"after {self.soak} of serving"
        if self.hours:
            yield f"on {self.hours}"
        for each in self.freezes:
            yield f"not from {each.begin} to {each.end}" + (f": {each.reason}" * bool(each.reason))
        if self.follow_back:
            yield f"{', '.join(self.follow_back)} follow back"

    def _people_in_words(self) -> Iterator[str]:
        if self.approvals:
            of = f" of {' or '.join(self.approvals.groups)}" if self.approvals.groups else ""
            yield f"{self.approvals.count}{of} approve, at most {self.approvals.valid} before"
        if self.rebuilt:
            yield "rebuilt from what it was proposed with"
        if self.signers:
            yield f"{self.signers.count} of the keys {', '.join(sorted(self.signers.keys))} sign"

    @field_validator("follow_back")
    @classmethod
    def _others_follow(cls, names: tuple[str, ...], before: Any) -> tuple[str, ...]:  # noqa: ANN401
        if before.data.get("channel") in names:
            raise ValueError("names the channel itself")
        return tuple(dict.fromkeys(names))


class ChannelRules(Strict):
    """All rules; for a channel of an image, the first that fits holds."""

    channels: tuple[ChannelRule, ...] = ()

    @property
    def guards(self) -> list[Guard]:
        """The channels that so many keys have to sign for."""
        return [
            each.signers.guard(each.channel, each.images) for each in self.channels if each.signers
        ]

    @field_validator("channels")
    @classmethod
    def _nobody_follows_unasked(cls, rules: tuple[ChannelRule, ...]) -> tuple[ChannelRule, ...]:
        signed = {each.channel for each in rules if each.signers}
        for each in rules:
            if found := signed & set(each.follow_back):
                raise ValueError(f"{min(found)} cannot follow back: its signers have to sign")
        rebuilt = {each.channel for each in rules if each.rebuilt}
        for each in rules:
            if not each.rebuilt and (found := rebuilt & set(each.follow_back)):
                raise ValueError(
                    f"{min(found)} cannot follow back what need not be rebuilt: "
                    f"add `rebuilt: true` to {each.channel}"
                )
        roles = [guard_role(each.channel, each.images) for each in rules if each.signers]
        if len(set(roles)) < len(roles):
            raise ValueError("has signers for the same channel of the same images twice")
        return rules

    def of(self, image: str, channel: str) -> ChannelRule:
        """Return what holds for a channel of an image: no rule at all where none fits."""
        return next(self._fitting(image, channel), ChannelRule(channel=channel))

    def _fitting(self, image: str, channel: str) -> Iterator[ChannelRule]:
        for each in self.channels:
            if each.channel == channel and fnmatchcase(image, each.images):
                yield each


def read_rules(path: Path) -> ChannelRules:
    """Read a file of rules; raises InvalidInputError with the line, or NotFoundError."""
    return read_yaml(path, ChannelRules, CHANNELS).content


def rules_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a file of rules."""
    return schema_of(ChannelRules)
