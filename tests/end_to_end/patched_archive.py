"""A signed archive on this machine: Debian's own packages to begin with, and ours to be patched."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from archive_debian import SUITE, Deb, TinyArchive
from archive_server import Mirror
from debs import build_deb

from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import read_lock
from herdbook.catalogue.model import Variant
from herdbook.core.progress import NoProgress
from herdbook.drivers.apt import AptArchive
from herdbook.layers.contents import KeptLayer, content_in
from herdbook.packages.deb import control_files
from herdbook.server.program import open_workshop
from herdbook.server.settings import Settings

Files = Mapping[str, bytes | str]
OLD, NEW = "1.0-1", "1.0-1+deb12u1"


@dataclass(frozen=True)
class Build:
    """One version of a package: its files, with `DEBIAN/` among them, and more control fields.

    Where it is not `summed`, it has no list of its files' checksums, and dpkg makes one.
    """

    files: Files
    more: str = ""
    summed: bool = True


@dataclass(frozen=True)
class Patch:
    """A package before and after, and the packages that come with it."""

    old: Build
    new: Build
    others: Mapping[str, Build] = field(default_factory=dict)


def debs_of(name: str, patch: Patch, folder: Path) -> tuple[list[Deb], Deb]:
    """Build the packages that are there from the start, and the patched one."""
    there = {name: patch.old, **patch.others}
    first = [_deb(folder, each, OLD, build) for each, build in there.items()]
    return first, _deb(folder, name, NEW, patch.new)


def _deb(folder: Path, name: str, version: str, build: Build) -> Deb:
    files = (
        {**build.files, "DEBIAN/md5sums": _md5sums(build.files)} if build.summed else build.files
    )
    made = build_deb(folder, name, files, version=version, architecture="amd64", more=build.more)
    return deb_in(made, version)


def _md5sums(files: Files) -> bytes:
    lines = (
        f"{hashlib.md5(content, usedforsecurity=False).hexdigest()}  {path}\n"
        for path, content in files.items()
        if isinstance(content, bytes) and not path.startswith("DEBIAN/")
    )
    return "".join(lines).encode()


def debian_debs(lock: Path, archive: AptArchive) -> list[Deb]:
    """Return the locked packages of Debian, as an archive lists them."""
    return [deb_in(archive.kept(each), each.version) for each in read_lock(lock).packages]


def deb_in(path: Path, version: str) -> Deb:
    control = control_files(path)["control"].content.decode()
    name = control.partition("Package: ")[2].partition("\n")[0]
    return Deb(name, version, control, path.read_bytes())


def publish(archive: TinyArchive, first: Iterable[Deb], patches: Iterable[Deb] = ()) -> None:
    """Make an archive's first release, or bring patches into its security pocket."""
    if listed := list(first):
        archive.publish(SUITE.name, listed)
        archive.publish(SUITE.updates, [])
    archive.publish(SUITE.security, list(patches))


def workshop_on(state: Path, mirror: Mirror, archive: TinyArchive) -> Workshop:
    """Open a state on nothing but this archive."""
    settings = Settings(state, f"sqlite:///{state}/herdbook.db")
    apt = AptArchive(state / "archive", mirror.mirrors, archive.keys.keyring_directory())
    return replace(open_workshop(settings, NoProgress()), archive=apt)


def content(workshop: Workshop, image: str, path: str) -> bytes:
    """Return the content of a file of an image's newest version."""
    version = workshop.versions.find(image)
    assert version is not None
    variant = version.variant(Variant.CONTAINER)
    assert variant is not None
    layers = [
        KeptLayer(workshop.layers.path(each.digest), workshop.layers.tree(each.digest))
        for each in variant.layers
    ]
    return content_in(layers, path)
