"""The promises of the ports Layers and Stamps."""

import hashlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from versions import digest, new_version

from herdbook.catalogue.ports import Layers
from herdbook.catalogue.stamps import Stamp, Stamps
from herdbook.core.errors import NoSpaceError, NotFoundError
from herdbook.layers.tree import Entry, Kind
from herdbook.store.blobs import BlobStore
from herdbook.store.database import open_database
from herdbook.store.stamps import StampFiles
from herdbook.store.versions import SqlVersions

TREE = {"a": Entry("a", Kind.DIRECTORY, mode=0o755), "a/ö\udcff": Entry("a/ö\udcff", Kind.REMOVED)}
STAMP = Stamp("shop/web", 3, digest("version"), digest("inputs"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def layers(folder: Path) -> Layers:
    return BlobStore(folder)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_write_keeps_bytes_under_their_digest(layers: Layers) -> None:
    written, size = layers.write([b"some ", b"", b"bytes"])
    assert written == "sha256:" + hashlib.sha256(b"some bytes").hexdigest()
    assert size == 10
    assert layers.path(written).read_bytes() == b"some bytes"


def test_write_lays_blobs_out_as_an_oci_store_does_readable_by_all(
    layers: Layers, folder: Path
) -> None:
    written, _ = layers.write([b"some bytes"])
    assert layers.path(written) == folder / "sha256" / written.removeprefix("sha256:")
    assert layers.path(written).stat().st_mode & 0o777 == 0o644


def test_write_of_the_same_bytes_again_changes_nothing(layers: Layers, folder: Path) -> None:
    assert layers.write([b"same"]) == layers.write([b"sa", b"me"])
    assert len(files_below(folder)) == 1


def test_nothing_is_seen_of_a_layer_being_written(layers: Layers, folder: Path) -> None:
    seen: list[Path] = []

    def pieces() -> Iterator[bytes]:
        yield b"first" * 500_000
        seen.extend(folder.glob("sha256/*"))
        yield b"last"

    layers.write(pieces())
    assert seen == []
    assert len(list(folder.glob("sha256/*"))) == 1


def test_nothing_is_left_of_a_layer_whose_source_failed(layers: Layers, folder: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"first"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        layers.write(pieces())
    assert files_below(folder) == []


@pytest.mark.root
def test_a_full_disk_is_told_and_keeps_what_was_complete(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", small], check=True)
    try:
        layers = BlobStore(small)
        kept, _ = layers.write([b"x" * 1000])
        for size in (1 << 20, 1 << 16):
            with pytest.raises(NoSpaceError) as caught:
                layers.write([b"y" * size])
            assert str(small) in caught.value.message
        assert layers.path(kept).read_bytes() == b"x" * 1000
        assert len(files_below(small)) == 1
        with pytest.raises(NoSpaceError):
            layers.set_tree(kept, {str(n): Entry(str(n), Kind.SYMLINK) for n in range(200_000)})
    finally:
        subprocess.run(["umount", small], check=True)


def test_path_of_an_absent_layer_is_not_found(layers: Layers) -> None:
    with pytest.raises(NotFoundError) as caught:
        layers.path(digest("absent"))
    assert caught.value.hint


def test_tree_is_what_was_set(layers: Layers) -> None:
    written, _ = layers.write([b"bytes"])
    layers.set_tree(written, TREE)
    assert layers.tree(written) == TREE
    empty, _ = layers.write([b"other bytes"])
    layers.set_tree(empty, {})
    assert (layers.tree(empty), layers.tree(written)) == ({}, TREE)


def test_tree_of_an_absent_layer_is_not_found(layers: Layers) -> None:
    with pytest.raises(NotFoundError):
        layers.tree(digest("absent"))


def test_tree_that_was_never_set_is_not_found(layers: Layers) -> None:
    written, _ = layers.write([b"bytes"])
    with pytest.raises(NotFoundError):
        layers.tree(written)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "herdbook.db"
    open_database(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture
def stamps(tmp_path: Path, database: Path) -> Stamps:
    return StampFiles(tmp_path / "stamps", database)


def test_stamp_is_recalled_as_it_was_kept(stamps: Stamps) -> None:
    stamps.keep(STAMP)
    assert stamps.recall("shop/web") == STAMP


def test_stamp_is_replaced_by_the_next(stamps: Stamps) -> None:
    stamps.keep(Stamp("shop/web", 2, digest("older"), digest("inputs")))
    stamps.keep(STAMP)
    assert stamps.recall("shop/web") == STAMP


def test_a_forgotten_stamp_is_not_recalled(stamps: Stamps) -> None:
    stamps.keep(STAMP)
    stamps.forget("shop/web")
    stamps.forget("shop/web")
    assert stamps.recall("shop/web") is None


def test_stamps_of_images_do_not_mix(stamps: Stamps) -> None:
    stamps.keep(STAMP)
    for name in ("shop", "shop-web", "shop/we", "shop/web/"):
        assert stamps.recall(name) is None


def test_no_stamp_is_believed_without_its_database(stamps: Stamps, database: Path) -> None:
    stamps.keep(STAMP)
    database.unlink()
    assert stamps.recall("shop/web") is None


def test_no_stamp_is_believed_of_a_database_made_anew(stamps: Stamps, database: Path) -> None:
    stamps.keep(STAMP)
    for path in database.parent.glob("herdbook.db*"):
        path.unlink()
    open_database(f"sqlite:///{database}").dispose()
    assert stamps.recall("shop/web") is None


def test_stamps_stay_valid_as_their_database_is_written(stamps: Stamps, database: Path) -> None:
    engine = open_database(f"sqlite:///{database}")
    stamps.keep(STAMP)
    SqlVersions(engine).add(new_version())
    assert stamps.recall("shop/web") == STAMP
    engine.dispose()
    assert stamps.recall("shop/web") == STAMP


def test_there_are_no_stamps_for_a_database_that_is_no_file(tmp_path: Path) -> None:
    stamps = StampFiles(tmp_path, None)
    stamps.keep(STAMP)
    assert stamps.recall("shop/web") is None


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", "7", "{}", '{"image": "x"}', "\udcff", '{"later": 1}']
)
def test_a_stamp_that_cannot_be_read_is_no_stamp(
    stamps: Stamps, tmp_path: Path, content: str
) -> None:
    stamps.keep(STAMP)
    (kept,) = (tmp_path / "stamps").iterdir()
    kept.write_bytes(content.encode(errors="surrogateescape"))
    assert stamps.recall("shop/web") is None


def test_a_stamp_of_another_herdbook_is_no_stamp(stamps: Stamps, tmp_path: Path) -> None:
    stamps.keep(STAMP)
    (kept,) = (tmp_path / "stamps").iterdir()
    kept.write_text(json.dumps({**json.loads(kept.read_bytes()), "later": 1}))
    assert stamps.recall("shop/web") is None


SHARED = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)
    except OSError:
        print("held")
"""
"""Whether another process holds SQLite's shared lock (https://www.sqlite.org/lockingv3.html)."""


def test_looking_at_stamps_gives_up_no_lock_of_the_database(stamps: Stamps, database: Path) -> None:
    """Else another process takes the log in use for one that nobody needs, and removes it."""

    def held() -> bool:
        command = [sys.executable, "-c", SHARED, str(database)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout != ""

    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        assert held()
        stamps.keep(STAMP)
        assert stamps.recall(STAMP.image) == STAMP
        assert held()
    assert not held()
