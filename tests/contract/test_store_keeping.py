"""Cleaning, forgetting, checking and repairing a store, on a disk but without any build."""

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from stores import Store, open_store
from versions import digest

from herdbook.actions.check_store import Checked, check_store
from herdbook.actions.clean_store import clean_store
from herdbook.actions.compress_layers import compress_layers
from herdbook.actions.forget import forget
from herdbook.actions.render import artefact_folder
from herdbook.actions.repair_store import repair_store
from herdbook.actions.verify_blobs import Fault
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Variant, Version
from herdbook.catalogue.stamps import Stamp
from herdbook.core.clock import SystemClock
from herdbook.core.errors import ConflictError, NetworkError
from herdbook.drivers.fake import FakeEngine
from herdbook.fleet.instances import ContainerArtefact, Origin, Wanted
from herdbook.images.documents import LayerReference
from herdbook.store.stock import DiskStock

TICK_SECONDS = 0.01
WEEK_NANOSECONDS = 7 * 24 * 3600 * 10**9


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path)


def clean(store: Store, keep: int | None = None, *, dry_run: bool = False) -> dict[str, int]:
    """Clean, a moment after all that was done, and return how many of each kind went."""
    time.sleep(TICK_SECONDS)
    done = clean_store(store.workshop, store.stock, keep, dry_run=dry_run)
    return {each.kind: each.count for each in done.freed}


def unremade(workshop: Workshop, version: Version) -> None:
    del workshop, version
    raise NetworkError("there is no archive here")


def check(store: Store) -> Checked:
    return check_store(store.workshop, store.stock)


def faults(checked: Checked) -> list[tuple[Fault, str]]:
    return [(finding.fault, finding.what) for finding in checked.findings]


def damage(path: Path) -> None:
    """Flip a bit in the middle of a file that other names may share."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)


def test_cleaning_removes_what_no_version_needs(store: Store) -> None:
    needed, unneeded = store.keep("a"), store.keep("b")
    store.add("shop/web", "1", needed)
    store.workshop.cache.remember(digest("work"), [needed])
    store.workshop.cache.remember(digest("other work"), [unneeded])
    assert clean(store) == {"layers": 1, "trees": 1, "results of work": 1}
    assert store.blobs() == {needed.digest}
    assert store.workshop.cache.recall(digest("work")) == (needed,)
    assert clean(store) == {}


def test_a_dry_run_removes_nothing_and_tells_the_same(store: Store) -> None:
    store.add("shop/web", "1", store.keep("a"))
    store.add("shop/web", "2", store.keep("b"))
    store.keep("c")
    before = store.blobs()
    told = clean(store, 1, dry_run=True)
    assert store.blobs() == before
    assert len(store.workshop.versions.every()) == 2
    assert told == clean(store, 1)


def test_keep_forgets_all_but_the_newest_of_each_image(store: Store) -> None:
    layers = [store.keep(name) for name in "abc"]
    for layer in layers:
        store.add("shop/web", layer.title, layer)
    store.add("shop/db", "1", layers[0])
    time.sleep(TICK_SECONDS)
    done = clean_store(store.workshop, store.stock, 1)
    assert done.forgotten == ("shop/web:1", "shop/web:2")
    assert store.blobs() == {layers[0].digest, layers[2].digest}
    assert check(store).is_well


def test_compressed_layers_stay_with_their_layers(store: Store) -> None:
    kept, gone = store.keep("a"), store.keep("b")
    version = store.add("shop/web", "1", kept)
    small, _ = compress_layers(store.workshop, [kept, gone], "zstd")
    assert clean(store) == {
        "layers": 1,
        "compressed layers": 1,
        "trees": 1,
        "results of work": 1,
    }
    assert store.blobs() == {kept.digest, small.digest}
    forget(store.workshop, store.stock, [version])
    assert clean(store)["compressed layers"] == 1
    assert store.blobs() == set()


def test_artefacts_go_with_their_version(store: Store) -> None:
    one = store.add("shop/web", "1", store.keep("a"))
    two = store.add("shop/web", "2", store.keep("b"))
    folders = [artefact_folder(store.workshop, each.variants[0]) for each in (one, two)]
    for folder in folders:
        (folder / "layout").mkdir(parents=True)
    assert clean(store, 1)["artefacts"] == 1
    assert [folder.exists() for folder in folders] == [False, True]


def test_what_builds_start_from_is_kept_for_a_week(store: Store) -> None:
    """A package that a version's lock names is kept for as long as that version."""
    named, other = (digest(name).removeprefix("sha256:") for name in ("named", "other"))
    things = [
        store.state / "roots" / other,
        store.state / "archive/debs" / f"{other}.deb",
        store.state / "wheels" / other,
        store.state / "archive/debs" / f"{named}.deb",
    ]
    for thing in things:
        thing.mkdir(parents=True)
    store.add("shop/web", "1", store.keep("a"), lock=f'{{"sha256": "{digest("named")}"}}')
    assert clean(store) == {}
    assert clean_in_a_week(store) == {"roots": 1, "packages": 1, "wheels": 1}
    assert [thing.exists() for thing in things] == [False, False, False, True]


