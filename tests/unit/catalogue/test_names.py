"""People name versions as `shop/web` or `shop/web:3`, and are told what they probably meant."""

from pathlib import Path

import pytest
from versions import new_version

from herdbook.catalogue.model import Variant, shared_bytes
from herdbook.catalogue.names import variant_kind, variant_of, version_named
from herdbook.catalogue.ports import Versions
from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.store.database import open_database
from herdbook.store.versions import SqlVersions


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    found = SqlVersions(open_database(f"sqlite:///{tmp_path}/herdbook.db"))
    for seed in "12":
        found.add(new_version("shop/web", seed))
    found.add(new_version("shop/db", "1", variants=(Variant.VM,)))
    return found


@pytest.mark.parametrize(
    ("name", "label"),
    [("shop/web", "shop/web:2"), ("shop/web:1", "shop/web:1"), ("shop/db", "shop/db:1")],
)
def test_a_name_means_the_newest_version_or_the_numbered_one(
    versions: Versions, name: str, label: str
) -> None:
    assert version_named(versions, name).label == label


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("shop/wbe", "Did you mean 'shop/web'?"),
        ("zzz", "See which there are: herdbook images"),
        ("shop/web:3", "Its newest is 2."),
        ("shop/web:99999999999999999999", "Its newest is 2."),
    ],
)
def test_what_is_not_there_is_told_with_what_is(versions: Versions, name: str, hint: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        version_named(versions, name)
    assert caught.value.hint == hint


@pytest.mark.parametrize("name", ["", "Shop", "shop:", "shop:0", "shop:-1", "a b", "shop:1:2", "ö"])
def test_what_is_no_name_is_refused(versions: Versions, name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        version_named(versions, name)
    assert "shop/web:3" in caught.value.hint


def test_a_variant_is_the_one_asked_for_or_the_container(versions: Versions) -> None:
    both, vm = version_named(versions, "shop/web"), version_named(versions, "shop/db")
    assert variant_of(both, None).kind is Variant.CONTAINER
    assert variant_of(both, Variant.VM).kind is Variant.VM
    assert variant_of(vm, None).kind is Variant.VM
    with pytest.raises(NotFoundError) as caught:
        variant_of(vm, Variant.CONTAINER)
    assert caught.value.hint == "It has: vm."


def test_kinds_of_variants_are_words() -> None:
    assert variant_kind(None) is None
    assert variant_kind("vm") is Variant.VM
    with pytest.raises(InvalidInputError) as caught:
        variant_kind("contaner")
    assert caught.value.hint == "Did you mean 'container'?"
    with pytest.raises(InvalidInputError):
        variant_kind("")


def test_sizes_count_layers_and_shared_ones(versions: Versions) -> None:
    one, other = version_named(versions, "shop/web:1"), version_named(versions, "shop/web:2")
    assert one.variants[0].size_bytes == 20
    assert shared_bytes(one.variants[0], one.variants[1]) == 20
    assert shared_bytes(one.variants[0], other.variants[0]) == 10
    assert one.variant(Variant.VM) == one.variants[1]
