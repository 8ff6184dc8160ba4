"""The register only grows: versions are never renumbered, never changed, the newest is the last."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from versions import digest, new_version

from herdbook.catalogue.model import Version
from herdbook.core.digests import Digest, of_bytes
from herdbook.core.errors import ConflictError, NotFoundError
from herdbook.images.documents import LayerReference
from herdbook.layers.tree import Entry, Kind
from herdbook.store.blobs import BlobStore
from herdbook.store.cache import SqlCache
from herdbook.store.database import open_database
from herdbook.store.versions import SqlVersions

IMAGES = ["shop", "shop/web"]
SEEDS = ["1", "2", "3"]
images = some.sampled_from(IMAGES)
seeds = some.sampled_from(SEEDS)


class RegisterMachine(RuleBasedStateMachine):
    """A register and a layer store on disk, opened again at any moment, beside plain lists."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.open()
        self.known: dict[str, list[Version]] = {image: [] for image in IMAGES}
        self.blobs: dict[Digest, bytes] = {}
        self.work: dict[Digest, tuple[LayerReference, ...]] = {}

    def open(self) -> None:
        self.engine = open_database(f"sqlite:///{self.directory}/herdbook.db")
        self.layers = BlobStore(self.directory / "blobs")
        self.versions = SqlVersions(self.engine)
        self.cache = SqlCache(self.engine, self.layers)

    def teardown(self) -> None:
        self.engine.dispose()
        shutil.rmtree(self.directory)

    @rule()
    def open_again(self) -> None:
        self.engine.dispose()
        self.open()

    @rule(image=images, seed=seeds, inputs=seeds)
    def add(self, image: str, seed: str, inputs: str) -> None:
        new, known = new_version(image, seed, built_from=inputs), self.known[image]
        added = self.versions.add(new)
        if known and (known[-1].digest, known[-1].build_key) == (new.digest, new.build_key):
            assert added == known[-1]
            return
        assert added.number == len(known) + 1
        assert (added.digest, added.build_key) == (new.digest, new.build_key)
        assert (added.lock, added.recipe) == (new.lock, new.recipe)
        assert (added.variants, added.created_at) == (new.variants, new.created_at)
        known.append(added)

    @rule(image=images, seed=seeds, after=some.integers(0, 4))
    def add_after(self, image: str, seed: str, after: int) -> None:
        new, known = new_version(image, seed), self.known[image]
        same = known and (known[-1].digest, known[-1].build_key) == (new.digest, new.build_key)
        if same:
            assert self.versions.add(new, after=after) == known[-1]
        elif after == len(known):
            known.append(self.versions.add(new, after=after))
        else:
            with pytest.raises(ConflictError):
                self.versions.add(new, after=after)

    @rule(content=some.sampled_from([b"", b"one", b"two"]))
    def write_layer(self, content: bytes) -> None:
        written, size = self.layers.write([content[:1], content[1:]])
        assert (written, size) == (of_bytes(content), len(content))
        self.layers.set_tree(written, {"a": Entry("a", Kind.FILE, size=size, digest=written)})
        self.blobs[written] = content

    @rule(content=some.sampled_from([b"", b"one", b"two"]))
    def lose_layer(self, content: bytes) -> None:
        if self.blobs.pop(of_bytes(content), None) is not None:
            self.layers.path(of_bytes(content)).unlink()

    @rule(seed=seeds, contents=some.lists(some.sampled_from([b"one", b"two"]), min_size=1))
    def remember(self, seed: str, contents: list[bytes]) -> None:
        made = tuple(LayerReference("made", of_bytes(each), len(each)) for each in contents)
        self.cache.remember(digest(seed), made)
        self.work[digest(seed)] = made

    @invariant()
    def nothing_kept_ever_changes(self) -> None:
        for image, known in self.known.items():
            for number, version in enumerate(known, start=1):
                assert self.versions.find(image, number) == version
            assert self.versions.find(image, len(known) + 1) is None

    @invariant()
    def the_newest_is_the_last_added(self) -> None:
        for image, known in self.known.items():
            assert self.versions.find(image) == (known[-1] if known else None)
        listed = [
            (each.name, each.versions, self.versions.find(each.name, each.number))
            for each in self.versions.images()
        ]
        assert listed == [
            (name, len(known), known[-1]) for name, known in self.known.items() if known
        ]

    @invariant()
    def layers_are_their_bytes_or_not_found(self) -> None:
        for content in (b"", b"one", b"two"):
            if of_bytes(content) in self.blobs:
                assert self.layers.path(of_bytes(content)).read_bytes() == content
                assert self.layers.tree(of_bytes(content))["a"].size == len(content)
            else:
                with pytest.raises(NotFoundError):
                    self.layers.path(of_bytes(content))

    @invariant()
    def work_is_recalled_while_all_its_layers_are_there(self) -> None:
        for seed in SEEDS:
            made = self.work.get(digest(seed))
            whole = made is not None and all(each.digest in self.blobs for each in made)
            assert self.cache.recall(digest(seed)) == (made if whole else None)


TestRegister = RegisterMachine.TestCase
TestRegister.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
