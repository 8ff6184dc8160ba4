"""Finds out where an image is to be read from, and how skopeo calls that place."""

import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.core.nearest import did_you_mean
from herdbook.images.references import LocalPath, RegistryName

_IN_LAYOUT = "oci-layout"
_IN_DOCKER_ARCHIVE = "manifest.json"


@dataclass(frozen=True)
class Source:
    """A place to read an image from.

    `address` is skopeo's (containers-transports(5)); a path in it is relative to `directory`,
    since it may not hold colons. `host` is the registry's, and empty for what lies here.
    `layout` is the folder where it is an OCI layout.
    """

    label: str
    address: str
    directory: Path | None = None
    host: str = ""
    needs_certificate: bool = True
    layout: Path | None = None


def registry_source(name: RegistryName) -> Source:
    """Return an image in a registry; only one on this machine may do without a certificate."""
    return Source(
        str(name),
        f"docker://{name}",
        host=name.host,
        needs_certificate=not name.is_on_this_machine,
    )


def local_source(reference: LocalPath, folder: Path) -> Source:
    """Return an OCI layout or an archive below a recipe's folder.

    Raises InvalidInputError where the path leaves the folder or holds no image, NotFoundError
    where there is nothing.
    """
    path = folder / reference.path
    if reference.path.startswith("/") or not path.resolve().is_relative_to(folder.resolve()):
        raise InvalidInputError(
            f"{reference.path} leads out of the recipe's folder",
            hint="Copy the image to a place below it, or push it to a registry.",
        )
    if not path.exists():
        beside = path.parent.iterdir() if path.parent.is_dir() else ()
        raise NotFoundError(
            f"There is no image {path}",
            hint=did_you_mean(
                reference.path, _written(beside, folder), "Paths are relative to the recipe."
            ),
        )
    transport = _transport(path)
    return Source(
        str(reference),
        f"{transport}:{reference}",
        directory=folder,
        layout=path if transport == "oci" else None,
    )


def _written(paths: Iterable[Path], folder: Path) -> list[str]:
    return [f"./{path.relative_to(folder)}" for path in paths]


def _transport(path: Path) -> str:
    if path.is_dir():
        if (path / _IN_LAYOUT).is_file():
            return "oci"
        raise InvalidInputError(
            f"The folder {path} is no OCI image layout",
            hint="One is written by: skopeo copy docker://NAME:TAG oci:FOLDER",
        )
    names = _names_in(path)
    if _IN_LAYOUT in names:  # docker's own archives are both since version 25
        return "oci-archive"
    if _IN_DOCKER_ARCHIVE in names:
        return "docker-archive"
    raise InvalidInputError(
        f"{path} is no archive of an image",
        hint="One is written by: podman save --format oci-archive -o FILE IMAGE",
    )


def _names_in(path: Path) -> set[str]:
    try:
        with tarfile.open(path) as archive:
            return {name.removeprefix("./") for name in archive.getnames()}
    except (tarfile.TarError, EOFError, OSError):
        return set()
