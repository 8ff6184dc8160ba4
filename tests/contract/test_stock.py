"""The promises of leases, and of the port Stock: what is used stays, what is removed is gone."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from stores import Store, open_store
from trees import file, tree
from versions import digest

from herdbook.catalogue.stock import Shelf
from herdbook.core.errors import NotFoundError, VerificationError
from herdbook.store.leases import Leases

TICK_SECONDS = 0.01
LEASE = (
    "import sys, time; from pathlib import Path; from herdbook.store.leases import Leases\n"
    "with Leases(Path(sys.argv[1])).lease('shop/web'):\n"
    "    print(flush=True); time.sleep(60)\n"
)


@pytest.fixture
def leases(tmp_path: Path) -> Leases:
    return Leases(tmp_path / "leases")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


def later(store: Store) -> int:
    """Return a time after all that was done."""
    time.sleep(TICK_SECONDS)
    return store.stock.now()


def test_leases_live_as_long_as_their_blocks(leases: Leases) -> None:
    with leases.lease("shop/web"), leases.lease("shop/db:3"):
        with leases.alone() as living:
            assert sorted(lease.about for lease in living) == ["shop/db:3", "shop/web"]
        assert all(lease.began_at <= leases.now() for lease in living)
    with leases.alone() as living:
        assert living == []


def test_a_lease_ends_with_a_killed_process(leases: Leases) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LEASE, leases.directory], stdout=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        program.stdout.readline()
        with leases.alone() as living:
            assert [lease.about for lease in living] == ["shop/web"]
        program.send_signal(signal.SIGKILL)
        program.wait()
    with leases.alone() as living:
        assert living == []
    assert list(leases.directory.iterdir()) == []


def test_no_lease_begins_while_somebody_is_alone(leases: Leases) -> None:
    begun = threading.Event()

    def begin() -> None:
        with leases.lease("late"):
            begun.set()

    with leases.alone():
        thread = threading.Thread(target=begin)
        thread.start()
        assert not begun.wait(0.1)
    assert begun.wait(10)
    thread.join()


def test_what_was_not_used_since_is_removed_with_its_bytes(store: Store) -> None:
    layer = store.keep("a")
    name = layer.digest.removeprefix("sha256:")
    assert store.stock.remove(Shelf.BLOBS, [name], later(store)) == [name]
    assert not store.workshop.layers.has(layer.digest)
    with pytest.raises(NotFoundError):
        store.workshop.layers.path(layer.digest)
    assert list((store.state / "staging").iterdir()) == []


@pytest.mark.parametrize("use", ["has", "path", "tree", "recall", "write again"])
def test_what_was_used_since_stays(store: Store, use: str) -> None:
    """However it was found out that a layer is there, it stays for whoever found out."""
    layer = store.keep("a")
    store.workshop.cache.remember(digest("work"), [layer])
    before = later(store)
    uses: dict[str, Callable[[], object]] = {
        "has": lambda: store.workshop.layers.has(layer.digest),
        "path": lambda: store.workshop.layers.path(layer.digest),
        "tree": lambda: store.workshop.layers.tree(layer.digest),
        "recall": lambda: store.workshop.cache.recall(digest("work")),
        "write again": lambda: store.keep("a"),
    }
    uses[use]()
    name = layer.digest.removeprefix("sha256:")
    assert store.stock.remove(Shelf.BLOBS, [name], before) == []
    assert store.workshop.layers.path(layer.digest).exists()


def test_looking_at_things_is_no_use_of_them(store: Store) -> None:
    layer = store.keep("a")
    before = later(store)
    assert store.stock.blob(layer.digest).exists()
    assert store.stock.tree(layer.digest) == tree(file("a"))
    (held,) = store.stock.held(Shelf.BLOBS)
    assert held.size_bytes >= layer.size
    assert store.stock.remove(Shelf.BLOBS, [held.name], before) == [held.name]


def test_removing_what_is_gone_is_no_error(store: Store) -> None:
    assert store.stock.remove(Shelf.TREES, ["absent"], store.stock.now()) == []


@pytest.mark.parametrize(
    "shelf",
    [
        *(Shelf.ROOTS, Shelf.PACKAGES, Shelf.WHEELS, Shelf.NODE, Shelf.BASES),
        *(Shelf.DOWNLOADS, Shelf.UPLOADS),
    ],
)
def test_what_builds_start_from_and_what_travels_stays_while_anything_is_under_way(
    store: Store, shelf: Shelf
) -> None:
    folders = {
        Shelf.PACKAGES: "archive/debs",
        Shelf.NODE: "node",
        Shelf.DOWNLOADS: "registries/arriving",
        Shelf.UPLOADS: "registries/uploads",
    }
    thing = store.state / folders.get(shelf, shelf.value) / "thing"
    (thing / "inside").mkdir(parents=True)
    (thing.parent / ".incoming").mkdir()
    assert [held.name for held in store.stock.held(shelf)] == ["thing"]
    before = later(store)
    with store.workshop.layers.lease("shop/web"):
        assert store.stock.remove(shelf, ["thing"], before) == []
    assert store.stock.remove(shelf, ["thing"], before) == ["thing"]
    assert not thing.exists()


def test_what_is_set_aside_is_never_served_again(store: Store) -> None:
    layer = store.keep("a")
    store.stock.set_aside(layer.digest)
    store.stock.set_aside(layer.digest)
    assert not store.workshop.layers.has(layer.digest)
    assert len(store.stock.held(Shelf.SET_ASIDE)) == 1
    assert store.keep("a") == layer
    assert store.workshop.layers.has(layer.digest)


def test_a_tree_that_cannot_be_read_is_told(store: Store) -> None:
    layer = store.keep("a")
    index = store.state / "blobs/trees" / layer.digest.removeprefix("sha256:")
    for content in (b"", b"junk", index.read_bytes()[:-5]):
        index.write_bytes(content)
        with pytest.raises(VerificationError):
            store.stock.tree(layer.digest)
    index.unlink()
    assert store.stock.tree(layer.digest) is None


def test_leftovers_are_what_is_neither_kept_nor_being_written(store: Store) -> None:
    store.keep("a")
    strange = [store.state / "blobs/sha256/x.tmp", store.state / "blobs/incoming/file"]
    for path in strange:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    seen: list[Path] = []

    def pieces() -> "list[bytes]":
        seen.extend(store.stock.leftovers())
        return [b"bytes"]

    store.workshop.layers.write(piece for _ in "1" for piece in pieces())
    assert seen == strange
    store.stock.remove_leftovers()
    assert store.stock.leftovers() == []
    assert len(store.blobs()) == 2


def test_a_folder_gives_back_what_has_no_other_name(store: Store) -> None:
    folder = store.state / "artefacts/one"
    folder.mkdir(parents=True)
    (folder / "own").write_bytes(b"x" * 10_000)
    layer = store.keep("a")
    (folder / "shared").hardlink_to(store.blob(layer.digest))
    (held,) = store.stock.held(Shelf.ARTEFACTS)
    assert 10_000 <= held.size_bytes < 10_000 + 4096
    assert store.workshop.layers.tree(layer.digest) == tree(file("a"))
