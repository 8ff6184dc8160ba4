"""What was said of a finding stands beside it: the newest word, only where it was meant."""

import pytest

from herdbook.catalogue.components import Component, Ecosystem
from herdbook.trust.advisories import (
    Advisory,
    Exploited,
    Product,
    RangeStatus,
    Source,
    Statement,
    VexStatus,
)
from herdbook.trust.judging import Opinions, Verdict, judged
from herdbook.trust.matching import Finding
from herdbook.trust.products import ImageIdentity, names_component, names_image
from herdbook.trust.ranges import State

FLASK = Component(Ecosystem.PYTHON, "flask", "2.0.1")
LIBSSL = Component(
    Ecosystem.DEBIAN, "libssl3", "3.0.9-1+b1", "bookworm", "amd64", "openssl", "3.0.9-1"
)
BABEL = Component(Ecosystem.NODE, "@babel/core", "7.0.0")
JSON_STREAM = Component(Ecosystem.NODE, "JSONStream", "1.3.5")
ADVISORY = Advisory("GHSA-m2qf-hxjv-5gpq", Source.OSV, aliases=("CVE-2023-30861",))
DIGEST = "sha256:" + "ab" * 32
WEB = ImageIdentity("shop/web", 3, frozenset([DIGEST]))


def said(
    product: str | Product,
    status: VexStatus = VexStatus.NOT_AFFECTED,
    day: int = 1,
    names: tuple[str, ...] = ("CVE-2023-30861",),
) -> Statement:
    products = (Product(product) if isinstance(product, str) else product,)
    return Statement(names, products, status, f"2024-01-{day:02}T00:00:00.000000Z", "us", "because")


def verdict(
    *statements: Statement,
    advisory: Advisory = ADVISORY,
    image: ImageIdentity | None = None,
    finding: Finding | None = None,
) -> Verdict:
    found = finding or Finding(FLASK, advisory.id, State.AFFECTED)
    (result,) = judged([found], {advisory.id: advisory}, Opinions(statements), image)
    return result


def test_a_statement_clears_a_finding_and_is_shown_with_it() -> None:
    statement = said("pkg:pypi/flask")
    assert verdict(statement) == Verdict(Finding(FLASK, ADVISORY.id, State.AFFECTED), statement)
    assert verdict(statement).cleared
    assert not verdict(statement).open
    assert verdict().open


def test_the_newest_statement_wins_whatever_it_says() -> None:
    old, new = said("pkg:pypi/flask", day=1), said("pkg:pypi/flask", VexStatus.AFFECTED, day=2)
    for given in ((old, new), (new, old)):
        assert verdict(*given).statement == new
        assert verdict(*given).open
    assert not verdict(said("pkg:pypi/flask", VexStatus.UNDER_INVESTIGATION)).cleared
    assert verdict(said("pkg:pypi/flask", VexStatus.FIXED)).cleared


def test_of_two_at_the_same_time_the_later_in_order_wins() -> None:
    first, second = said("pkg:pypi/flask"), said("pkg:pypi/flask", VexStatus.AFFECTED)
    assert verdict(first, second).statement == second


def test_an_old_statement_holds_where_a_newer_one_was_not_meant() -> None:
    old, elsewhere = said("pkg:pypi/flask"), said("pkg:pypi/flask@9", VexStatus.AFFECTED, day=9)
    assert verdict(old, elsewhere).statement == old


@pytest.mark.parametrize(
    "names", [("CVE-2023-30861",), ("cve-2023-30861",), ("X", "GHSA-m2qf-hxjv-5gpq")]
)
def test_a_vulnerability_is_known_by_any_of_its_names(names: tuple[str, ...]) -> None:
    assert verdict(said("pkg:pypi/flask", names=names)).cleared


def test_another_vulnerability_says_nothing() -> None:
    assert verdict(said("pkg:pypi/flask", names=("CVE-2023-3086",))).statement is None


def test_one_of_several_vulnerabilities_does_not_clear_an_advisory_on_all() -> None:
    several = Advisory("DSA-1", Source.OSV, upstream=("CVE-1", "CVE-2"))
    alone = Advisory("DEBIAN-CVE-1", Source.OSV, upstream=("CVE-1",))
    one, all_of_them = (
        said("pkg:pypi/flask", names=("CVE-1", "DSA-1")),
        said("pkg:pypi/flask", names=("DSA-1",)),
    )
    assert not verdict(one, advisory=several).cleared
    assert verdict(all_of_them, advisory=several).cleared
    assert verdict(one, advisory=alone).cleared


def test_what_is_said_of_an_image_holds_in_that_image_alone() -> None:
    for name in ("shop/web", "shop/web:3"):
        statement = said(name)
        assert verdict(statement, image=WEB).cleared
        assert not verdict(statement).cleared
        assert not verdict(statement, image=ImageIdentity("shop/api", 3)).cleared
    assert not verdict(said("shop/web:2"), image=WEB).cleared


