"""A bill becomes SPDX 2.3 that spdx-tools finds valid, the same bytes every time."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from herdbook.catalogue.components import Component, Ecosystem, Origin
from herdbook.core import digests
from herdbook.recipes.model import Variant
from herdbook.trust.bill import Bill, TitledBill
from herdbook.trust.spdx import document_of, render

LIBC = Component(
    Ecosystem.DEBIAN,
    "libc6",
    "1:2.36-9+deb12u10~1",
    suite="bookworm",
    architecture="amd64",
    source="glibc",
    source_version="2.36-9",
    licence="(GPL-2.0-only OR MIT) AND LicenseRef-public-domain",
    digest="sha256:" + "ab" * 32,
)
FLASK = Component(Ecosystem.PYTHON, "flask", "3.0.3", licence="BSD-3-Clause")
TYPES = Component(Ecosystem.NODE, "@types/node", "20.1.0", digest="sha512:" + "cd" * 64)
LOWEST, HIGHEST, EMPTY = (digests.of_bytes(name) for name in (b"lowest", b"highest", b"empty"))
BILL = Bill(
    "shop/web",
    3,
    digests.of_bytes(b"index"),
    Variant.CONTAINER,
    datetime(2025, 3, 1, 12, 30, tzinfo=UTC),
    (
        TitledBill(LOWEST, (LIBC, FLASK), Origin.DECLARED, "debian"),
        TitledBill(HIGHEST, (TYPES, LIBC), Origin.SCANNED, "run"),
        TitledBill(EMPTY, (), Origin.SCANNED, "files"),
    ),
)
PARTIAL = replace(
    BILL, layers=(*BILL.layers[:2], replace(BILL.layers[2], origin=Origin.NOT_SCANNED))
)
BILLS = [BILL, PARTIAL, replace(BILL, layers=()), replace(BILL, variant=Variant.VM)]
NAMES = ["complete", "partial", "empty", "vm"]


def document(bill: Bill) -> Any:
    return json.loads(render(bill))


def package(name: str) -> Any:
    return next(each for each in document(BILL)["packages"] if each["name"] == name)


def contained(bill: Bill, whole: str) -> list[str]:
    """What a package contains, by name; what stands for nothing or for anything as it is."""
    found = document(bill)
    names = {each["SPDXID"]: each["name"] for each in found["packages"]}
    return sorted(
        names.get(each["relatedSpdxElement"], each["relatedSpdxElement"])
        for each in found["relationships"]
        if each["relationshipType"] == "CONTAINS" and names[each["spdxElementId"]] == whole
    )


@pytest.mark.parametrize("bill", BILLS, ids=NAMES)
def test_spdx_tools_finds_it_valid(bill: Bill) -> None:
    assert validate_full_spdx_document(document_of(bill)) == []


@pytest.mark.parametrize("bill", BILLS, ids=NAMES)
def test_spdx_tools_reads_back_what_was_meant(bill: Bill) -> None:
    read = JsonLikeDictParser().parse(document(bill))  # type: ignore[no-untyped-call]
    assert validate_full_spdx_document(read) == []
    meant = document_of(bill)
    assert {each.spdx_id for each in read.packages} == {each.spdx_id for each in meant.packages}
    assert len(read.relationships) == len(meant.relationships)


def test_the_same_bill_gives_the_same_bytes_whatever_order_a_layer_was_listed_in() -> None:
    lowest, *others = BILL.layers
    turned = replace(lowest, components=lowest.components[::-1])
    assert render(BILL) == render(replace(BILL, layers=(turned, *others)))


def test_every_variant_of_every_version_has_a_namespace_of_its_own() -> None:
    other = replace(BILL, digest=digests.of_bytes(b"other"))
    bills = [BILL, other, replace(BILL, variant=Variant.VM)]
    assert len({document(each)["documentNamespace"] for each in bills}) == 3


def test_the_image_contains_its_layers_and_they_contain_their_components() -> None:
    assert contained(BILL, "shop/web") == ["debian", "files", "run"]
    assert contained(BILL, "debian") == ["flask", "libc6"]
    assert contained(BILL, "run") == ["@types/node", "libc6"]


def test_a_layer_known_to_hold_nothing_says_so() -> None:
    assert contained(BILL, "files") == ["NONE"]
    assert "comment" not in document(BILL)


def test_a_layer_that_was_not_scanned_asserts_nothing_and_the_document_says_so() -> None:
    assert contained(PARTIAL, "files") == ["NOASSERTION"]
    assert "not scanned" in document(PARTIAL)["comment"]


def test_a_component_is_named_by_its_package_url_and_its_source() -> None:
    libc = package("libc6")
    references = [each["referenceLocator"] for each in libc["externalRefs"]]
    assert references == [LIBC.purl]
    assert libc["versionInfo"] == LIBC.version
    assert "glibc 2.36-9" in libc["sourceInfo"]


def test_digests_are_given_by_algorithm() -> None:
    assert package("libc6")["checksums"] == [{"algorithm": "SHA256", "checksumValue": "ab" * 32}]
    assert package("@types/node")["checksums"][0]["algorithm"] == "SHA512"
    assert "checksums" not in package("flask")


def test_a_licence_is_declared_and_nothing_is_asserted_where_it_is_not_known() -> None:
    assert package("libc6")["licenseDeclared"] == LIBC.licence
    assert package("@types/node")["licenseDeclared"] == "NOASSERTION"
    assert package("flask")["licenseConcluded"] == "NOASSERTION"


def test_licences_that_spdx_does_not_list_are_told_of() -> None:
    told = [each["licenseId"] for each in document(BILL)["hasExtractedLicensingInfos"]]
    assert told == ["LicenseRef-public-domain"]