def test_what_was_cut_off_on_its_way_is_kept_for_a_week(store: Store) -> None:
    """And for longer while anything is under way; where a version's layers are is not forgotten."""
    layer = store.keep("a")
    store.add("shop/web", "1", layer)
    folder = store.state / "registries"
    [named, other] = (each.removeprefix("sha256:") for each in (layer.digest, digest("other")))
    things = [folder / name / other for name in ("arriving", "uploads", "holders")]
    kept = folder / "holders" / named
    for thing in (*things, kept):
        thing.parent.mkdir(parents=True, exist_ok=True)
        thing.write_bytes(b"a" * 10_000)
    assert clean(store) == {}
    with store.workshop.layers.lease("shop/other"):
        assert clean_in_a_week(store) == {}
    kinds = ("partial downloads", "partial uploads", "notes of registries")
    assert clean_in_a_week(store) == dict.fromkeys(kinds, 1)
    assert [thing.exists() for thing in (*things, kept)] == [False, False, False, True]


def clean_in_a_week(store: Store) -> dict[str, int]:
    assert isinstance(store.stock, DiskStock)
    in_a_week = _Later(store.stock.blobs, store.stock.staging, store.stock.folders)
    return {each.kind: each.count for each in clean_store(store.workshop, in_a_week).freed}


class _Later(DiskStock):
    """The same shelves, more than a week from now."""

    def now(self) -> int:
        return super().now() + WEEK_NANOSECONDS + 1


def run(store: Store, version: Version) -> Store:
    engine = FakeEngine(store.state, SystemClock())
    artefact = ContainerArtefact(store.state, version.variants[0].manifest)
    engine.start(Wanted("one", Origin(version.image, version.number, version.digest), artefact))
    return replace(store, workshop=replace(store.workshop, engines={Variant.CONTAINER: engine}))


def test_a_version_that_an_instance_runs_is_never_forgotten(store: Store) -> None:
    one = store.add("shop/web", "1", store.keep("a"))
    store.add("shop/web", "2", store.keep("b"))
    running = run(store, one)
    assert clean(running, 1) == {}
    with pytest.raises(ConflictError, match="an instance runs it"):
        forget(running.workshop, running.stock, [one])
    running.workshop.engines[Variant.CONTAINER].stop("one")
    assert clean(running, 1)["layers"] == 1


def test_a_version_that_somebody_works_with_is_never_forgotten(store: Store) -> None:
    one = store.add("shop/web", "1", store.keep("a"))
    two = store.add("shop/web", "2", store.keep("b"))
    with store.workshop.layers.lease("shop/web:1"):
        assert clean(store, 1) == {}
        with pytest.raises(ConflictError):
            forget(store.workshop, store.stock, [two, one])
    assert len(store.workshop.versions.every()) == 2


def test_a_version_that_another_is_made_from_is_not_forgotten(store: Store) -> None:
    base = store.add("base", "1", store.keep("a"))
    store.add("base", "2", store.keep("a"))
    child = store.add("child", "1", store.keep("b"), lock=f'{{"parent": "{base.digest}"}}')
    with pytest.raises(ConflictError, match="another image is made from it"):
        forget(store.workshop, store.stock, [base])
    assert clean(store, 1) == {}
    forget(store.workshop, store.stock, [child, base])
    assert [each.label for each in store.workshop.versions.every()] == ["base:2"]


