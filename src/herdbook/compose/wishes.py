"""What people may write under `x-herdbook`: what Compose has no words for."""

import re
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from herdbook.compose.backup_places import checked_place
from herdbook.compose.schedules import checked_schedule
from herdbook.compose.units import boolean_of, bytes_of, seconds_of

DEFAULT_BACKUPS_KEPT = 7
"""How many backups of a volume are kept where nobody says."""

_IMAGE_NAME = r"[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*"
_CHANNEL = r"[a-z0-9][a-z0-9._-]*"
_IMAGE = re.compile(
    rf"(?P<name>{_IMAGE_NAME})(:(?P<number>[1-9][0-9]{{0,8}})|@(?P<channel>{_CHANNEL}))?"
)
_WRITTEN_IMAGE = rf"^{_IMAGE_NAME}(:[1-9][0-9]*|@{_CHANNEL})?$"
_PERCENT = re.compile(r"(\d{1,3})\s*%")
_WHOLE = 100


class Strict(BaseModel):
    """A part of `x-herdbook`: frozen, and nothing in it that is not understood."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Percent(Strict):
    """A share, written as `20%`."""

    percent: Annotated[int, Field(ge=0, le=_WHOLE)]


class WishedImage(Strict):
    """An image of Herdbook's: a certain version, the newest of a channel, or the newest."""

    name: str
    number: int | None = None
    channel: str | None = None


def _not_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic wants ValueError
    return value


def _duration(value: object) -> object:
    if isinstance(value, str):
        return seconds_of(value)
    raise ValueError("is a duration with its unit, such as 30s or 5m")


def _size(value: object) -> object:
    return bytes_of(value) if isinstance(value, str) else _not_boolean(value)


def _percent(value: object) -> Percent | None:
    match = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    return Percent(percent=int(match[1])) if match and int(match[1]) <= _WHOLE else None


def _count_or_percent(value: object) -> object:
    if share := _percent(value):
        return share
    number = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
    if isinstance(number, int) and not isinstance(number, bool):
        return number
    raise ValueError("is a number, or a share such as 80%")


def _yes_or_percent(value: object) -> object:
    if share := _percent(value):
        return share
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and not value.strip().endswith("%"):
        return boolean_of(value)
    raise ValueError("is true, false, or a share such as 20%")


def _image(value: object) -> object:
    match = _IMAGE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("is an image's name, NAME:NUMBER or NAME@CHANNEL, such as shop/web@stable")
    return WishedImage.model_validate(match.groupdict(default=None))


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


Count = Annotated[int, Field(ge=0), BeforeValidator(_not_boolean)]
Port = Annotated[int, Field(ge=1, le=65535), BeforeValidator(_not_boolean)]
Seconds = Annotated[float, BeforeValidator(_duration, json_schema_input_type=str)]
SizeBytes = Annotated[int, Field(gt=0), BeforeValidator(_size, json_schema_input_type=int | str)]
_Share = Annotated[str, Field(pattern=r"^\d{1,3} *%$")]
CountOrPercent = Annotated[
    Count | Percent, BeforeValidator(_count_or_percent, json_schema_input_type=int | _Share)
]
YesOrPercent = Annotated[
    bool | Percent, BeforeValidator(_yes_or_percent, json_schema_input_type=bool | _Share)
]
Image = Annotated[
    WishedImage,
    BeforeValidator(_image, json_schema_input_type=Annotated[str, Field(pattern=_WRITTEN_IMAGE)]),
]
HostName = Annotated[str, Field(pattern=r"^(\*\.)?[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$")]
Hosts = Annotated[
    tuple[HostName, ...],
    BeforeValidator(_one_or_many, json_schema_input_type=str | tuple[HostName, ...]),
]
Place = Annotated[str, BeforeValidator(checked_place, json_schema_input_type=str)]
Schedule = Annotated[str, BeforeValidator(checked_schedule, json_schema_input_type=str)]


class Kind(StrEnum):
    """What an instance of a service is."""

    CONTAINER = "container"
    VM = "vm"


class Herding(StrEnum):
    """How an instance is dealt with: replaced without a thought, or kept with its data."""

    CATTLE = "cattle"
    PET = "pet"


class Strategy(StrEnum):
    """How a service gets from one version to the next."""

    ROLLING = "rolling"
    CANARY = "canary"
    BLUE_GREEN = "blue-green"


class OnDegrade(StrEnum):
    """What is done where a new version does worse than the one before."""

    ROLLBACK = "rollback"
    FREEZE = "freeze"
    NOTIFY = "notify"


class DoorKind(StrEnum):
    """What the balancer understands of a service's requests."""

    HTTP = "http"
    TCP = "tcp"


