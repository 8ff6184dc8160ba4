"""Advisories come from files and addresses, and every image is held against them at once."""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from npm_registry import Registry, served
from stores import Store, open_store
from versions import layer, new_version

from herdbook.actions.find_vulnerabilities import find_vulnerabilities
from herdbook.actions.import_advisories import import_advisories
from herdbook.catalogue.components import Component, Ecosystem, LayerBill, Origin
from herdbook.catalogue.model import Variant, Version
from herdbook.core.errors import InvalidInputError, NetworkError, NotFoundError
from herdbook.trust.vulnerabilities import Report

FLASK = Component(Ecosystem.PYTHON, "flask", "2.0.0")
EXPRESS = Component(Ecosystem.NODE, "express", "4.0.0")


def osv(name: str = "GHSA-1", ecosystem: str = "PyPI", package: str = "flask") -> dict[str, Any]:
    affected = {"package": {"ecosystem": ecosystem, "name": package}, "versions": ["2.0.0"]}
    return {"id": name, "modified": "2026-01-01T00:00:00Z", "affected": [affected]}


def archive(*documents: dict[str, Any]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for document in documents:
            file.writestr(f"{document['id']}.json", json.dumps(document))
    return packed.getvalue()


def vex(product: str) -> bytes:
    said = {"vulnerability": {"name": "GHSA-1"}, "products": [product], "status": "not_affected"}
    document = {"@context": "https://openvex.dev/ns/v0.2.0", "author": "us"}
    more = {"timestamp": "2026-01-01T00:00:00Z", "statements": [said | {"impact_statement": "no"}]}
    return json.dumps(document | more).encode()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "state")


@pytest.fixture
def registry() -> Iterator[Registry]:
    with served() as registry:
        yield registry


def hold(store: Store, *components: Component, image: str = "shop/web") -> Version:
    """Add a version: the container has these components, the VM a layer nobody scanned too."""
    new = new_version(image, image)
    own, unseen = layer(image), layer("unseen")
    container, machine = new.variants
    variants = (replace(container, layers=(own,)), replace(machine, layers=(own, unseen)))
    bill = LayerBill(own.digest, components, Origin.DECLARED)
    return store.workshop.versions.add(replace(new, variants=variants, bills=(bill,)))


def report(store: Store, version: Version) -> Report:
    return find_vulnerabilities(store.workshop, version)


def names(report: Report) -> list[tuple[str, bool]]:
    return [(each.name, each.open) for each in report.vulnerabilities]


@pytest.mark.parametrize("place", ["{}/a feed.json", "file://{}/a%20feed.json"])
def test_a_file_is_read_where_it_lies(store: Store, tmp_path: Path, place: str) -> None:
    (tmp_path / "a feed.json").write_text(json.dumps(osv()))
    done = import_advisories(store.workshop, place.format(tmp_path))
    assert (done.added, done.feed.name) == (1, f"{tmp_path}/a feed.json")
    assert done.feed == store.workshop.advisories.feeds()[0]


def test_an_address_is_fetched_and_its_credentials_are_kept_nowhere(
    store: Store, registry: Registry
) -> None:
    registry.files["/all.json?key=hidden"] = json.dumps(osv()).encode()
    registry.authorization = "Basic bWU6aHVzaC1odXNoIQ=="
    address = registry.address.replace("://", "://me:hush-hush%21@")
    done = import_advisories(store.workshop, f"{address}/all.json?key=hidden")
    assert done.feed.name == f"{registry.address}/all.json"
    for kept in store.state.rglob("*"):
        content = kept.read_bytes() if kept.is_file() else b""
        assert b"hush-hush" not in content
        assert b"hidden" not in content


def test_what_cannot_be_had_is_said_without_credentials(store: Store, registry: Registry) -> None:
    address = registry.address.replace("://", "://me:secret@")
    with pytest.raises(NotFoundError) as missing:
        import_advisories(store.workshop, f"{address}/none?key=hidden")
    registry.files["/cut?key=hidden"] = b"0" * 1000
    registry.cut.add("/cut?key=hidden")
    with pytest.raises(NetworkError) as cut:
        import_advisories(store.workshop, f"{address}/cut?key=hidden")
    registry.authorization = "another"
    with pytest.raises(InvalidInputError, match="everybody") as refused:
        import_advisories(store.workshop, f"{address}/none?key=hidden")
    with pytest.raises(InvalidInputError) as odd:
        import_advisories(store.workshop, "ftp://me:secret@host/none")
    for error in (missing.value, cut.value, refused.value, odd.value):
        assert "secret" not in f"{error.message} {error.hint} {error.where}"
        assert error.hint
    assert store.workshop.advisories.feeds() == []


