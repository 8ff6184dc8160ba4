"""The promises of the ports Versions and Cache, proven on every kind of database."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, text
from versions import digest, document, layer, new_version

from herdbook.catalogue.model import ImageSummary, Variant
from herdbook.catalogue.ports import Cache, Versions
from herdbook.core.errors import ConflictError, InvalidInputError, NotFoundError
from herdbook.images.documents import LayerReference
from herdbook.store import database
from herdbook.store.blobs import BlobStore
from herdbook.store.cache import SqlCache
from herdbook.store.database import open_database
from herdbook.store.versions import SqlVersions

URLS = {"sqlite": "sqlite:///{folder}/herdbook.db"}
"""An empty database of each kind."""


@pytest.fixture(params=sorted(URLS))
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return URLS[request.param].format(folder=tmp_path)


@pytest.fixture
def engine(url: str) -> Engine:
    return open_database(url)


@pytest.fixture
def versions(engine: Engine) -> Versions:
    return SqlVersions(engine)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


@pytest.fixture
def cache(engine: Engine, blobs: BlobStore) -> Cache:
    return SqlCache(engine, blobs)


def test_add_numbers_the_versions_of_each_image_from_one(versions: Versions) -> None:
    assert [versions.add(new_version(seed=seed)).number for seed in "123"] == [1, 2, 3]
    assert versions.add(new_version("shop/db")).number == 1


def test_add_keeps_every_field(versions: Versions) -> None:
    new = new_version()
    kept = versions.add(new)
    assert kept == versions.find(new.image)
    assert (kept.image, kept.digest, kept.build_key) == (new.image, new.digest, new.build_key)
    assert (kept.lock, kept.recipe, kept.variants) == (new.lock, new.recipe, new.variants)


@pytest.mark.parametrize("offset", [0, 5])
def test_add_keeps_the_moment_in_utc(versions: Versions, offset: int) -> None:
    zone = timezone(timedelta(hours=offset))
    kept = versions.add(replace(new_version(), created_at=datetime(2026, 1, 2, 8, tzinfo=zone)))
    assert kept.created_at == datetime(2026, 1, 2, 8 - offset, tzinfo=UTC)
    assert kept.created_at.tzinfo is UTC


def test_add_is_idempotent_for_the_newest_version(versions: Versions) -> None:
    first = versions.add(new_version(seed="1"))
    assert versions.add(new_version(seed="1")) == first
    assert versions.images()[0].versions == 1


def test_add_gives_a_number_to_what_was_built_from_other_inputs(versions: Versions) -> None:
    versions.add(new_version(seed="1", built_from="a"))
    assert versions.add(new_version(seed="1", built_from="b")).number == 2


def test_add_of_an_older_version_again_is_a_new_one(versions: Versions) -> None:
    assert [versions.add(new_version(seed=seed)).number for seed in "121"] == [1, 2, 3]


def test_add_keeps_all_or_nothing(versions: Versions, engine: Engine) -> None:
    versions.add(new_version(seed="1"))

    def fail(*arguments: object) -> None:
        if "INTO documents" in str(arguments[2]):
            raise RuntimeError("the machine stops here")

    event.listen(engine, "before_cursor_execute", fail)
    with pytest.raises(RuntimeError):
        versions.add(new_version(seed="2"))
    with pytest.raises(RuntimeError):
        versions.add(new_version("shop/db", seed="2"))
    event.remove(engine, "before_cursor_execute", fail)
    assert [summary.name for summary in versions.images()] == ["shop/web"]
    assert versions.find("shop/web", 2) is None
    assert versions.add(new_version(seed="3")).number == 2


def test_versions_added_at_once_are_all_kept_under_numbers_of_their_own(
    versions: Versions, url: str
) -> None:
    def add(number: int) -> int:
        registers = [versions, SqlVersions(open_database(url))]
        return registers[number % 2].add(new_version(seed=str(number))).number

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(add, range(24)))
    assert sorted(numbers) == list(range(1, 25))


def test_find_returns_a_version_by_number_or_the_newest(versions: Versions) -> None:
    added = [versions.add(new_version(seed=seed)) for seed in "123"]
    assert [versions.find("shop/web", number) for number in (1, 2, 3)] == added
    assert versions.find("shop/web") == added[-1]


@pytest.mark.parametrize("number", [None, 0, -1, 2, 2**31, 2**63, 10**30])
def test_find_returns_none_where_there_is_none(versions: Versions, number: int | None) -> None:
    versions.add(new_version("shop/db"))
    assert versions.find("shop/web", number) is None
    if number is not None:
        assert versions.find("shop/db", number) is None


def test_images_are_listed_by_name_with_their_newest_version(versions: Versions) -> None:
    assert versions.images() == []
    newest = {name: versions.add(new_version(name, "1")) for name in ("b", "a/z", "a")}
    newest["b"] = versions.add(new_version("b", "2"))
    assert versions.images() == [
        ImageSummary("a", 1, newest["a"]),
        ImageSummary("a/z", 1, newest["a/z"]),
        ImageSummary("b", 2, newest["b"]),
    ]


def test_document_returns_what_was_added(versions: Versions) -> None:
    new = new_version()
    versions.add(new)
    assert [versions.document(each.digest) for each in new.documents] == list(new.documents)


def test_document_that_is_not_there_is_not_found(versions: Versions) -> None:
    with pytest.raises(NotFoundError):
        versions.document(digest("absent"))


def test_documents_may_be_shared_between_versions(versions: Versions) -> None:
    shared = document("shared")
    for seed in "12":
        new = new_version(seed=seed)
        versions.add(replace(new, documents=(*new.documents, shared)))
    assert versions.document(shared.digest) == shared


def test_versions_are_there_for_every_later_process(versions: Versions, url: str) -> None:
    added = versions.add(new_version(variants=(Variant.VM,)))
    assert SqlVersions(open_database(url)).find("shop/web") == added


def test_order_of_layers_is_kept(versions: Versions) -> None:
    layers = tuple(layer(seed, size=2**33) for seed in "zayb")
    new = new_version(variants=(Variant.CONTAINER,))
    record = replace(new.variants[0], layers=layers)
    assert versions.add(replace(new, variants=(record,))).variants[0].layers == layers


def _kept(blobs: BlobStore, content: bytes) -> LayerReference:
    written, size = blobs.write([content])
    blobs.set_tree(written, {})
    return LayerReference("made", written, size)


def test_cache_recalls_what_work_made_in_order(cache: Cache, blobs: BlobStore) -> None:
    made = tuple(_kept(blobs, content) for content in (b"z", b"a", b"m"))
    cache.remember(digest("work"), made)
    assert cache.recall(digest("work")) == made


def test_cache_recalls_nothing_of_work_never_done(cache: Cache) -> None:
    assert cache.recall(digest("work")) is None


def test_cache_recalls_nothing_once_a_layer_is_gone(cache: Cache, blobs: BlobStore) -> None:
    made = [_kept(blobs, b"one"), _kept(blobs, b"two")]
    cache.remember(digest("work"), made)
    blobs.path(made[1].digest).unlink()
    assert cache.recall(digest("work")) is None


def test_cache_remembers_the_last_result_of_work(cache: Cache, blobs: BlobStore) -> None:
    one, two = _kept(blobs, b"one"), _kept(blobs, b"two")
    cache.remember(digest("work"), [one, two])
    cache.remember(digest("work"), [two])
    assert cache.recall(digest("work")) == (two,)


def test_cache_may_be_told_the_same_from_many_sides(cache: Cache, blobs: BlobStore) -> None:
    made = [_kept(blobs, b"one"), _kept(blobs, b"two")]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: cache.remember(digest("work"), made), range(24)))
    assert cache.recall(digest("work")) == tuple(made)


def test_a_new_database_may_be_opened_by_many_at_once(url: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: SqlVersions(open_database(url)), range(8)))
    opened[0].add(new_version())
    assert all(each.find("shop/web") is not None for each in opened)


def test_a_database_of_a_newer_herdbook_is_refused(url: str) -> None:
    with open_database(url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConflictError, match="9999"):
        open_database(url)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"no database at all" * 100)
    with pytest.raises(InvalidInputError):
        open_database(f"sqlite:///{tmp_path}/file")
    with pytest.raises(InvalidInputError):
        open_database(f"sqlite:///{tmp_path}")


def test_the_newest_migration_is_the_one_the_code_expects(url: str) -> None:
    folder = Path(database.__file__).parent / "migrations" / "versions"
    assert max(path.name for path in folder.glob("[0-9]*.py")).startswith(database.REVISION)
    open_database(url)
    with create_engine(url).connect() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    assert found == database.REVISION
