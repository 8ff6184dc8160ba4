"""The recipe: what one image contains and how its service runs."""

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
)

from herdbook.core.durations import duration_of

_SIZE = re.compile(r"(\d+)\s*([KMGT]?)(i?B)?", re.IGNORECASE)
_SIZE_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_IMAGE = r"[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*"
IMAGE_NAME = f"^{_IMAGE}$"
_CHANNEL = r"[a-z0-9][a-z0-9._-]{0,62}"
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
    if not value.isprintable():
        raise ValueError("holds a character that cannot be seen")
    path = PurePosixPath(re.sub("^/+", "/", value))
    if not path.is_absolute() or ".." in path.parts:
        raise ValueError("must be an absolute path without '..'")
    if any(str(path) == each or str(path).startswith(each + "/") for each in _KERNEL_FOLDERS):
        raise ValueError("lies in a folder that the running system makes itself")
    return str(path)


def _scalar_text(value: object) -> object:
    """Take a number for the text it was written as, as people expect of PORT: 8080."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _without_null(value: str) -> str:
    if "\0" in value:
        raise ValueError("holds a null character, which no program can be given")
    return value


def _not_boolean(value: object) -> object:
    """Refuse `yes` where a number is meant, which pydantic takes for 1."""
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic wants ValueError
    return value


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


ImagePath = Annotated[str, AfterValidator(_image_path)]
_NOT_BOOLEAN = BeforeValidator(_not_boolean)
_WrittenSize = (
    Annotated[int, Field(gt=0)]
    | Annotated[str, Field(pattern=r"^[0-9]+ *[KMGTkmgt]?([iI]?[bB])?$")]
)
SizeBytes = Annotated[
    int,
    Field(gt=0),
    _NOT_BOOLEAN,
    BeforeValidator(size_in_bytes, json_schema_input_type=_WrittenSize),
]
Text = Annotated[
    str,
    AfterValidator(_without_null),
    BeforeValidator(_scalar_text, json_schema_input_type=str | int),
]
Port = Annotated[int, Field(ge=1, le=65535), _NOT_BOOLEAN]
PackageName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]
PythonName = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]
EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
UserName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,30}$")]
SecretName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Command = Annotated[tuple[Text, ...], Field(min_length=1)]
WrittenCommand = Annotated[
    Command, BeforeValidator(_one_or_many, json_schema_input_type=str | Command)
]


class Strict(BaseModel):
    """Part of a recipe: frozen, and nothing in it that is not understood."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileStep(Strict):
    """Files of the recipe's folder and where they go in the image."""

    from_: Annotated[str, Field(alias="from", min_length=1, description="Relative to the recipe.")]
    to: Annotated[ImagePath, Field(description="Absolute path in the image.")]
    owner: Annotated[UserName, Field(description="`root` or the recipe's user.")] = "root"
    mode: Annotated[
        Annotated[Text, Field(pattern=r"^0?[0-7]{3}$")] | None,
        Field(description="For files; default by the source."),
    ] = None


class PythonStep(Strict):
    """Python packages, installed into a virtual environment in /opt/venv.

    They are taken as wheels, but for those that are to be built from source.
    """

    requirements: Annotated[str, Field(min_length=1, description="A requirements file.")]
    from_source: Annotated[
        tuple[PythonName, ...],
        Field(description="Requirements to build from their source distributions."),
    ] = ()
    build_packages: Annotated[
        tuple[PackageName, ...],
        Field(description="Debian packages that building them needs, besides a C compiler."),
    ] = ()
    credentials: Annotated[
        SecretName | None,
        Field(description="A secret in netrc format, for an index that asks who one is."),
    ] = None


class NodeStep(Strict):
    """Node packages, installed as npm's package-lock.json says, into /opt/node/node_modules."""

    lock: Annotated[str, Field(min_length=1, description="A package-lock.json.")]
    development: Annotated[bool, Field(description="Also devDependencies.")] = False
    credentials: Annotated[
        SecretName | None,
        Field(description="A secret in netrc format, for a registry that asks who one is."),
    ] = None


class CommandStep(Strict):
    """A command for the sandbox, with the secrets it may read in /run/secrets."""

    command: WrittenCommand
    secrets: tuple[SecretName, ...] = ()


class PlaybookStep(Strict):
    """An Ansible playbook that is played against the image's root.

    All of the folder that holds the playbook can be read by it: roles, templates, collections.
    """

    ansible: Annotated[str, Field(min_length=1, description="A playbook, relative to the recipe.")]
    variables: dict[EnvironmentName, Text] = {}
    secrets: tuple[SecretName, ...] = ()


def _as_step(value: object) -> object:
    """Take a bare command for a step that is nothing but that command."""
    return {"command": value} if isinstance(value, str | list | tuple) else value


def _step_kind(value: object) -> str:
    """Tell the two kinds of step apart, so that a mistake is reported for the kind meant."""
    if isinstance(value, PlaybookStep) or (isinstance(value, dict) and "ansible" in value):
        return "ansible"
    return "command"


RunStep = Annotated[
    Annotated[CommandStep, Tag("command")] | Annotated[PlaybookStep, Tag("ansible")],
    Discriminator(_step_kind),
    BeforeValidator(
        _as_step,
        json_schema_input_type=str | Command | CommandStep | PlaybookStep,
    ),
]


class Health(Strict):
    """How to tell that the service is ready: an HTTP GET that answers 2xx or 3xx."""

    http: Annotated[str, Field(pattern=r"^/\S*$")]


