"""The promises of the ports Versions and Cache, proven on every kind of database."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from older_schemas import at_revision
from sqlalchemy import Engine, MetaData, Table, event, text
from versions import digest, document, layer, new_version

from herdbook.catalogue.model import ImageSummary, Variant, Version
from herdbook.catalogue.ports import Cache, CompressedLayer, Versions
from herdbook.core.errors import ConflictError, InvalidInputError, NotFoundError
from herdbook.images.compressing import Compressor
from herdbook.images.documents import LayerReference
from herdbook.store import database
from herdbook.store.blobs import BlobStore
from herdbook.store.cache import SqlCache
from herdbook.store.database import open_database
from herdbook.store.versions import SqlVersions


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


def test_add_after_the_newest_version_keeps_it(versions: Versions) -> None:
    assert versions.add(new_version(seed="1"), after=0).number == 1
    assert versions.add(new_version(seed="2"), after=1).number == 2
    assert versions.add(new_version(seed="3")).number == 3


def test_add_refuses_to_go_over_what_was_built_meanwhile(
    versions: Versions, engine: Engine
) -> None:
    for seed in "12":
        versions.add(new_version(seed=seed))
    for after in (0, 1):
        with pytest.raises(ConflictError, match=r"shop/web:2 was built meanwhile") as refused:
            versions.add(new_version(seed="new"), after=after)
        assert refused.value.hint == "Run the same command again."
    assert [each.number for each in versions.every()] == [1, 2]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM locks")).scalar() == 2
    assert versions.add(new_version(seed="3")).number == 3


def test_add_of_the_newest_version_again_is_no_conflict(versions: Versions) -> None:
    first = versions.add(new_version(seed="1"), after=0)
    assert versions.add(new_version(seed="1"), after=0) == first


@pytest.mark.parametrize("kept", [0, 1])
def test_add_refuses_to_follow_a_version_that_was_forgotten_meanwhile(
    versions: Versions, kept: int
) -> None:
    added = [versions.add(new_version(seed=seed)) for seed in "12"]
    versions.forget(added[kept:])
    with pytest.raises(ConflictError, match=r"shop/web:2 was forgotten meanwhile"):
        versions.add(new_version(seed="3"), after=2)
    assert versions.add(new_version(seed="3"), after=kept).number == 3


def test_of_many_that_follow_one_version_one_is_kept(versions: Versions) -> None:
    def add(seed: int) -> int:
        try:
            return versions.add(new_version(seed=str(seed)), after=0).number
        except ConflictError:
            return 0

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(add, range(8))) == [*(0,) * 7, 1]


def test_add_keeps_all_or_nothing(versions: Versions, engine: Engine) -> None:
    versions.add(new_version(seed="1"))

    def fail(*arguments: object) -> None:
        if "INTO variants" in str(arguments[2]):
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
    versions: Versions, database_url: str
) -> None:
    def add(number: int) -> int:
        registers = [versions, SqlVersions(open_database(database_url))]
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


def summary(newest: Version, count: int) -> ImageSummary:
    return ImageSummary(
        *(newest.image, count, newest.number, newest.digest, newest.created_at),
        tuple(each.kind for each in newest.variants),
    )


def test_children_are_the_versions_made_from_an_image(versions: Versions) -> None:
    for name, parent in (("a", None), ("b", ("a", 1)), ("c", ("a", 1)), ("d", ("b", 1))):
        versions.add(replace(new_version(name), parent=parent))
    assert versions.children("a") == versions.children("a", 1) == [("b", 1), ("c", 1)]
    assert versions.children("a", 2) == versions.children("d") == []
    found = versions.find("a")
    assert found is not None
    versions.forget([found])
    assert versions.children("a") == []


def test_images_are_listed_by_name_with_their_newest_version(versions: Versions) -> None:
    assert versions.images() == []
    newest = {name: versions.add(new_version(name, "1")) for name in ("b", "a/z", "a")}
    newest["b"] = versions.add(new_version("b", "2"))
    summaries = [summary(newest[name], count) for name, count in (("a", 1), ("a/z", 1), ("b", 2))]
    assert versions.images() == summaries
    assert versions.images(skip=1, limit=1) == summaries[1:2]
    assert versions.images(match="a") == summaries[:2]
    assert versions.images(match="%") == []
    assert [versions.count_images(match) for match in ("", "a", "%")] == [3, 2, 0]
    assert versions.names("a", 9) == ["a", "a/z"]
    assert versions.names("", 2) == ["a", "a/z"]
    assert dict(versions.build_keys()) == {
        name: version.build_key for name, version in newest.items()
    }


def test_document_returns_what_was_added(versions: Versions) -> None:
    new = new_version()
    versions.add(new)
    assert [versions.document(each.digest) for each in new.documents] == list(new.documents)


def test_document_that_is_not_there_is_not_found(versions: Versions) -> None:
    with pytest.raises(NotFoundError):
        versions.document(digest("absent"))


def test_documents_may_be_shared_between_versions(versions: Versions) -> None:
    shared = document("shared")

    def add(seed: str) -> Version:
        new = new_version(seed=seed)
        variants = tuple(replace(each, config=shared.digest) for each in new.variants)
        return versions.add(replace(new, variants=variants, documents=(*new.documents, shared)))

    first, _ = add("1"), add("2")
    versions.forget([first])
    assert versions.document(shared.digest) == shared


def test_versions_are_there_for_every_later_process(versions: Versions, database_url: str) -> None:
    added = versions.add(new_version(variants=(Variant.VM,)))
    assert SqlVersions(open_database(database_url)).find("shop/web") == added


def test_order_of_layers_is_kept(versions: Versions) -> None:
    layers = tuple(layer(seed, size=2**33) for seed in "zayb")
    new = new_version(variants=(Variant.CONTAINER,))
    record = replace(new.variants[0], layers=layers)
    assert versions.add(replace(new, variants=(record,))).variants[0].layers == layers


def test_every_version_is_returned_by_image_and_number(versions: Versions) -> None:
    assert versions.every() == []
    added = [versions.add(new_version(name, seed)) for name in ("b", "a") for seed in "12"]
    assert versions.every() == [*added[2:], *added[:2]]


def test_a_forgotten_version_is_gone_and_its_number_is_not_given_again(versions: Versions) -> None:
    added = [versions.add(new_version(seed=seed)) for seed in "123"]
    versions.forget([added[0], added[2]])
    assert versions.every() == [added[1]]
    assert [versions.find("shop/web", number) for number in (1, 3)] == [None, None]
    assert versions.find("shop/web") == added[1]
    assert versions.images() == [summary(added[1], 1)]
    assert versions.add(new_version(seed="3")).number == 4


def test_an_image_without_versions_is_not_listed_and_goes_on_counting(versions: Versions) -> None:
    versions.forget([versions.add(new_version())])
    assert versions.images() == []
    assert versions.find("shop/web") is None
    assert versions.add(new_version()).number == 2


def test_a_version_whose_recipe_has_moved_is_the_same_but_for_its_home(versions: Versions) -> None:
    kept, other = versions.add(new_version()), versions.add(new_version("shop/other"))
    versions.move_home(kept, "/srv/recipes/web.yaml")
    assert versions.find("shop/web") == replace(kept, home="/srv/recipes/web.yaml")
    assert versions.find("shop/other") == other


def test_forgetting_is_idempotent(versions: Versions) -> None:
    kept, gone = versions.add(new_version(seed="1")), versions.add(new_version(seed="2"))
    versions.forget([gone, gone])
    versions.forget([gone])
    versions.forget([])
    assert versions.every() == [kept]


def test_documents_go_with_the_last_version_that_has_them(versions: Versions) -> None:
    first = versions.add(new_version(seed="1"))
    again = versions.add(new_version(seed="1", built_from="other inputs"))
    versions.forget([first])
    assert versions.document(first.digest).digest == first.digest
    versions.forget([again])
    with pytest.raises(NotFoundError):
        versions.document(first.digest)


def insert_old(engine: Engine, number: int, **more: object) -> None:
    """Add a version as the first schema had it: two variants that share a layer."""
    new = new_version(seed=str(number))
    kept: dict[str, object]
    rows: list[tuple[str, dict[str, object]]] = [
        (
            "versions",
            {
                "id": number,
                "image_id": 1,
                "number": number,
                "digest": new.digest,
                "build_key": new.build_key,
                "created_at": new.created_at.replace(tzinfo=None),
                "lock": new.lock,
                "recipe": new.recipe,
            },
        )
    ]
    for made in new.documents:
        kept = {"digest": made.digest, "media_type": made.media_type, "content": made.content}
        rows.append(("documents", kept))
    for count, variant in enumerate(new.variants):
        key = 10 * number + count
        named: dict[str, object] = {"id": key, "version_id": number, "kind": variant.kind.value}
        made_of: dict[str, object] = {"manifest": variant.manifest, "config": variant.config}
        rows.append(("variants", {**named, **made_of}))
        for position, each in enumerate(variant.layers):
            place: dict[str, object] = {"variant_id": key, "position": position}
            about: dict[str, object] = {"digest": each.digest, "size": each.size}
            about["title"] = each.title
            rows.append(("variant_layers", {**place, **about, **more}))
    with engine.begin() as connection:
        for name, values in rows:
            table = Table(name, MetaData(), autoload_with=connection)
            connection.execute(table.insert().values(values))


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_versions_of_an_older_schema_are_kept_with_all_they_had(
    database_url: str, revision: str
) -> None:
    """Numbers that were given then are not given again, and new versions come after them."""
    engine = at_revision(database_url, revision)
    with engine.begin() as connection:
        images = Table("images", MetaData(), autoload_with=connection)
        more = {"last_number": 2} if revision == "0002" else {}
        connection.execute(images.insert().values(id=1, name="shop/web", **more))
    for number in (1, 2):
        insert_old(engine, number, **({"inputs": None} if revision == "0002" else {}))
    engine.dispose()
    migrated = SqlVersions(open_database(database_url))
    kept = migrated.every()
    for version, new in zip(kept, (new_version(seed="1"), new_version(seed="2")), strict=True):
        assert (version.digest, version.build_key, version.created_at) == (
            *(new.digest, new.build_key, new.created_at),
        )
        assert (version.lock, version.recipe, version.variants) == (
            *(new.lock, new.recipe, new.variants),
        )
        assert [migrated.document(each.digest) for each in new.documents] == list(new.documents)
    migrated.forget(kept)
    assert migrated.add(new_version(seed="3")).number == 3


ZSTD = Compressor("zstd", 9, "zstd 1.5")


def test_a_compressed_layer_is_known_by_all_that_decides_its_bytes(
    cache: Cache, blobs: BlobStore
) -> None:
    written, size = blobs.write([b"small"])
    made = CompressedLayer(digest("layer"), ZSTD, written, size)
    cache.remember_compressed(made)
    cache.remember_compressed(made)
    assert cache.compressed(digest("layer"), ZSTD) == made
    assert cache.compressed_layers() == [made]
    for other in (
        replace(ZSTD, level=3),
        replace(ZSTD, library="zstd 1.6"),
        replace(ZSTD, compression="gzip"),
    ):
        assert cache.compressed(digest("layer"), other) is None
    assert cache.compressed(digest("other"), ZSTD) is None


def test_a_compressed_layer_whose_blob_is_gone_is_not_recalled(
    cache: Cache, blobs: BlobStore
) -> None:
    written, size = blobs.write([b"small"])
    cache.remember_compressed(CompressedLayer(digest("layer"), ZSTD, written, size))
    blobs.path(written).unlink()
    assert cache.compressed(digest("layer"), ZSTD) is None


def test_lost_results_are_forgotten_and_others_are_not(cache: Cache, blobs: BlobStore) -> None:
    one, two = _kept(blobs, b"one"), _kept(blobs, b"two")
    cache.remember(digest("work"), [one])
    cache.remember(digest("lost work"), [one, two])
    cache.remember_compressed(CompressedLayer(digest("layer"), ZSTD, two.digest, two.size))
    assert cache.forget_lost() == 0
    blobs.path(two.digest).unlink()
    assert cache.forget_lost() == 3
    assert cache.forget_lost() == 0
    assert cache.recall(digest("work")) == (one,)
    assert cache.recall(digest("lost work")) is None
    assert cache.compressed_layers() == []


def test_what_went_into_a_layer_is_kept_with_it(
    versions: Versions, cache: Cache, blobs: BlobStore
) -> None:
    opaque = replace(_kept(blobs, b"opaque"), inputs=digest("inputs"))
    new = new_version(variants=(Variant.CONTAINER,))
    record = replace(new.variants[0], layers=(opaque, layer("other")))
    assert versions.add(replace(new, variants=(record,))).variants == (record,)
    cache.remember(digest("work"), [opaque])
    assert cache.recall(digest("work")) == (opaque,)


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


def test_a_new_database_may_be_opened_by_many_at_once(database_url: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: SqlVersions(open_database(database_url)), range(8)))
    opened[0].add(new_version())
    assert all(each.find("shop/web") is not None for each in opened)


def test_a_database_of_a_newer_herdbook_is_refused(database_url: str) -> None:
    with open_database(database_url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConflictError, match="9999"):
        open_database(database_url)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"no database at all" * 100)
    with pytest.raises(InvalidInputError):
        open_database(f"sqlite:///{tmp_path}/file")
    with pytest.raises(InvalidInputError):
        open_database(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize("url", ["", "nonsense", "postgresql://u@[::1", "mysql://u@host/name"])
def test_what_names_no_database_is_refused(url: str) -> None:
    with pytest.raises(InvalidInputError, match="HERDBOOK_DATABASE"):
        open_database(url)


def test_the_newest_migration_is_the_one_the_code_expects(database_url: str) -> None:
    folder = Path(database.__file__).parent / "migrations" / "versions"
    assert max(path.name for path in folder.glob("[0-9]*.py")).startswith(database.REVISION)
    with open_database(database_url).connect() as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    assert found == database.REVISION