def test_in_an_image_it_holds_for_the_subcomponents_it_names() -> None:
    assert verdict(said(Product("shop/web", ("pkg:pypi/flask",))), image=WEB).cleared
    assert not verdict(said(Product("shop/web", ("pkg:pypi/jinja2",))), image=WEB).cleared


def test_a_component_inside_another_component_is_never_taken_for_one_of_ours() -> None:
    inside = said(Product("pkg:pypi/flask", ("pkg:pypi/werkzeug",)))
    assert not verdict(inside, image=WEB).cleared


def test_exploited_vulnerabilities_are_marked_under_every_name() -> None:
    mark = Exploited("CVE-2023-30861", "2024-01-01", "2024-02-01", "A flaw")
    several = Advisory("DSA-1", Source.OSV, upstream=("CVE-9", "CVE-2023-30861"))
    for advisory in (ADVISORY, several, Advisory("CVE-2023-30861", Source.DEBIAN)):
        finding = Finding(FLASK, advisory.id, State.AFFECTED)
        (result,) = judged([finding], {advisory.id: advisory}, Opinions(exploited=[mark]))
        assert result.exploited == mark
    unknown = Finding(FLASK, "CVE-1", State.AFFECTED)
    assert [each.exploited for each in judged([unknown], {}, Opinions(exploited=[mark]))] == [None]


@pytest.mark.parametrize(
    ("state", "status", "needs_somebody"),
    [
        (State.AFFECTED, RangeStatus.OPEN, True),
        (State.AFFECTED, RangeStatus.IGNORED, True),
        (State.AFFECTED, RangeStatus.UNIMPORTANT, False),
        (State.UNDETERMINED, RangeStatus.UNDETERMINED, True),
        (State.FIXED, RangeStatus.FIXED, False),
    ],
)
def test_a_finding_is_open_while_somebody_has_to_act_or_decide(
    state: State, status: RangeStatus, *, needs_somebody: bool
) -> None:
    assert verdict(finding=Finding(FLASK, ADVISORY.id, state, status)).open == needs_somebody


@pytest.mark.parametrize(
    ("purl", "component", "named"),
    [
        ("pkg:pypi/Flask", FLASK, True),
        ("pkg:pypi/flask@2.0.1", FLASK, True),
        ("pkg:pypi/flask@2.0.1.0", FLASK, True),
        ("pkg:pypi/flask@2.0.2", FLASK, False),
        ("pkg:pypi/flask#src/part", FLASK, False),
        ("pkg:npm/flask", FLASK, False),
        ("flask", FLASK, False),
        ("pkg:", FLASK, False),
        ("pkg:npm/%40babel/core@7.0.0", BABEL, True),
        ("pkg:npm/core", BABEL, False),
        ("pkg:deb/debian/libssl3", LIBSSL, True),
        ("pkg:deb/debian/libssl3@3.0.9-1%2Bb1?arch=amd64&distro=bookworm", LIBSSL, True),
        ("pkg:deb/debian/libssl3?distro=debian-12", LIBSSL, True),
        ("pkg:deb/debian/libssl3?distro=trixie", LIBSSL, False),
        ("pkg:deb/debian/libssl3?arch=arm64", LIBSSL, False),
        ("pkg:deb/debian/openssl", LIBSSL, False),
        ("pkg:deb/debian/openssl@3.0.9-1?arch=source", LIBSSL, True),
        ("pkg:deb/debian/openssl@3.0.9-1%2Bb1?arch=source", LIBSSL, False),
        ("pkg:deb/ubuntu/libssl3", LIBSSL, False),
        (LIBSSL.purl, LIBSSL, True),
        (BABEL.purl, BABEL, True),
        (JSON_STREAM.purl, JSON_STREAM, True),
        ("pkg:npm/JSONStream@1.3.5", JSON_STREAM, True),
        ("pkg:npm/jsonstream", JSON_STREAM, True),
        ("pkg:npm/%40Babel/Core", BABEL, True),
    ],
)
def test_a_package_url_names_a_component_no_wider_than_it_says(
    purl: str, component: Component, *, named: bool
) -> None:
    assert names_component(purl, component) == named


@pytest.mark.parametrize(
    ("identifier", "named"),
    [
        ("shop/web", True),
        ("shop/web:3", True),
        ("shop/web:33", False),
        (DIGEST, True),
        ("web", False),
        (f"pkg:oci/web@{DIGEST}?repository_url=registry.example/shop/web", True),
        ("pkg:oci/web?repository_url=registry.example/shop&tag=3", True),
        ("pkg:oci/web?repository_url=https://registry.example:5000/shop/web&tag=2", False),
        ("pkg:oci/web@sha256:0000?repository_url=registry.example/shop/web", False),
        ("pkg:oci/web?repository_url=registry.example/other/web", False),
        ("pkg:oci/web", False),
        ("pkg:docker/shop/web@3", True),
        ("pkg:pypi/shop/web", False),
        ("pkg:oci", False),
    ],
)
def test_an_image_is_named_by_all_of_its_name(identifier: str, *, named: bool) -> None:
    assert names_image(identifier, WEB) == named
