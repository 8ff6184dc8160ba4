"""An existing image becomes layers of ours and a process, once, and shows what it showed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from foreign_layers import Member, folder, link, member, opaque, removal, symlink, tar, write_layout
from stores import open_store

from herdbook.actions.import_base import ImportedBase, import_base
from herdbook.actions.keep_layers import content_of, stacked
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import InvalidInputError, VerificationError
from herdbook.core.progress import NoProgress
from herdbook.images.bases import LockedBase
from herdbook.images.documents import Process
from herdbook.layers.tree import Kind
from herdbook.packages.suites import SUITES

OS_RELEASE = b'ID=debian\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian"\n'
STATUS = b"Package: dpkg\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n"
SYSTEM = [
    folder("etc"),
    symlink("etc/os-release", "../usr/lib/os-release"),
    member("etc/passwd", b"root:x:0:0::/:/bin/sh\nweb:x:33:44::/:/bin/sh\n"),
    member("usr/lib/os-release", OS_RELEASE),
    member("usr/bin/dpkg", b"\x7fELF", mode=0o755),
    member("var/lib/dpkg/status", STATUS),
    member("srv/old/x", b"old"),
]
UPPER = [
    opaque("srv"),
    folder("srv"),
    member("srv/new", b"new"),
    link("usr/bin/again", "usr/bin/dpkg"),
    removal("etc/passwd"),
]


@dataclass
class Said(NoProgress):
    """Remembers what is said."""

    lines: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.lines.append(text)


@dataclass(frozen=True)
class Here:
    folder: Path
    workshop: Workshop
    said: Said

    def locked(self, *layers: Sequence[Member], **process: Any) -> LockedBase:
        write_layout(self.folder / "base", [tar(each) for each in layers], process=process)
        return self.workshop.bases.resolve("./base", self.folder, NoProgress())

    def take(self, locked: LockedBase) -> ImportedBase:
        return import_base(self.workshop, locked, self.folder)


@pytest.fixture
def here(tmp_path: Path) -> Here:
    said = Said()
    workshop = replace(open_store(tmp_path / "state").workshop, progress=said)
    return Here(tmp_path, workshop, said)


def test_the_layers_show_what_the_image_shows(here: Here) -> None:
    base = here.take(here.locked(SYSTEM, UPPER))
    assert [layer.title for layer in base.layers] == ["base.1", "base.2"]
    shown = stacked(here.workshop, base.layers)
    assert [path for path in shown if path.startswith("srv")] == ["srv", "srv/new"]
    assert "etc/passwd" not in shown
    assert shown["usr/bin/dpkg"].target == "usr/bin/again"
    assert content_of(here.workshop, base.layers, "usr/bin/dpkg") == b"\x7fELF"


def test_layers_of_ours_hold_neither_opaque_folders_nor_links_to_other_layers(here: Here) -> None:
    upper = here.workshop.layers.tree(here.take(here.locked(SYSTEM, UPPER)).layers[1].digest)
    gone = [path for path, entry in upper.items() if entry.kind is Kind.REMOVED]
    assert gone == ["etc/passwd", "srv/old"]
    links = [entry for entry in upper.values() if entry.kind is Kind.HARDLINK]
    assert all(each.target in upper for each in links)


def test_what_the_image_is_and_runs_is_found_out(here: Here) -> None:
    base = here.take(here.locked(SYSTEM, Cmd=["dpkg"], Env=["PATH=/usr/bin"], User="web"))
    assert base.process == Process(
        command=("/usr/bin/dpkg",), environment={"PATH": "/usr/bin"}, user_id=33, group_id=44
    )
    assert base.suite == SUITES["bookworm"]
    assert base.status == STATUS.decode()
    assert base.no_packages_because == ""


def test_an_image_without_a_system_can_be_built_on_but_not_installed_on(here: Here) -> None:
    base = here.take(here.locked([member("app", b"x", mode=0o755)], Entrypoint=["/app"]))
    assert base.process.command == ("/app",)
    assert (base.suite, base.status) == (None, "")
    assert base.no_packages_because


def test_a_layer_that_changes_nothing_becomes_none(here: Here) -> None:
    base = here.take(here.locked(SYSTEM, [], UPPER))
    assert [layer.title for layer in base.layers] == ["base.1", "base.3"]


def test_an_image_is_imported_once_and_then_needs_nothing(here: Here, tmp_path: Path) -> None:
    locked = here.locked(SYSTEM, UPPER)
    before = here.take(locked)
    for layer in locked.layers:
        here.workshop.bases.kept(layer.digest).unlink()
    (tmp_path / "base").rename(tmp_path / "gone")
    assert here.take(locked) == before


def test_layers_that_images_share_are_imported_once(here: Here) -> None:
    one = here.take(here.locked(SYSTEM, UPPER))
    other = here.take(here.locked(SYSTEM, [member("more", b"x")]))
    assert other.layers[0] == one.layers[0]
    assert other.layers[1] != one.layers[1]


def test_what_is_left_out_is_told_once(here: Here) -> None:
    pipe = member("run/pipe", kind=b"6")
    locked = here.locked([*SYSTEM, pipe], ExposedPorts={"53/udp": {}})
    here.take(locked)
    here.take(locked)
    assert [line.split(" is ")[0] for line in here.said.lines] == ["Its port 53/udp", "/run/pipe"]


def test_the_same_image_gives_the_same_layers_anywhere(here: Here, tmp_path: Path) -> None:
    locked = here.locked(SYSTEM, UPPER)
    elsewhere = replace(here, workshop=open_store(tmp_path / "elsewhere").workshop)
    assert elsewhere.take(locked) == here.take(locked)


def test_a_layer_that_is_not_what_the_configuration_says_is_refused(here: Here) -> None:
    first, second = here.locked(SYSTEM), here.locked(UPPER)
    mixed = first.model_copy(update={"layers": second.layers})
    with pytest.raises(VerificationError, match="not what the image's configuration says"):
        here.take(mixed)


def test_a_configuration_for_another_number_of_layers_is_refused(here: Here) -> None:
    locked = here.locked(SYSTEM, UPPER)
    with pytest.raises(InvalidInputError, match="1 layers"):
        here.take(locked.model_copy(update={"layers": locked.layers[:1]}))


def test_a_user_that_the_image_lacks_is_refused(here: Here) -> None:
    with pytest.raises(InvalidInputError, match="'nobody'"):
        here.take(here.locked(SYSTEM, User="nobody"))
