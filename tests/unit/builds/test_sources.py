"""The `files` step takes what the recipe's folder holds, and never anything else."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from herdbook.builds.sources import Source, collect
from herdbook.core.digests import of_bytes
from herdbook.core.errors import HerdbookError, InvalidInputError, NotFoundError
from herdbook.layers.tree import Kind
from herdbook.recipes.reading import read_recipe


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "recipe"
    made.mkdir()
    return made


def taken(folder: Path, *steps: str) -> dict[str, Source]:
    lines = "".join(f"  - {{{step}}}\n" for step in steps)
    path = folder / "herdbook.yaml"
    path.write_text(f"image: web\nfrom: debian:bookworm\nuser: web\nfiles:\n{lines}")
    return {source.target: source for source in collect(read_recipe(path))}


def refused(folder: Path, step: str) -> HerdbookError:
    with pytest.raises(InvalidInputError) as caught:
        taken(folder, step)
    assert caught.value.where == f"{folder / 'herdbook.yaml'}:5"
    return caught.value


def test_a_file_is_taken_with_its_content(folder: Path) -> None:
    (folder / "a.txt").write_bytes(b"content")
    assert taken(folder, "from: a.txt, to: /srv/b.txt") == {
        "srv/b.txt": Source(
            folder / "a.txt",
            "srv/b.txt",
            "root",
            0o644,
            Kind.FILE,
            size=7,
            digest=of_bytes(b"content"),
        )
    }


def test_a_folder_is_taken_with_all_below_it(folder: Path) -> None:
    (folder / "app" / "deep").mkdir(parents=True)
    (folder / "app" / "deep" / "file").touch()
    (folder / "app" / ".hidden").touch()
    found = taken(folder, "from: app/, to: /srv")
    assert list(found) == ["srv", "srv/.hidden", "srv/deep", "srv/deep/file"]
    assert found["srv/deep"].kind is Kind.DIRECTORY


def test_a_whole_folder_may_become_the_top_of_the_image(folder: Path) -> None:
    (folder / "root" / "etc").mkdir(parents=True)
    (folder / "root" / "etc" / "conf").touch()
    assert list(taken(folder, "from: root, to: /")) == ["etc", "etc/conf"]


def test_bytecode_and_version_control_are_left_out(folder: Path) -> None:
    for name in ("__pycache__", ".git", "kept"):
        (folder / "app" / name).mkdir(parents=True)
        (folder / "app" / name / "file").touch()
    assert list(taken(folder, "from: app, to: /a")) == ["a", "a/kept", "a/kept/file"]


@pytest.mark.parametrize(
    ("mode", "taken_mode"),
    [(0o600, 0o644), (0o666, 0o644), (0o700, 0o755), (0o4755, 0o755), (0o611, 0o644)],
)
def test_modes_say_only_whether_a_file_is_a_program(
    folder: Path, mode: int, taken_mode: int
) -> None:
    (folder / "a").touch()
    (folder / "a").chmod(mode)
    assert taken(folder, "from: a, to: /a")["a"].mode == taken_mode


def test_a_mode_of_the_recipe_counts_for_files_and_an_owner_for_all(folder: Path) -> None:
    (folder / "app").mkdir()
    (folder / "app" / "file").touch()
    (folder / "app" / "link").symlink_to("file")
    found = taken(folder, "from: app, to: /a, mode: '0600', owner: web")
    assert [found[path].mode for path in ("a", "a/file", "a/link")] == [0o755, 0o600, 0o777]
    assert {source.owner for source in found.values()} == {"web"}


def test_the_last_step_for_a_target_counts(folder: Path) -> None:
    (folder / "a").write_bytes(b"one")
    (folder / "b").write_bytes(b"two")
    found = taken(folder, "from: a, to: /x", "from: b, to: /x")
    assert found["x"].digest == of_bytes(b"two")


@pytest.mark.parametrize("target", ["file", "./file", "sub/", "sub/../file", "absent", "sub/../."])
def test_links_inside_are_taken_as_they_are_written(folder: Path, target: str) -> None:
    (folder / "app" / "sub").mkdir(parents=True)
    (folder / "app" / "file").touch()
    os.symlink(target, folder / "app" / "link")  # noqa: PTH211 - letter by letter
    link = taken(folder, "from: app, to: /a")["a/link"]
    assert (link.kind, link.link, link.digest) == (Kind.SYMLINK, target, None)


def test_links_to_folders_are_not_walked_into(folder: Path) -> None:
    (folder / "app" / "sub").mkdir(parents=True)
    (folder / "app" / "sub" / "file").touch()
    (folder / "app" / "link").symlink_to("sub")
    (folder / "app" / "sub" / "round").symlink_to("..")
    found = taken(folder, "from: app, to: /a")
    assert set(found) == {"a", "a/link", "a/sub", "a/sub/file", "a/sub/round"}


@pytest.mark.parametrize(
    "target", ["/etc/passwd", "../outside", "../../x", "sub/../../outside", "/", ".."]
)
def test_links_that_leave_what_is_copied_are_refused(folder: Path, target: str) -> None:
    (folder / "app" / "sub").mkdir(parents=True)
    (folder / "app" / "link").symlink_to(target)
    assert "link" in refused(folder, "from: app, to: /a").message


@pytest.mark.parametrize("name", ["..", "../x", "/etc/passwd", "app/../../x", "/"])
def test_a_path_out_of_the_folder_is_refused(folder: Path, name: str) -> None:
    (folder / "app").mkdir()
    (folder.parent / "x").touch()
    assert "leads out" in refused(folder, f"from: {name}, to: /a").message


@pytest.mark.parametrize("target", ["/etc", "/etc/passwd", "..", "/"])
def test_a_source_that_is_a_link_to_elsewhere_is_refused(folder: Path, target: str) -> None:
    (folder / "app").symlink_to(target)
    assert "leads out" in refused(folder, "from: app, to: /a").message


def test_a_source_below_a_link_to_elsewhere_is_refused(folder: Path) -> None:
    (folder / "app").symlink_to("/etc")
    assert "leads out" in refused(folder, "from: app/passwd, to: /a").message


def test_a_source_that_is_a_link_inside_is_what_it_points_to(folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "real" / "file").touch()
    (folder / "app").symlink_to("real")
    assert list(taken(folder, "from: app, to: /a")) == ["a", "a/file"]


def test_a_file_cannot_become_the_top_of_the_image(folder: Path) -> None:
    (folder / "a").touch()
    assert "/" in refused(folder, "from: a, to: /").message


@pytest.mark.parametrize("name", ["app", "app/inside"])
def test_pipes_and_sockets_are_refused_without_being_opened(folder: Path, name: str) -> None:
    if name != "app":
        (folder / "app").mkdir()
    os.mkfifo(folder / name)
    assert "neither" in refused(folder, "from: app, to: /a").message


@pytest.mark.parametrize("target", [None, "absent", "loop"])
def test_what_is_not_there_is_not_found(folder: Path, target: str | None) -> None:
    if target:
        (folder / "loop").symlink_to(target)
    with pytest.raises(NotFoundError) as caught:
        taken(folder, "from: loop, to: /a")
    assert caught.value.where.endswith(":5")


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """Give a folder that belongs to an ordinary user, as whom the test then runs."""
    place = Path(tempfile.mkdtemp())
    os.chown(place, 65534, 65534)
    os.seteuid(65534)
    yield place
    os.seteuid(0)
    shutil.rmtree(place)


@pytest.mark.root
@pytest.mark.parametrize("name", ["app/shut", "app/file"])
def test_what_cannot_be_read_is_told_and_not_left_out(unprivileged: Path, name: str) -> None:
    (unprivileged / "app" / "shut").mkdir(parents=True)
    (unprivileged / "app" / "file").touch()
    (unprivileged / name).chmod(0)
    assert "cannot be read" in refused(unprivileged, "from: app, to: /a").message
    (unprivileged / name).chmod(0o700)


def test_an_identity_says_all_that_makes_a_difference(folder: Path) -> None:
    (folder / "a").write_bytes(b"one")
    one = taken(folder, "from: a, to: /a")["a"].identity()
    (folder / "a").touch()
    assert taken(folder, "from: a, to: /a")["a"].identity() == one
    (folder / "a").write_bytes(b"two")
    assert taken(folder, "from: a, to: /a")["a"].identity() != one
