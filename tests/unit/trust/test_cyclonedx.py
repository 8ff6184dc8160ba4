"""A bill becomes CycloneDX 1.6 that the library reads back, the same bytes every time."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cyclonedx.model.bom import Bom

from herdbook.catalogue.components import Component, Ecosystem, Origin
from herdbook.core import digests
from herdbook.recipes.model import Variant
from herdbook.trust.bill import Bill, TitledBill
from herdbook.trust.cyclonedx import render

LIBC = Component(
    Ecosystem.DEBIAN,
    "libc6",
    "2.36-9+deb12u10",
    suite="bookworm",
    architecture="amd64",
    source="glibc",
    source_version="2.36-9+deb12u10",
    licence="LGPL-2.1-or-later AND LicenseRef-public-domain",
    digest="sha256:" + "ab" * 32,
)
FLASK = Component(Ecosystem.PYTHON, "flask", "3.0.3", licence="BSD-3-Clause")
TYPES = Component(Ecosystem.NODE, "@types/node", "20.1.0", digest="sha512:" + "cd" * 64)
LOWEST = digests.of_bytes(b"lowest")
HIGHEST = digests.of_bytes(b"highest")
BILL = Bill(
    "shop/web",
    3,
    digests.of_bytes(b"index"),
    Variant.CONTAINER,
    datetime(2025, 3, 1, 12, 30, tzinfo=UTC),
    (
        TitledBill(LOWEST, (LIBC, FLASK), Origin.DECLARED, "debian"),
        TitledBill(HIGHEST, (TYPES, LIBC), Origin.SCANNED, "run"),
    ),
)
PARTIAL = replace(BILL, layers=(*BILL.layers, TitledBill(LOWEST, (), Origin.NOT_SCANNED, "files")))


def document(bill: Bill) -> Any:
    return json.loads(render(bill))


def component(name: str) -> Any:
    return next(each for each in document(BILL)["components"] if each["name"] == name)


def properties(part: Any, name: str) -> list[str]:
    return [each["value"] for each in part["properties"] if each["name"] == name]


def test_the_library_reads_it_back_with_all_components() -> None:
    reading: Any = Bom  # `from_json` is made by a decorator
    bom = reading.from_json(document(BILL))
    assert {str(each.purl) for each in bom.components} == {LIBC.purl, FLASK.purl, TYPES.purl}
    assert bom.serial_number == BILL.serial
    assert bom.metadata.timestamp == BILL.created


def test_the_same_bill_gives_the_same_bytes_whatever_order_a_layer_was_listed_in() -> None:
    lowest, highest = BILL.layers
    turned = replace(lowest, components=lowest.components[::-1])
    assert render(BILL) == render(replace(BILL, layers=(turned, highest)))


def test_the_time_is_the_versions_in_utc_and_whole_seconds() -> None:
    elsewhere = BILL.created.astimezone(timezone(timedelta(hours=9))).replace(microsecond=7)
    assert render(replace(BILL, created=elsewhere)) == render(BILL)


@pytest.mark.parametrize(
    ("variant", "kind"), [(Variant.CONTAINER, "container"), (Variant.VM, "operating-system")]
)
def test_what_it_is_the_bill_of_is_named_by_kind_number_and_digest(
    variant: Variant, kind: str
) -> None:
    bill = replace(BILL, variant=variant)
    image = document(bill)["metadata"]["component"]
    assert (image["type"], image["name"], image["version"]) == (kind, "shop/web", "3")
    assert image["purl"] == image["bom-ref"] == bill.purl
    assert image["hashes"] == [{"alg": "SHA-256", "content": digests.hexadecimal(bill.digest)}]


def test_a_component_says_where_it_lies_and_what_it_was_built_from() -> None:
    part = component("libc6")
    assert part["bom-ref"] == part["purl"] == LIBC.purl
    assert sorted(properties(part, "herdbook:layer")) == sorted([LOWEST, HIGHEST])
    assert properties(part, "herdbook:source") == ["glibc 2.36-9+deb12u10"]
    assert properties(component("flask"), "herdbook:source") == []


def test_one_licence_is_an_identifier_several_are_an_expression_and_none_is_left_out() -> None:
    declared = {"acknowledgement": "declared"}
    assert component("flask")["licenses"] == [{"license": {"id": "BSD-3-Clause", **declared}}]
    assert component("libc6")["licenses"] == [{"expression": LIBC.licence, **declared}]
    assert "licenses" not in component("@types/node")


def test_a_digest_is_given_by_its_algorithm_and_left_out_where_nobody_knows_it() -> None:
    assert component("@types/node")["hashes"] == [{"alg": "SHA-512", "content": "cd" * 64}]
    assert "hashes" not in component("flask")


def test_all_layers_known_is_complete() -> None:
    assert document(BILL)["compositions"] == [{"aggregate": "complete", "assemblies": [BILL.purl]}]
    assert "description" not in document(BILL)["metadata"]["component"]


def test_a_layer_that_was_not_scanned_makes_it_incomplete_and_is_named() -> None:
    found = document(PARTIAL)
    assert found["compositions"] == [{"aggregate": "incomplete", "assemblies": [BILL.purl]}]
    image = found["metadata"]["component"]
    assert "files" in image["description"]
    assert properties(image, "herdbook:layer:not-scanned") == [f"{LOWEST} files"]


def test_an_image_without_components_has_a_bill_too() -> None:
    assert document(replace(BILL, layers=())).get("components", []) == []