class Canary(Strict):
    """The few instances that try a version first, and their share of the requests."""

    instances: Annotated[Count, Field(ge=1)] = 1
    weight: Annotated[
        int, Field(ge=1, le=_WHOLE, description="Per cent."), BeforeValidator(_not_boolean)
    ] = 10
    analysis: Annotated[Seconds | None, Field(description="How long it is watched.")] = None
    hold: Annotated[YesOrPercent, Field(description="Waits for a person's word.")] = False


class Budget(Strict):
    """How much of a service may be missing during a change."""

    min_available: CountOrPercent


class Snapshot(Strict):
    """When the data of a service is put aside on this machine."""

    before_update: bool = True
    keep: Annotated[Count, Field(ge=1)] = 3


class Backup(Strict):
    """When and where to the data of a service is copied."""

    schedule: Annotated[Schedule, Field(description="Cron of five fields, or a duration.")]
    keep: Annotated[Count, Field(ge=1)] = DEFAULT_BACKUPS_KEPT
    to: Annotated[Place, Field(description="A directory, or s3://BUCKET/PREFIX.")]


class ServiceProbe(Strict):
    """How an instance is asked whether it is well: by HTTP, by TCP or by a command inside."""

    http: Annotated[str | None, Field(pattern=r"^/", description="A path.")] = None
    tcp: bool = False
    command: Annotated[tuple[str, ...], Field(description="A program and its arguments.")] = ()
    port: Port | None = None
    interval: Seconds | None = None
    timeout: Seconds | None = None
    rise: Annotated[Count, Field(ge=1)] | None = None
    fall: Annotated[Count, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _asks_one_thing(self) -> "ServiceProbe":
        if sum((self.http is not None, self.tcp, bool(self.command))) != 1:
            raise ValueError("asks one thing: http, tcp or command")
        return self


class Ingress(Strict):
    """The door through which requests from outside reach a service."""

    port: Annotated[Port, Field(description="Of the instances.")]
    host: Hosts = ()
    mode: DoorKind = DoorKind.HTTP
    certificate: Annotated[str, Field(description="A PEM file with its key.")] = ""

    @model_validator(mode="after")
    def _names_need_http(self) -> "Ingress":
        if self.host and self.mode is DoorKind.TCP and not self.certificate:
            raise ValueError("host names tell nothing apart where mode is tcp")
        return self


class Machine(Strict):
    """The size of a VM."""

    cpus: Annotated[Count, Field(ge=1)] | None = None
    memory: SizeBytes | None = None
    disk: SizeBytes | None = None


class ServiceWishes(Strict):
    """`x-herdbook` of a service; durations are seconds, and None is what nobody said.

    `strategy`, `bake` and `on_degrade` come from the application where the service says nothing.
    """

    kind: Kind = Kind.CONTAINER
    image: Annotated[Image | None, Field(description="Instead of Compose's `image`.")] = None
    class_: Annotated[Herding, Field(alias="class")] = Herding.CATTLE
    strategy: Strategy | None = None
    canary: Canary | None = None
    bake: Annotated[Seconds | None, Field(description="Watched after a change.")] = None
    settle: Annotated[Seconds | None, Field(description="Ready before it is admitted.")] = None
    drain: Annotated[Seconds | None, Field(description="Time to end what has begun.")] = None
    deadline: Annotated[Seconds | None, Field(description="Within which it must be ready.")] = None
    on_degrade: OnDegrade | None = None
    reversible: bool = True
    budget: Budget | None = None
    snapshot: Snapshot | None = None
    backup: Backup | None = None
    probe: ServiceProbe | None = None
    ingress: Ingress | None = None
    vm: Machine | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> "ServiceWishes":
        if self.vm is not None and self.kind is not Kind.VM:
            raise ValueError("vm is said of a container: write `kind: vm` too")
        if self.canary is not None and self.strategy not in (None, Strategy.CANARY):
            raise ValueError("canary is said, and another strategy: write `strategy: canary`")
        return self


class ApplicationWishes(Strict):
    """`x-herdbook` at the top of a file: what holds for the whole application."""

    domain: HostName | None = None
    subnet: IPv4Network | None = None
    bake: Seconds | None = None
    on_degrade: OnDegrade | None = None
    strategy: Strategy | None = None

    def of_service(self, wishes: ServiceWishes) -> ServiceWishes:
        """Return a service's wishes with these where it says nothing."""
        inherited: dict[str, Any] = {
            key: getattr(self, key)
            for key in ("bake", "on_degrade", "strategy")
            if getattr(wishes, key) is None
        }
        if "strategy" in inherited:
            own = Strategy.CANARY if wishes.canary else self.strategy
            inherited["strategy"] = own or Strategy.ROLLING
        return wishes.model_copy(update=inherited)
