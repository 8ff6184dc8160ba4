"""OpenVEX statements are read with who said what, when and why, in the spec's old forms as well."""

from collections import Counter
from typing import Any

import pytest

from herdbook.core.errors import InvalidInputError
from herdbook.trust.advisories import Product, Statement, VexStatus
from herdbook.trust.vex import looks_like_vex, read_vex

STATEMENT: dict[str, Any] = {
    "vulnerability": {
        "@id": "https://nvd.nist.gov/vuln/detail/CVE-2023-5363",
        "name": "CVE-2023-5363",
        "aliases": ["GHSA-xw78-pcr6-wrg8"],
    },
    "products": [
        {
            "@id": "pkg:oci/web@sha256:abc?repository_url=registry.example/shop/web",
            "subcomponents": [{"@id": "pkg:deb/debian/openssl@3.0.9-1"}],
        },
        {"@id": "https://shop.example/web", "identifiers": {"purl": "pkg:pypi/web@1.0"}},
    ],
    "status": "not_affected",
    "justification": "vulnerable_code_not_in_execute_path",
    "impact_statement": "We never\nset a key length.",
}
DOCUMENT: dict[str, Any] = {
    "@context": "https://openvex.dev/ns/v0.2.0",
    "@id": "https://openvex.dev/docs/example/vex-9fb3463de1b57",
    "author": "Shop Security <security@shop.example>",
    "timestamp": "2023-01-08T18:02:03.647787998-06:00",
    "version": 1,
    "statements": [STATEMENT],
}


def read(**changes: object) -> tuple[Statement, ...]:
    return read_vex(DOCUMENT | {"statements": [STATEMENT | changes]}, Counter(), "web.vex.json")


def test_a_statement_has_its_products_reasons_author_and_time() -> None:
    assert looks_like_vex(DOCUMENT)
    subcomponents = ("pkg:deb/debian/openssl@3.0.9-1",)
    image = "pkg:oci/web@sha256:abc?repository_url=registry.example/shop/web"
    assert read() == (
        Statement(
            vulnerabilities=("CVE-2023-5363", "GHSA-xw78-pcr6-wrg8"),
            products=(Product(image, subcomponents), Product("pkg:pypi/web@1.0")),
            status=VexStatus.NOT_AFFECTED,
            timestamp="2023-01-09T00:02:03.647787Z",
            author="Shop Security <security@shop.example>",
            justification="vulnerable_code_not_in_execute_path",
            explanation="We never set a key length.",
        ),
    )


def test_a_statements_own_time_overrides_the_documents() -> None:
    (said,) = read(timestamp="2022-01-01T00:00:00Z", last_updated="2022-06-01T00:00:00+02:00")
    assert said.timestamp == "2022-05-31T22:00:00.000000Z"


def test_the_first_draft_of_openvex_is_understood() -> None:
    (said,) = read(
        vulnerability="CVE-2022-39046",
        products=["pkg:oci/miniprow@sha256:746"],
        subcomponents=["pkg:apk/alpine/git@2.38.1-r0"],
        status="under_investigation",
    )
    assert said.vulnerabilities == ("CVE-2022-39046",)
    expected = Product("pkg:oci/miniprow@sha256:746", ("pkg:apk/alpine/git@2.38.1-r0",))
    assert said.products == (expected,)


def test_a_vulnerability_without_a_name_is_named_by_its_address() -> None:
    (said,) = read(vulnerability={"@id": "https://nvd.nist.gov/vuln/detail/CVE-2023-5363"})
    assert said.vulnerabilities == ("CVE-2023-5363",)


def test_statements_without_a_product_are_counted() -> None:
    skipped: Counter[str] = Counter()
    without = {key: value for key, value in STATEMENT.items() if key != "products"}
    assert read_vex(DOCUMENT | {"statements": [without]}, skipped, "web.vex.json") == ()
    assert skipped == {"statement without a product": 1}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"status": "harmless"}, "status"),
        ({"status": 3}, "status"),
        ({"justification": None, "impact_statement": None}, "not why"),
        ({"vulnerability": {}}, "names no vulnerability"),
        ({"vulnerability": None}, "vulnerability"),
        ({"products": "pkg:pypi/web"}, "products"),
        ({"products": [7]}, "products"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp"),
    ],
)
def test_a_wrong_statement_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as refused:
        read(**wrong)
    assert refused.value.where.startswith("web.vex.json")


def test_a_statement_without_any_time_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="when"):
        read_vex(DOCUMENT | {"timestamp": None}, Counter(), "web.vex.json")


def test_endless_nesting_is_refused() -> None:
    product: dict[str, Any] = {"@id": "pkg:pypi/a"}
    for _ in range(900):
        product = {"@id": "pkg:pypi/a", "subcomponents": [product]}
    with pytest.raises(InvalidInputError):
        read(products=[product])
