"""The promises of the port VersionFinder, proven on every kind of database."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine
from versions import digest, layer, new_version

from herdbook.catalogue.model import NewVersion
from herdbook.catalogue.ports import Versions
from herdbook.store.versions import SqlVersions


@pytest.fixture
def versions(engine: Engine) -> Versions:
    return SqlVersions(engine)


def with_layers(image: str, seed: str, *layers: str, common: int = 0) -> NewVersion:
    """Return a version whose variants have these layers, so many of them shared with others."""
    new = new_version(image, f"{image} {seed}")
    held = tuple(map(layer, layers))
    variants = tuple(replace(each, layers=held, common=common) for each in new.variants)
    return replace(new, variants=variants)


def test_a_version_is_identified_by_its_number_or_as_the_newest(versions: Versions) -> None:
    added = [versions.add(new_version(seed=seed)) for seed in "123"]
    versions.add(new_version("shop/db"))
    assert [versions.identified("shop/web", each) for each in (1, 3, None)] == [
        (1, added[0].digest),
        (3, added[2].digest),
        (3, added[2].digest),
    ]
    versions.forget([added[2]])
    assert versions.identified("shop/web") == (2, added[1].digest)


@pytest.mark.parametrize("number", [None, 0, -1, 2, 2**31, 10**30])
def test_what_is_not_there_is_not_identified(versions: Versions, number: int | None) -> None:
    versions.add(new_version("shop/db"))
    assert versions.identified("shop/web", number) is None
    assert number is None or versions.identified("shop/db", number) is None


def test_numbers_are_an_images_own_the_newest_first(versions: Versions) -> None:
    added = [versions.add(new_version(seed=seed)) for seed in "123"]
    versions.add(new_version("shop/db"))
    versions.forget([added[1]])
    assert versions.numbers("shop/web") == [3, 1]
    assert versions.numbers("shop") == []


def test_names_come_after_another_one_in_order(versions: Versions) -> None:
    for name in ("b", "a/z", "a", "c"):
        versions.add(new_version(name))
    gone = versions.find("c")
    assert gone is not None
    versions.forget([gone])
    assert versions.names_after("", 9) == ["a", "a/z", "b"]
    assert versions.names_after("a", 1) == ["a/z"]
    assert versions.names_after("b", 9) == []
    assert versions.names_after("", 0) == []


def test_every_document_leads_to_the_versions_of_its_image_that_have_it(
    versions: Versions,
) -> None:
    """Also where versions of other images have the same, or an earlier one has it as well."""
    first = versions.add(new_version(seed="1"))
    versions.add(new_version(seed="2"))
    versions.add(new_version(seed="1"))
    versions.add(new_version("shop/db", seed="1"))
    variant = first.variants[0]
    for name in (first.digest, variant.manifest, variant.config):
        assert versions.with_document("shop/web", name) == [3, 1]
        assert versions.with_document("shop/db", name) == [1]
        assert versions.with_document("shop", name) == []
    assert versions.with_document("shop/web", digest("absent")) == []
    assert versions.with_document("shop/web", variant.layers[0].digest) == []


@pytest.mark.parametrize("most", [1, 2, 3, 9])
@pytest.mark.parametrize("common", [0, 1])
def test_a_layer_leads_to_the_newest_versions_of_the_image_that_have_it(
    versions: Versions, most: int, common: int
) -> None:
    """Whether among the newest that are looked through first, or far behind them."""
    for seed in range(1, 9):
        own = "early" if seed < 4 else "late"
        versions.add(with_layers("shop/web", str(seed), "base", own, common=common))
    versions.add(with_layers("shop/db", "1", "base", "another", common=common))

    def found(image: str, name: str) -> list[int]:
        return versions.with_layer(image, layer(name).digest, most)

    assert found("shop/web", "late") == [8, 7, 6, 5, 4][:most]
    assert found("shop/web", "early") == [3, 2, 1][:most]
    assert found("shop/web", "base") == [8, 7, 6, 5, 4, 3, 2, 1][:most]
    assert found("shop/db", "base") == [1]
    assert found("shop/web", "another") == found("shop/db", "early") == []
    assert found("shop", "base") == found("shop/web", "absent") == []
