"""The recipe: what one image contains and how its service runs."""

import re
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

_SIZE = re.compile(r"(\d+)\s*([KMGT]?)(i?B)?", re.IGNORECASE)
_SIZE_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_KERNEL_FOLDERS = ("/dev", "/proc", "/run", "/sys")


class Variant(StrEnum):
    """The kinds of image one recipe can become."""

    CONTAINER = "container"
    VM = "vm"


def size_in_bytes(value: object) -> object:
    """Read `512M` or `4 GiB` as bytes (powers of 1024); plain numbers are bytes already."""
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    return int(match[1]) * _SIZE_UNITS[match[2].upper()] if match else value


def _image_path(value: str) -> str:
    path = PurePosixPath(value)
    if not path.is_absolute() or ".." in path.parts:
        raise ValueError("must be an absolute path without '..'")
    if any(str(path) == each or str(path).startswith(each + "/") for each in _KERNEL_FOLDERS):
        raise ValueError("lies in a folder that the running system makes itself")
    return str(path)


def _scalar_text(value: object) -> object:
    """Take a number for the text it was written as, as people expect of PORT: 8080."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


ImagePath = Annotated[str, AfterValidator(_image_path)]
SizeBytes = Annotated[int, BeforeValidator(size_in_bytes), Field(gt=0)]
Text = Annotated[str, BeforeValidator(_scalar_text)]
Port = Annotated[int, Field(ge=1, le=65535)]
PackageName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]
EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
UserName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,30}$")]
Command = Annotated[tuple[Text, ...], Field(min_length=1)]


class Strict(BaseModel):
    """Part of a recipe: frozen, and nothing in it that is not understood."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class FileStep(Strict):
    """Files of the recipe's folder and where they go in the image."""

    from_: Annotated[str, Field(alias="from", min_length=1, description="Relative to the recipe.")]
    to: Annotated[ImagePath, Field(description="Absolute path in the image.")]
    owner: Annotated[UserName, Field(description="`root` or the recipe's user.")] = "root"
    mode: Annotated[
        str | None, Field(pattern=r"^0?[0-7]{3}$", description="For files; default by the source.")
    ] = None


class PythonStep(Strict):
    """Python packages, installed from wheels into a virtual environment in /opt/venv."""

    requirements: Annotated[str, Field(min_length=1, description="A requirements file.")]


class Health(Strict):
    """How to tell that the service is ready: an HTTP GET that answers 2xx or 3xx."""

    http: Annotated[str, Field(pattern=r"^/\S*$")]


class Service(Strict):
    """The one program an image is for, and how it runs."""

    command: Command
    env: dict[EnvironmentName, Text] = {}
    ports: tuple[Port, ...] = ()
    health: Health | None = None
    directory: Annotated[ImagePath, Field(description="Where the command starts.")] = "/"

    @model_validator(mode="after")
    def _health_needs_a_port(self) -> "Service":
        if self.health and not self.ports:
            raise ValueError("a health check needs a port to ask at: add `ports`")
        return self


class Machine(Strict):
    """The hardware a VM gets unless whoever starts it says otherwise."""

    memory: SizeBytes = 512 << 20
    cpus: Annotated[int, Field(ge=1, le=64)] = 1
    disk: Annotated[
        SizeBytes | None, Field(description="A writable disk; without it, writes stay in memory.")
    ] = None


class Recipe(Strict):
    """What one image contains and how its service runs."""

    image: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*$",
            max_length=200,
            description="The image's name, such as shop/web.",
        ),
    ]
    from_: Annotated[
        str, Field(alias="from", pattern=r"^debian:[a-z]+$", description="debian:SUITE")
    ]
    packages: tuple[PackageName, ...] = ()
    python: PythonStep | None = None
    files: tuple[FileStep, ...] = ()
    run: Annotated[
        tuple[Annotated[tuple[Text, ...], BeforeValidator(_one_or_many)], ...],
        Field(description="Commands for the sandbox: a line for sh, or a list of words."),
    ] = ()
    user: UserName | None = None
    service: Service | None = None
    variants: Annotated[tuple[Variant, ...], Field(min_length=1)] = tuple(Variant)
    vm: Machine = Machine()
    schema_: Annotated[Literal[1], Field(alias="schema")] = 1

    @property
    def suite(self) -> str:
        """The Debian suite the image is made from."""
        return self.from_.removeprefix("debian:")

    @model_validator(mode="after")
    def _parts_fit_together(self) -> "Recipe":
        if self.python and "python3" not in self.packages:
            raise ValueError("`python` needs the interpreter: add python3 to `packages`")
        if len(set(self.variants)) != len(self.variants):
            raise ValueError("`variants` names one twice")
        for step in self.files:
            if step.owner not in ("root", self.user):
                raise ValueError(f"`files` wants owner {step.owner!r}, who is not `user`")
        return self
