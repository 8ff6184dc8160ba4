"""Builds a package set with Herdbook and lays its layers out as a root."""

import json
from dataclasses import dataclass
from pathlib import Path

from product import Herdbook
from roots import Root
from sets import PackageSet

from herdbook.builds.lock import read_lock
from herdbook.core.digests import hexadecimal
from herdbook.layers.contents import KeptLayer, merged_tar
from herdbook.layers.extracting import unpack
from herdbook.layers.reading import read_tree
from herdbook.layers.stacking import stack
from herdbook.packages.model import LockedPackage

_MACHINE_LAYER = "machine"
"""The one layer that holds no packages but Herdbook's own files for a machine."""


class NotInTheArchiveError(Exception):
    """The archive's index names a package that the archive does not give."""


@dataclass(frozen=True)
class Built:
    """The packages that a set's lock names, and the root that their layers stack up to."""

    packages: dict[LockedPackage, Path]
    root: Root


def build(herdbook: Herdbook, wanted: PackageSet, folder: Path) -> Built:
    """Build a set with a catalogue of its own, so that no other set decides on its layers."""
    folder.mkdir(parents=True)
    recipe = folder / "herdbook.yaml"
    variant = "vm" if wanted.machine else "container"
    recipe.write_text(
        f"image: oracle/{wanted}\nfrom: debian:{wanted.suite}\nvariants: [{variant}]\n"
        f"packages: [{', '.join(wanted.packages)}]\n"
    )
    built = herdbook.run("build", recipe, "--json")
    said = built.stdout + built.stderr
    if "The archive no longer has" in said or " 404 " in said:
        raise NotInTheArchiveError(said.partition('"message": ')[2].splitlines()[0])
    assert built.returncode == 0, said
    version = json.loads(built.stdout)
    lock = read_lock(recipe.with_suffix(".lock"))
    debs = herdbook.state / "archive/debs"
    packages = [*lock.packages, *(lock.machine if wanted.machine else ())]
    (described,) = version["variants"]
    layers = [
        _layer(herdbook.state / "blobs/sha256" / hexadecimal(layer["digest"]))
        for layer in described["layers"]
        if layer["title"] != _MACHINE_LAYER
    ]
    root = folder / "root"
    root.mkdir()
    unpack(merged_tar(layers), root)
    return Built(
        {package: debs / f"{hexadecimal(package.sha256)}.deb" for package in packages},
        Root(stack(layer.tree for layer in layers), root),
    )


def _layer(path: Path) -> KeptLayer:
    with path.open("rb") as stream:
        return KeptLayer(path, read_tree(stream))
