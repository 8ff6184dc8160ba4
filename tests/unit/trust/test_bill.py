"""A bill is the union of what is known of its layers, and never looks more complete than it is."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from herdbook.catalogue.components import Component, Ecosystem, LayerBill, Origin
from herdbook.catalogue.model import VariantRecord, Version
from herdbook.core import digests
from herdbook.images.documents import LayerReference
from herdbook.recipes.model import Variant
from herdbook.trust.bill import Bill, TitledBill, bill_of, not_scanned_text

LOWEST, MIDDLE, HIGHEST = (digests.of_bytes(name) for name in (b"lowest", b"middle", b"highest"))
OPENSSL = Component(
    Ecosystem.DEBIAN, "openssl", "3.0.15-1~deb12u1", "bookworm", "amd64", licence="Apache-2.0"
)
FLASK = Component(Ecosystem.PYTHON, "flask", "3.0.3")


def bill(*layers: TitledBill) -> Bill:
    created = datetime(2025, 3, 1, tzinfo=UTC)
    return Bill("shop/web", 3, digests.of_bytes(b"index"), Variant.CONTAINER, created, layers)


def test_a_component_in_several_layers_counts_once_and_names_them_lowest_first() -> None:
    found = bill(
        TitledBill(LOWEST, (OPENSSL,), Origin.DECLARED, "debian"),
        TitledBill(MIDDLE, (FLASK, OPENSSL, OPENSSL), Origin.SCANNED, "run"),
    ).held()
    assert [(each.component, [layer.title for layer in each.layers]) for each in found] == [
        (OPENSSL, ["debian", "run"]),
        (FLASK, ["run"]),
    ]


def test_what_the_lowest_layer_says_of_a_component_counts() -> None:
    """A scan of dpkg's status knows neither suite nor licence of a package the lock declared."""
    scanned = replace(OPENSSL, suite="", licence="")
    found = bill(
        TitledBill(LOWEST, (OPENSSL,), Origin.DECLARED, "debian"),
        TitledBill(MIDDLE, (scanned,), Origin.SCANNED, "config"),
    ).held()
    assert [each.component for each in found] == [OPENSSL]


def test_another_version_or_architecture_is_another_component() -> None:
    others = (replace(OPENSSL, version="3.0.16-1"), replace(OPENSSL, architecture="i386"))
    found = bill(TitledBill(LOWEST, (OPENSSL, *others), Origin.DECLARED, "debian")).held()
    assert {each.component for each in found} == {OPENSSL, *others}


def test_a_bill_names_the_layers_that_were_not_scanned() -> None:
    partial = bill(
        TitledBill(LOWEST, (OPENSSL,), Origin.DECLARED, "debian"),
        TitledBill(MIDDLE, (), Origin.NOT_SCANNED, "run"),
    )
    assert [each.title for each in partial.not_scanned] == ["run"]
    assert f"run ({digests.short(MIDDLE)})" in not_scanned_text(partial)


def test_a_bill_of_known_layers_is_complete_even_if_one_holds_nothing() -> None:
    whole = bill(TitledBill(LOWEST, (), Origin.SCANNED, "files"))
    assert whole.not_scanned == ()
    assert not_scanned_text(whole) == ""


def test_the_serial_goes_by_version_and_variant_alone() -> None:
    one = bill()
    assert one.serial == replace(one, image="shop/again", layers=()).serial
    assert one.serial != replace(one, variant=Variant.VM).serial
    assert one.serial != replace(one, digest=digests.of_bytes(b"other")).serial


@pytest.mark.parametrize(("image", "name"), [("shop/web", "web"), ("web", "web")])
def test_the_package_url_names_the_index_by_its_digest(image: str, name: str) -> None:
    index = digests.of_bytes(b"index")
    assert replace(bill(), image=image).purl == f"pkg:oci/{name}@{index}?arch=amd64&tag=3"


def test_a_layer_without_a_bill_is_one_that_was_not_scanned() -> None:
    references = (LayerReference("debian", LOWEST, 1), LayerReference("run", HIGHEST, 2))
    record = VariantRecord(Variant.VM, digests.of_bytes(b"m"), digests.of_bytes(b"c"), references)
    index, key = digests.of_bytes(b"index"), digests.of_bytes(b"key")
    created = datetime(2025, 3, 1, tzinfo=UTC)
    version = Version("web", 7, index, key, created, lock="", recipe="", variants=(record,))
    unrelated = LayerBill(MIDDLE, (FLASK,), Origin.SCANNED)
    known = LayerBill(LOWEST, (OPENSSL,), Origin.DECLARED)
    assert bill_of(version, record, [unrelated, known]) == Bill(
        "web",
        7,
        index,
        Variant.VM,
        created,
        (
            TitledBill(LOWEST, (OPENSSL,), Origin.DECLARED, "debian"),
            TitledBill(HIGHEST, (), Origin.NOT_SCANNED, "run"),
        ),
    )
