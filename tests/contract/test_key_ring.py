"""The promises of the port KeyRing."""

from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import pytest
from key_makers import identity_of_own, ring_at
from versions import digest

from herdbook.core.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    VerificationError,
)
from herdbook.signatures.keys import new_private_key
from herdbook.signatures.model import KnownKey, Standing
from herdbook.signatures.statements import Origins, read_provenance
from herdbook.store.key_ring import FileKeyRing

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ORIGINS = Origins(
    "shop/web",
    3,
    digest("index"),
    {"container": digest("container"), "vm": digest("vm")},
    digest("lock"),
    digest("recipe"),
    digest("key"),
    NOW,
    "its author",
)


def another(name: str = "berlin", images: str = "*") -> KnownKey:
    pem = new_private_key().public.pem
    return KnownKey(name=name, pem=pem, at=NOW, who="ann", images=images)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "keys"


@pytest.fixture
def ring(folder: Path) -> FileKeyRing:
    return ring_at(folder)


def test_the_builder_gets_a_key_when_it_signs_first_and_keeps_it(
    ring: FileKeyRing, folder: Path
) -> None:
    assert ring.ring().keys == ()
    envelope = ring.state(ORIGINS)
    [own] = ring.ring().keys
    assert (own.name, own.who, own.standing) == ("builder", "ann", Standing.TRUSTED)
    assert envelope.is_by(own.key)
    assert ring_at(folder).state(ORIGINS) == envelope


def test_what_is_stated_can_be_read_back(ring: FileKeyRing) -> None:
    stated = read_provenance(ring.state(ORIGINS).payload)
    assert (stated.label, stated.digest) == ("shop/web:3", digest("index"))
    assert (stated.lock, stated.recipe) == (digest("lock"), digest("recipe"))
    assert stated.variants == ORIGINS.variants


def test_nobody_else_can_read_the_keys(ring: FileKeyRing, folder: Path) -> None:
    ring.own()
    assert folder.stat().st_mode & 0o077 == 0
    assert {each.stat().st_mode & 0o077 for each in folder.iterdir()} == {0}


def test_of_several_who_sign_first_at_once_all_sign_with_one_key(folder: Path) -> None:
    with ProcessPoolExecutor(4, get_context("spawn")) as pool:
        found = set(pool.map(identity_of_own, [folder] * 4))
    assert len(found) == 1
    assert len(list(folder.glob("*.key"))) == 1


def test_a_key_is_encrypted_where_there_is_a_password(folder: Path) -> None:
    own = ring_at(folder, b"secret").own()
    [file] = folder.glob("*.key")
    assert b"ENCRYPTED" in file.read_bytes()
    assert ring_at(folder, b"secret").sign(lambda _: b"x").is_by(own.key)
    for wrong in (b"", b"other"):
        with pytest.raises(InvalidInputError) as raised:
            ring_at(folder, wrong).sign(lambda _: b"x")
        assert "HERDBOOK_KEY_PASSWORD" in raised.value.hint
    assert ring_at(folder).own() == own  # who verifies needs no password


def test_after_a_rotation_both_keys_count_and_the_new_one_signs(
    ring: FileKeyRing, folder: Path
) -> None:
    before = ring.state(ORIGINS)
    new = ring.rotate()
    after = ring.state(ORIGINS)
    assert new.name == "builder-2"
    assert after.key == new.key.identity != before.key
    old = ring.ring().named("builder")
    assert old is not None
    assert (old.standing, old.counts_for("shop/web")) == (Standing.RETIRED, True)
    assert before.is_by(old.key)
    assert len(list(folder.glob("*.key"))) == 1  # what signs no more cannot be stolen either


def test_where_the_builders_key_is_distrusted_it_gets_another_one(ring: FileKeyRing) -> None:
    before = ring.state(ORIGINS)
    assert not ring.change("builder", Standing.DISTRUSTED).counts_for("shop/web")
    assert ring.state(ORIGINS).key != before.key
    assert [each.name for each in ring.ring().keys] == ["builder", "builder-2"]


def test_another_builders_key_counts_for_the_images_it_was_added_for(ring: FileKeyRing) -> None:
    ring.add(another(images="shop/*"))
    found = ring.ring().named("berlin")
    assert found is not None
    assert [found.counts_for(each) for each in ("shop/web", "bank/web")] == [True, False]


def test_a_key_that_is_trusted_can_count_for_other_images(ring: FileKeyRing) -> None:
    key = another(images="shop/*")
    ring.add(key)
    ring.add(key.model_copy(update={"images": "bank/*"}))
    assert ring.ring().required("berlin").images == "bank/*"
    ring.change("berlin", Standing.DISTRUSTED)
    with pytest.raises(ConflictError):
        ring.add(key)


def test_a_name_or_a_key_is_not_given_twice(ring: FileKeyRing) -> None:
    key = another()
    ring.add(key)
    ring.add(key)
    with pytest.raises(ConflictError):
        ring.add(another())
    with pytest.raises(ConflictError):
        ring.add(key.model_copy(update={"name": "paris"}))
    assert ring.ring().keys == (key,)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Standing.DISTRUSTED, Standing.TRUSTED),
        (Standing.DISTRUSTED, Standing.RETIRED),
        (Standing.RETIRED, Standing.TRUSTED),
    ],
)
def test_trust_is_not_given_back(ring: FileKeyRing, before: Standing, after: Standing) -> None:
    ring.add(another())
    ring.change("berlin", before)
    assert ring.change("berlin", before).standing is before
    with pytest.raises(ConflictError):
        ring.change("berlin", after)


def test_an_unknown_key_is_told_with_the_nearest(ring: FileKeyRing) -> None:
    ring.add(another())
    with pytest.raises(NotFoundError) as raised:
        ring.change("berlim", Standing.RETIRED)
    assert "berlin" in raised.value.hint


@pytest.mark.parametrize("content", ["", "{", '{"keys":[{"name":"x"}]}', '{"keys":[],"more":1}'])
def test_a_ring_that_cannot_be_read_counts_for_nothing(
    ring: FileKeyRing, folder: Path, content: str
) -> None:
    ring.own()
    (folder / "ring.json").write_text(content)
    with pytest.raises(VerificationError):
        ring.ring()
    with pytest.raises(VerificationError):
        ring.state(ORIGINS)


def test_a_private_key_that_is_gone_is_told(ring: FileKeyRing, folder: Path) -> None:
    ring.own()
    next(folder.glob("*.key")).unlink()
    with pytest.raises(VerificationError) as raised:
        ring_at(folder).state(ORIGINS)
    assert "herdbook key rotate" in raised.value.hint
    assert ring.rotate().key.identity == ring.state(ORIGINS).key


def test_a_private_key_that_a_rotation_left_behind_is_removed_with_the_next_change(
    ring: FileKeyRing, folder: Path
) -> None:
    """Whoever was killed between the ring and the file leaves the old one there."""
    ring.own()
    [file] = folder.glob("*.key")
    content = file.read_bytes()
    ring.rotate()
    file.write_bytes(content)
    ring.rotate()
    assert len(list(folder.glob("*.key"))) == 1
    assert not file.exists()