def test_a_forgotten_newest_version_is_not_up_to_date(store: Store) -> None:
    one = store.add("shop/web", "1", store.keep("a"))
    store.workshop.stamps.keep(Stamp(one.image, one.number, one.digest, one.build_key))
    forget(store.workshop, store.stock, [one])
    assert store.workshop.stamps.recall("shop/web") is None


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_layer_is_compressed_once(store: Store, compression: str) -> None:
    layer = store.keep("a", b"x" * 512)
    twice = [layer, replace(layer, title="again", inputs=digest("inputs"))]
    first = compress_layers(store.workshop, twice, compression)
    blob = store.blob(first[0].digest)
    inode = blob.stat().st_ino
    assert compress_layers(store.workshop, twice, compression) == first
    assert blob.stat().st_ino == inode
    assert [each.digest for each in first] == [first[0].digest] * 2
    assert [(each.title, each.inputs) for each in first] == [
        ("a", None),
        ("again", twice[1].inputs),
    ]
    assert first[0].media_type.endswith(compression)
    assert first[0].size == blob.stat().st_size
    assert len(store.blobs()) == 2


FLAT = """
import resource, sys
from pathlib import Path
from herdbook.core.digests import PIECE_BYTES
from herdbook.images.compressing import compressed, compressor_for, decompressed
from herdbook.store.blobs import BlobStore
layer, store, compression = Path(sys.argv[1]), BlobStore(Path(sys.argv[2])), sys.argv[3]
with layer.open("rb") as source:
    compressor = compressor_for(compression, layer.stat().st_size)
    pieces = compressed(iter(lambda: source.read(PIECE_BYTES), b""), compressor)
    small, _ = store.write(pieces)
with store.path(small).open("rb") as source:
    assert sum(map(len, decompressed(source, compression))) == layer.stat().st_size
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_memory_stays_flat_however_large_a_layer_is(tmp_path: Path, compression: str) -> None:
    layer = tmp_path / "layer"
    peaks = []
    for size in (16 << 20, 512 << 20):
        with layer.open("wb") as stream:
            stream.truncate(size)
        arguments = ["-c", FLAT, str(layer), str(tmp_path / "blobs"), compression]
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout) << 10)
    assert peaks[1] < peaks[0] + (16 << 20)


def test_layers_that_travel_as_they_are_are_not_written_again(store: Store) -> None:
    layer = store.keep("a")
    assert compress_layers(store.workshop, [layer], "none") == [layer]
    assert store.blobs() == {layer.digest}


def test_nothing_is_wrong_with_what_was_kept(store: Store) -> None:
    version = store.add("shop/web", "1", store.keep("a"))
    compress_layers(store.workshop, version.variants[0].layers, "zstd")
    store.workshop.layers.write([b"no layer at all, and nobody's"])
    checked = check(store)
    assert checked.is_well
    assert (checked.blobs, checked.findings) == (3, ())


def index_of(store: Store, layer: LayerReference) -> Path:
    return store.state / "blobs/trees" / layer.digest.removeprefix("sha256:")


def seen(store: Store) -> dict[Path, tuple[int, int]]:
    """Return every file of the store with the time of its last change, of whatever kind."""
    files = [path for path in store.state.rglob("blobs/*/*") if path.is_file()]
    return {path: (path.stat().st_ino, path.stat().st_ctime_ns) for path in files}


def test_everything_that_can_be_wrong_is_found_and_nothing_is_changed(store: Store) -> None:
    layers = [store.keep(name) for name in "abcd"]
    version = store.add("shop/web", "1", *layers)
    small, *_ = compress_layers(store.workshop, [layers[3]], "gzip")
    damage(store.blob(layers[0].digest))
    os.truncate(store.blob(layers[1].digest), 700)
    store.blob(layers[2].digest).unlink()
    index_of(store, layers[3]).write_bytes(index_of(store, layers[0]).read_bytes())
    damage(store.blob(small.digest))
    (store.state / "blobs/sha256/part").touch()
    before = seen(store)
    checked = check(store)
    assert faults(checked) == [
        (Fault.DAMAGED_COMPRESSED, small.digest),
        *sorted((Fault.DAMAGED_LAYER, layer.digest) for layer in layers[:2]),
        (Fault.MISSING_LAYER, layers[2].digest),
        (Fault.WRONG_TREE, layers[3].digest),
        (Fault.LEFTOVER, str(store.state / "blobs/sha256/part")),
    ]
    assert not checked.is_well
    assert {finding.versions for finding in checked.findings[1:-1]} == {(version.label,)}
    assert all(finding.remedy for finding in checked.findings)
    assert seen(store) == before


def test_a_missing_tree_is_found(store: Store) -> None:
    layer = store.keep("a")
    store.add("shop/web", "1", layer)
    index_of(store, layer).unlink()
    assert faults(check(store)) == [(Fault.MISSING_TREE, layer.digest)]


def test_documents_that_cannot_be_read_are_found_and_stay_wrong(store: Store) -> None:
    version = store.add("shop/web", "1", store.keep("a"))
    with closing(sqlite3.connect(store.state / "herdbook.db")) as connection, connection:
        connection.execute("UPDATE version_contents SET documents = x'78'")
    variant = version.variants[0]
    names = sorted([version.digest, variant.manifest, variant.config])
    assert faults(check(store)) == [(Fault.MISSING_DOCUMENT, name) for name in names]
    repaired = repair_store(store.workshop, store.stock, check(store), unremade)
    assert not repaired.is_well
    assert all("herdbook store forget" in finding.remedy for finding in repaired.findings)


def test_a_damaged_layer_is_set_aside_and_taken_from_its_compressed_copy(store: Store) -> None:
    layers = [store.keep(name) for name in "ab"]
    store.add("shop/web", "1", *layers)
    compress_layers(store.workshop, layers, "zstd")
    wanted = [store.blob(layer.digest).read_bytes() for layer in layers]
    damage(store.blob(layers[0].digest))
    store.blob(layers[1].digest).unlink()
    index_of(store, layers[1]).unlink()
    repaired = repair_store(store.workshop, store.stock, check(store), unremade)
    assert [each.repaired for each in repaired.findings if each.fault in LOST] == [True, True]
    assert [store.blob(layer.digest).read_bytes() for layer in layers] == wanted
    assert all(store.workshop.layers.has(layer.digest) for layer in layers)
    assert len(list((store.state / "blobs/damaged").iterdir())) == 1


LOST = (Fault.DAMAGED_LAYER, Fault.MISSING_LAYER)


def test_a_damaged_copy_repairs_nothing(store: Store) -> None:
    layer = store.keep("a")
    store.add("shop/web", "1", layer)
    small, *_ = compress_layers(store.workshop, [layer], "zstd")
    damage(store.blob(small.digest))
    damage(store.blob(layer.digest))
    repaired = repair_store(store.workshop, store.stock, check(store), unremade)
    lost = next(each for each in repaired.findings if each.fault is Fault.DAMAGED_LAYER)
    assert not lost.repaired
    assert "herdbook build RECIPE" in lost.remedy
    assert "there is no archive here" in lost.remedy
    assert not store.workshop.layers.has(layer.digest)
    assert not store.workshop.cache.compressed_layers()
    assert not check(store).is_well


def test_what_cannot_be_taken_from_a_copy_is_made_from_the_lock(store: Store) -> None:
    """With the newest version first, and only until all is there again."""
    layer = store.keep("a")
    versions = [store.add("shop/web", seed, layer) for seed in "12"]
    asked = []

    def remake(workshop: Workshop, version: Version) -> None:
        del workshop
        asked.append(version)
        store.keep("a")

    store.blob(layer.digest).unlink()
    repaired = repair_store(store.workshop, store.stock, check(store), remake)
    assert asked == [versions[1]]
    assert [each.repaired for each in repaired.findings if each.fault in LOST] == [True]


def test_trees_are_read_anew_and_leftovers_removed(store: Store) -> None:
    layers = [store.keep(name) for name in "abc"]
    store.add("shop/web", "1", *layers)
    index_of(store, layers[0]).write_bytes(b"junk")
    index_of(store, layers[1]).write_bytes(index_of(store, layers[2]).read_bytes())
    index_of(store, layers[2]).unlink()
    (store.state / "blobs/sha256/part").touch()
    found = check(store)
    assert {fault for fault, _ in faults(found)} == {
        Fault.WRONG_TREE,
        Fault.MISSING_TREE,
        Fault.LEFTOVER,
    }
    assert repair_store(store.workshop, store.stock, found, unremade).is_well
    assert check(store).findings == ()


def test_a_layout_that_shares_a_damaged_file_is_dropped(store: Store) -> None:
    layer = store.keep("a")
    version = store.add("shop/web", "1", layer)
    layout = artefact_folder(store.workshop, version.variants[0]) / "layout"
    layout.mkdir(parents=True)
    damage(store.blob(layer.digest))
    repair_store(store.workshop, store.stock, check(store), unremade)
    assert not layout.exists()


def test_what_nobody_needs_is_set_aside_and_not_made_again(store: Store) -> None:
    layer = store.keep("a")
    damage(store.blob(layer.digest))
    repaired = repair_store(store.workshop, store.stock, check(store), unremade)
    assert repaired.is_well
    assert store.blobs() == set()
