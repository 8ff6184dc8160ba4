"""What is imported from another program's layers is what such a program makes of them."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from foreign_layers import Member, folder, link, member, opaque, removal, symlink, tar, write_layout
from hypothesis import given, settings
from hypothesis import strategies as some

from herdbook.layers.contents import KeptLayer
from herdbook.layers.importing import Imported, import_layer
from herdbook.layers.reading import read_tree
from herdbook.layers.scanning import scan
from herdbook.layers.stacking import differences, stack
from herdbook.layers.tree import Kind, Tree, parents
from herdbook.layers.writing import tar_pieces

pytestmark = pytest.mark.root

NAMES = some.lists(some.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
WISHES = some.tuples(
    some.sampled_from(["file", "file", "folder", "symlink", "link", "removal", "opaque"]),
    NAMES,
    some.sampled_from([b"", b"one", b"two" * 300]),
    some.fixed_dictionaries(
        {
            "mode": some.sampled_from([0o644, 0o755, 0o4711, 0o1777]),
            "uid": some.sampled_from([0, 7]),
            "mtime": some.integers(1, 9),
            "uname": some.just("somebody"),
        }
    ),
    some.integers(0, 99),
)


@dataclass
class Layer:
    """Members such as a program could have written over what lies below.

    Left out is what programs refuse or do not agree on: members below a file or a link, members of
    a layer that removes them at the same time, a folder after a file of the same name, and what
    the folders are like that are missing inside an opaque one.
    """

    view: Tree
    members: list[Member] = field(default_factory=list)
    there: dict[str, Member] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)

    def wish(self, kind: str, path: str, content: bytes, more: dict[str, Any], choice: int) -> None:
        if not all(self._may_be_folder(above) for above in parents(path)):
            return
        if kind == "removal":
            if path in self.view and not self._touched(path):
                self.members.append(removal(path))
                self.removed.add(path)
        elif self._is_disputed(kind, path):
            return
        elif kind == "opaque":
            self._add(folder(path, **more))
            self.members.append(opaque(path))
        elif kind == "link":
            self._link(path, choice)
        else:
            makers = {
                "file": lambda: member(path, content, **more),
                "folder": lambda: folder(path, **more),
                "symlink": lambda: symlink(path, "a/b", **more),
            }
            self._add(makers[kind]())

    def _is_disputed(self, kind: str, path: str) -> bool:
        was_file = kind in ("folder", "opaque") and path in self.files
        between = {above for each in self.there for above in parents(each)} - self.there.keys()
        has_implied = kind == "opaque" and any(each.startswith(f"{path}/") for each in between)
        removed = not self.removed.isdisjoint([*parents(path), path])
        return was_file or has_implied or removed

    def _may_be_folder(self, path: str) -> bool:
        if path in self.there:
            return self.there[path].info.isdir()
        return path not in self.view or self.view[path].kind is Kind.DIRECTORY

    def _touched(self, path: str) -> bool:
        return any(each == path or each.startswith(f"{path}/") for each in self.there)

    def _add(self, added: Member) -> None:
        path = added.info.name
        if not added.info.isdir():
            self.files.add(path)
            for each in [each for each in self.there if each.startswith(f"{path}/")]:
                del self.there[each]
        self.there[path] = added
        self.members.append(added)

    def _link(self, path: str, choice: int) -> None:
        files = [each for each, found in self.there.items() if found.info.isreg()]
        if files:
            target = self.there[files[choice % len(files)]]
            if target.info.name != path and path not in parents(target.info.name):
                self._add(link(path, target.info.name, like=target))


def imported(layer: Layer, below: list[KeptLayer], place: Path) -> tuple[Imported, KeptLayer]:
    """Import a layer as a build does, bytes and all."""
    spool = place / f"{len(below)}.foreign"
    spool.write_bytes(tar(layer.members))
    made = import_layer(spool, layer.view, below, place)
    path = place / f"{len(below)}.tar"
    path.write_bytes(b"".join(tar_pieces(made.layer.tree.values(), made.layer.open)))
    with path.open("rb") as stream:
        assert read_tree(stream) == made.layer.tree
    return made, KeptLayer(path, made.layer.tree)


@settings(deadline=None, max_examples=150)
@given(some.lists(some.lists(WISHES, max_size=9), min_size=1, max_size=3))
def test_imported_layers_show_what_umoci_unpacks(wishes: list[list[Any]]) -> None:
    with TemporaryDirectory() as name:
        place = Path(name)
        view: Tree = {}
        layers: list[bytes] = []
        kept: list[KeptLayer] = []
        for each in wishes:
            layer = Layer(view)
            for wish in each:
                layer.wish(*wish)
            made, keeping = imported(layer, kept, place)
            assert stack([view, made.layer.tree]) == made.view
            layers.append(tar(layer.members))
            kept.append(keeping)
            view = made.view
        write_layout(place / "layout", layers)
        command = ["umoci", "unpack", "--image", f"{place}/layout:base", f"{place}/bundle"]
        subprocess.run(command, check=True, capture_output=True)
        found = scan(place / "bundle/rootfs")
        assert [str(each) for each in differences(view, found)] == []