@pytest.mark.parametrize(
    "address",
    [
        "ftp://host/feed?token=SECRET",
        "ftp://host/feed#SECRET",
        "https://host:99999/f?token=SECRET",
        "https://host:99999/f?token=SECRET@SECRET",
        "https://me:SECRET?SECRET@host:99999/f",
        "https://me:SECRET#SECRET@host/f?token=SECRET",
        "https://me:SECRET@host:99999/f?token=SECRET",
    ],
)
def test_of_a_wrong_address_nothing_secret_is_said(store: Store, address: str) -> None:
    with pytest.raises(InvalidInputError, match=r"no address of a feed: (ftp|https)://") as odd:
        import_advisories(store.workshop, address)
    assert "SECRET" not in f"{odd.value.message} {odd.value.hint} {odd.value.where}"


def test_what_is_larger_than_any_feed_is_not_read(
    store: Store, registry: Registry, tmp_path: Path
) -> None:
    (tmp_path / "large").write_bytes(b"0" * 1001)
    registry.files["/large"] = b"0" * 100_000
    for place in (f"{tmp_path}/large", f"{registry.address}/large"):
        with pytest.raises(InvalidInputError, match="larger than any feed"):
            import_advisories(store.workshop, place, largest_bytes=1000)
    assert registry.asked == ["/large"]


@pytest.mark.parametrize("place", ["/nonexistent", "/", "a\0b", ""])
def test_what_is_no_file_is_said_so(store: Store, place: str) -> None:
    with pytest.raises((NotFoundError, InvalidInputError)) as failed:
        import_advisories(store.workshop, place)
    assert failed.value.hint


def test_an_archive_of_many_is_the_whole_of_its_ecosystem(store: Store, tmp_path: Path) -> None:
    version = hold(store, FLASK)
    (tmp_path / "one").write_bytes(archive(osv("GHSA-1"), osv("GHSA-2")))
    (tmp_path / "two").write_bytes(archive(osv("GHSA-3")))  # packed, but of one: it adds
    (tmp_path / "three").write_bytes(archive(osv("GHSA-4"), osv("GHSA-5")))
    found = []
    for name in ("one", "two", "three"):
        import_advisories(store.workshop, str(tmp_path / name))
        found.append([each for each, _ in names(report(store, version))])
    assert found == [
        *(["GHSA-1", "GHSA-2"], ["GHSA-1", "GHSA-2", "GHSA-3"], ["GHSA-4", "GHSA-5"]),
    ]


def test_a_version_is_held_against_what_is_imported_after_it_was_built(
    store: Store, tmp_path: Path
) -> None:
    version = hold(store, FLASK, EXPRESS)
    before = report(store, version)
    assert {each for each, _ in before.no_data} == {FLASK, EXPRESS}
    (tmp_path / "feed").write_text(json.dumps(osv()))
    import_advisories(store.workshop, str(tmp_path / "feed"))
    after = report(store, version)
    assert names(after) == [("GHSA-1", True)]
    assert after.vulnerabilities[0].variants == (Variant.CONTAINER, Variant.VM)
    assert [each for each, _ in after.no_data] == [EXPRESS]
    assert [(each.title, kinds) for each, kinds in after.not_scanned] == [
        (layer("unseen").title, (Variant.VM,))
    ]
    assert not after.complete


@pytest.mark.parametrize(
    ("product", "still_open"),
    [
        ("pkg:pypi/flask@2.0.0", []),
        ("shop/web", ["shop/db"]),
        ("shop/web:1", ["shop/db"]),
        ("shop/web:2", ["shop/db", "shop/web"]),
    ],
)
def test_statements_hold_where_they_are_meant(
    store: Store, tmp_path: Path, product: str, still_open: list[str]
) -> None:
    versions = [hold(store, FLASK, image=image) for image in ("shop/db", "shop/web")]
    (tmp_path / "feed").write_text(json.dumps(osv()))
    (tmp_path / "vex").write_bytes(vex(product))
    for name in ("feed", "vex"):
        import_advisories(store.workshop, str(tmp_path / name))
    assert [each.image for each in versions if report(store, each).open] == still_open
    assert all(len(report(store, each).vulnerabilities) == 1 for each in versions)


def test_a_statement_on_one_variant_leaves_the_other(store: Store, tmp_path: Path) -> None:
    version = hold(store, FLASK)
    (tmp_path / "feed").write_text(json.dumps(osv()))
    (tmp_path / "vex").write_bytes(vex(version.variants[0].manifest))
    for name in ("feed", "vex"):
        import_advisories(store.workshop, str(tmp_path / name))
    found = [(each.open, each.variants) for each in report(store, version).vulnerabilities]
    assert found == [(True, (Variant.VM,)), (False, (Variant.CONTAINER,))]
