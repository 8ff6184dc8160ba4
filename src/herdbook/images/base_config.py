"""Reads what the configuration of an existing image says of its layers and its process."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError
from herdbook.images.documents import HEALTH_LABEL, PORTS_LABEL, SERVICE_PATH
from herdbook.packages.model import DIGEST_PATTERN


@dataclass(frozen=True)
class BaseConfig:
    """An image's process as its configuration has it, and its layers by their plain tars' digests.

    `user` is `NAME` or `ID`, and may have a group after a colon. `notes` are for people: what of
    the configuration is not taken over.
    """

    diff_ids: tuple[Digest, ...]
    command: tuple[str, ...] = ()
    environment: dict[str, str] | None = None
    directory: str = "/"
    user: str = ""
    ports: tuple[int, ...] = ()
    health_path: str = ""
    created: datetime | None = None
    notes: tuple[str, ...] = ()


def read_config(content: bytes) -> BaseConfig:
    """Return what a configuration says; raises InvalidInputError where it is none.

    Sources: OCI image specification 1.1, "Image Configuration"; Docker image specification 1.2.
    """
    try:
        document = _Document.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidInputError(
            f"The image's configuration cannot be read: {place or 'the file'}: {first['msg']}"
        ) from error
    process = document.config or _Process.model_validate({})
    labels = process.labels or {}
    environment = dict(line.partition("=")[::2] for line in process.environment or ())
    return BaseConfig(
        diff_ids=document.rootfs.diff_ids or (),
        command=(*(process.entrypoint or ()), *(process.arguments or ())),
        environment={"PATH": SERVICE_PATH} | environment,
        directory=process.directory or "/",
        user=process.user or "",
        ports=_ports(process, labels),
        health_path=labels.get(HEALTH_LABEL, ""),
        created=document.created,
        notes=tuple(_notes(process)),
    )


_DiffId = Annotated[Digest, Field(pattern=DIGEST_PATTERN)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Process(_Part):
    environment: tuple[str, ...] | None = Field(None, alias="Env")
    entrypoint: tuple[str, ...] | None = Field(None, alias="Entrypoint")
    arguments: tuple[str, ...] | None = Field(None, alias="Cmd")
    directory: str | None = Field(None, alias="WorkingDir")
    user: str | None = Field(None, alias="User")
    ports: dict[str, object] | None = Field(None, alias="ExposedPorts")
    labels: dict[str, str] | None = Field(None, alias="Labels")
    stop_signal: str | None = Field(None, alias="StopSignal")
    health_check: dict[str, object] | None = Field(None, alias="Healthcheck")


class _Layers(_Part):
    type: Literal["layers"]
    diff_ids: tuple[_DiffId, ...] | None


class _Document(_Part):
    created: datetime | None = None
    config: _Process | None = None
    rootfs: _Layers


def _ports(process: _Process, labels: dict[str, str]) -> tuple[int, ...]:
    """Return the TCP ports: in the order that our own label gives, or else by number."""
    exposed = {int(port) for port, protocol in _written_ports(process) if _is_tcp(port, protocol)}
    ordered = [int(each) for each in labels.get(PORTS_LABEL, "").split(",") if each.isdecimal()]
    first = [port for port in ordered if port in exposed]
    return (*first, *sorted(exposed - set(first)))


def _written_ports(process: _Process) -> list[tuple[str, str]]:
    return [
        (port, protocol or "tcp")
        for port, _, protocol in (each.partition("/") for each in process.ports or ())
    ]


def _is_tcp(port: str, protocol: str) -> bool:
    return protocol == "tcp" and port.isdecimal()


def _notes(process: _Process) -> list[str]:
    notes = [
        f"Its port {port}/{protocol} is not taken over: services have TCP ports only"
        for port, protocol in _written_ports(process)
        if not _is_tcp(port, protocol)
    ]
    if process.health_check and process.health_check.get("Test") not in (None, [], ["NONE"]):
        notes.append("Its health check is a command and is not taken over: see `service.health`")
    if process.stop_signal not in (None, "", "SIGTERM", "15"):
        notes.append(f"It wants to be stopped by {process.stop_signal}; it will get SIGTERM")
    return notes