class Service(Strict):
    """The one program an image is for, and how it runs."""

    command: Command
    env: Annotated[
        dict[EnvironmentName, Text], Field(json_schema_extra={"additionalProperties": False})
    ] = {}
    ports: tuple[Port, ...] = ()
    health: Health | None = None
    directory: Annotated[ImagePath, Field(description="Where the command starts.")] = "/"

    @field_validator("health")
    @classmethod
    def _health_needs_a_port(cls, health: Health | None, before: ValidationInfo) -> Health | None:
        if health and before.data.get("ports") == ():
            raise ValueError("a health check needs a port to ask at: add `ports`")
        return health


def _duration(value: str) -> str:
    duration_of(value)
    return value


class RecipeTest(Strict):
    """A command that has to end with status 0 inside each variant of a version.

    It runs beside the service, once that is ready, as the service's user, and what it leaves
    running may end with it.
    """

    run: WrittenCommand
    name: Annotated[str, Field(max_length=100, description="What it is about.")] = ""
    timeout: Annotated[Text, AfterValidator(_duration), Field(description="Such as 30s.")] = "60s"

    @property
    def limit_seconds(self) -> float:
        """How long it may take."""
        return duration_of(self.timeout).total_seconds()


class Machine(Strict):
    """The hardware a VM gets unless whoever starts it says otherwise."""

    memory: SizeBytes = 512 << 20
    cpus: Annotated[int, Field(ge=1, le=64), _NOT_BOOLEAN] = 1
    disk: Annotated[
        SizeBytes | None, Field(description="A writable disk; without it, writes stay in memory.")
    ] = None


def _lacks(interpreter: str, before: Mapping[str, Any]) -> bool:
    """Tell whether nothing brings an interpreter: an image below may well hold one."""
    from_nothing = before.get("from_", "").startswith("debian:")
    return from_nothing and interpreter not in before.get("packages", (interpreter,))


class Recipe(Strict):
    """What one image contains and how its service runs."""

    image: Annotated[
        str,
        Field(
            pattern=IMAGE_NAME,
            max_length=200,
            description="The image's name, such as shop/web.",
        ),
    ]
    from_: Annotated[
        str,
        Field(
            alias="from",
            pattern=rf"^(debian:[a-z]+|oci:\S+|{_IMAGE}(:[1-9][0-9]{{0,8}}|@{_CHANNEL})?)$",
            description="debian:SUITE, IMAGE, IMAGE:NUMBER or IMAGE@CHANNEL of Herdbook, "
            "or oci:REFERENCE",
        ),
    ]
    packages: tuple[PackageName, ...] = ()
    python: PythonStep | None = None
    node: NodeStep | None = None
    user: UserName | None = None
    files: tuple[FileStep, ...] = ()
    run: Annotated[
        tuple[RunStep, ...],
        Field(description="Steps in the sandbox: a line for sh, a list of words, or a playbook."),
    ] = ()
    service: Service | None = None
    variants: Annotated[tuple[Variant, ...], Field(min_length=1)] = tuple(Variant)
    rebase: Annotated[
        Literal["automatic", "never"],
        Field(description="Whether campaigns may put patched layers below, where that is proven."),
    ] = "automatic"
    vm: Machine = Machine()
    tests: Annotated[
        tuple[RecipeTest, ...],
        Field(description="What `herdbook test` runs inside each variant; no part of the image."),
    ] = ()
    schema_: Annotated[Literal[1], Field(alias="schema")] = 1

    @property
    def suite(self) -> str | None:
        """The Debian suite the image is made from; None where it is made from another image."""
        kind, _, name = self.from_.partition(":")
        return name if kind == "debian" else None

    @property
    def parent_image(self) -> str | None:
        """The name of the image of Herdbook this one is made from."""
        if self.from_.startswith(("debian:", "oci:")):
            return None
        return re.split("[:@]", self.from_)[0]

    @property
    def base_reference(self) -> str | None:
        """What names the existing image this one is made from: a registry's, or a path."""
        return self.from_.removeprefix("oci:") if self.from_.startswith("oci:") else None

    @property
    def secrets(self) -> frozenset[str]:
        """The names of all secrets that some step asks for."""
        credentials = [step.credentials for step in (self.python, self.node) if step]
        given = [name for step in self.run for name in step.secrets]
        return frozenset(name for name in (*credentials, *given) if name)

    @field_validator("from_")
    @classmethod
    def _from_names_more_than_a_kind(cls, value: str) -> str:
        if value in ("debian", "oci"):
            raise ValueError("names no suite and no image")
        return value

    @field_validator("python")
    @classmethod
    def _python_needs_its_interpreter(
        cls, python: PythonStep | None, before: ValidationInfo
    ) -> PythonStep | None:
        if python and _lacks("python3", before.data):
            raise ValueError("needs the interpreter: add python3 to `packages`")
        return python

    @field_validator("node")
    @classmethod
    def _node_needs_its_interpreter(
        cls, node: NodeStep | None, before: ValidationInfo
    ) -> NodeStep | None:
        if node and _lacks("nodejs", before.data):
            raise ValueError("needs the interpreter: add nodejs to `packages`")
        return node

    @field_validator("files")
    @classmethod
    def _files_belong_to_known_users(
        cls, files: tuple[FileStep, ...], before: ValidationInfo
    ) -> tuple[FileStep, ...]:
        for step in files:
            if step.owner not in ("root", before.data.get("user", step.owner)):
                raise ValueError(f"wants owner {step.owner!r}, who is not `user`")
        return files

    @field_validator("variants")
    @classmethod
    def _variants_differ(cls, variants: tuple[Variant, ...]) -> tuple[Variant, ...]:
        if len(set(variants)) != len(variants):
            raise ValueError("names one twice")
        return variants
