"""The promises of the port Components, proven on every kind of database."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine
from versions import digest, layer, new_version

from herdbook.catalogue.components import Component, Ecosystem, LayerBill, Origin
from herdbook.catalogue.holders import ComponentQuery
from herdbook.catalogue.model import NewVersion, Variant
from herdbook.images.documents import LayerReference
from herdbook.store.components import Reading, SqlComponents
from herdbook.store.versions import SqlVersions

LIBSSL = Component(
    *(Ecosystem.DEBIAN, "libssl3", "3.0.20-1", "bookworm", "amd64", "openssl", "3.0.20-1"),
    licence="Apache-2.0",
    digest="sha256:" + "0" * 64,
)
FLASK = Component(Ecosystem.PYTHON, "flask", "3.1.0")
SSL, PYTHON, OWN = layer("openssl"), layer("python"), layer("files")


@pytest.fixture
def versions(engine: Engine) -> SqlVersions:
    return SqlVersions(engine)


@pytest.fixture
def components(engine: Engine) -> SqlComponents:
    return SqlComponents(engine)


def bill(of: LayerReference, *held: Component, origin: Origin = Origin.DECLARED) -> LayerBill:
    return LayerBill(of.digest, held, origin)


def bare(component: Component) -> Component:
    """The component as any layer may have it."""
    return replace(component, licence="", digest="")


def version(
    image: str, *layers: LayerReference, seed: str = "1", bills: tuple[LayerBill, ...] = ()
) -> NewVersion:
    """A version whose two variants share all layers; all but the topmost are common ones."""
    new = new_version(image, f"{image} {seed}")
    variants = tuple(replace(each, layers=layers, common=len(layers) - 1) for each in new.variants)
    return replace(new, variants=variants, bills=bills)


def held_by(components: SqlComponents, name: str, *, every: bool = False) -> list[str]:
    found = dict(components.matching(ComponentQuery(name)))
    layers = {use.layer for use in components.uses(found)}
    return [each.label for each in components.holders(layers, every=every)]


def test_a_component_is_kept_as_it_was_given(
    versions: SqlVersions, components: SqlComponents
) -> None:
    versions.add(version("a", SSL, OWN, bills=(bill(SSL, LIBSSL), bill(OWN))))
    assert components.bills([SSL.digest]) == [bill(SSL, LIBSSL)]
    assert [each for _, each in components.every()] == [bare(LIBSSL)]
    assert components.known([SSL.digest, OWN.digest, PYTHON.digest]) == {SSL.digest, OWN.digest}


def test_a_layer_without_a_bill_was_not_scanned(
    versions: SqlVersions, components: SqlComponents
) -> None:
    versions.add(version("a", SSL, OWN, bills=(bill(SSL, LIBSSL),)))
    assert components.count_not_scanned() == 1
    nobodys = digest("nobody's")
    assert components.bills([nobodys, OWN.digest]) == [
        LayerBill(nobodys, (), Origin.NOT_SCANNED),
        LayerBill(OWN.digest, (), Origin.NOT_SCANNED),
    ]
    components.add([bill(OWN, FLASK, origin=Origin.SCANNED)])
    assert components.bills([OWN.digest]) == [bill(OWN, FLASK, origin=Origin.SCANNED)]
    assert components.count_not_scanned() == 0


def test_a_bill_is_made_once(versions: SqlVersions, components: SqlComponents) -> None:
    versions.add(version("a", SSL, OWN, bills=(bill(SSL, LIBSSL), bill(OWN))))
    versions.add(version("b", SSL, OWN, bills=(bill(SSL, FLASK),)))
    assert components.bills([SSL.digest]) == [bill(SSL, LIBSSL)]


def test_one_version_may_come_from_other_files_in_other_layers(
    versions: SqlVersions, components: SqlComponents
) -> None:
    """Python's wheels of one version are other files for other interpreters."""
    other = replace(FLASK, digest="sha256:" + "1" * 64, licence="MIT")
    bills = (bill(SSL, FLASK), bill(PYTHON, other))
    versions.add(version("a", SSL, PYTHON, OWN, bills=bills))
    assert components.bills([SSL.digest, PYTHON.digest]) == list(bills)
    assert [each for _, each in components.every()] == [FLASK]


def test_a_name_means_packages_and_their_source(
    versions: SqlVersions, components: SqlComponents
) -> None:
    other = replace(LIBSSL, version="3.0.22-1", source_version="3.0.22-1")
    bills = (bill(SSL, LIBSSL, other), bill(PYTHON, FLASK))
    versions.add(version("a", SSL, PYTHON, OWN, bills=bills))

    def named(query: ComponentQuery) -> list[Component]:
        return [each for _, each in components.matching(query)]

    assert named(ComponentQuery("openssl")) == [bare(LIBSSL), bare(other)]
    assert named(ComponentQuery("libssl3", version="3.0.22-1")) == [bare(other)]
    assert named(ComponentQuery("flask", Ecosystem.NODE)) == []
    assert named(ComponentQuery("flask", Ecosystem.PYTHON)) == [FLASK]
    assert components.names("l", 10) == ["libssl3"]
    assert components.names("", 10) == ["flask", "libssl3", "openssl"]


def test_holders_are_found_newest_first_with_the_layer_that_brings_it(
    versions: SqlVersions, components: SqlComponents
) -> None:
    versions.add(version("a", SSL, OWN, bills=(bill(SSL, LIBSSL), bill(OWN))))
    versions.add(version("b", PYTHON, OWN, bills=(bill(PYTHON, FLASK),)))
    versions.add(version("c", SSL, PYTHON, OWN))
    assert held_by(components, "openssl") == ["c:1", "a:1"]
    assert held_by(components, "flask") == ["c:1", "b:1"]
    layers = {use.layer for use in components.uses(dict(components.every()))}
    first = next(iter(components.holders(layers)))
    assert (first.image, first.variants) == ("c", (Variant.CONTAINER, Variant.VM))
    assert [holding.title for holding in first.holdings] == [SSL.title, PYTHON.title]


def test_what_lies_in_an_images_own_layer_is_found_too(
    versions: SqlVersions, components: SqlComponents
) -> None:
    versions.add(version("a", SSL, OWN, bills=(bill(OWN, FLASK, origin=Origin.SCANNED),)))
    assert held_by(components, "flask") == ["a:1"]


def test_old_versions_are_told_apart(versions: SqlVersions, components: SqlComponents) -> None:
    first = versions.add(version("a", SSL, OWN, bills=(bill(SSL, LIBSSL),)))
    second = versions.add(version("a", PYTHON, OWN, seed="2"))
    assert held_by(components, "openssl") == []
    assert held_by(components, "openssl", every=True) == ["a:1"]
    versions.forget([second])
    assert held_by(components, "openssl") == ["a:1"]
    versions.forget([first])
    assert held_by(components, "openssl", every=True) == []
    assert components.every() == []


def test_many_holders_come_the_same_way_as_few(
    versions: SqlVersions, components: SqlComponents, engine: Engine
) -> None:
    """Whether each is looked up or all are read in pages."""
    shared = tuple(version(f"i{n}", SSL, OWN) for n in range(7))
    others = tuple(version(f"o{n}", PYTHON, OWN) for n in range(7))
    mixed = [each for pair in zip(shared, others, strict=True) for each in pair]
    assert versions.add_all(mixed) == 14
    components.add([bill(SSL, LIBSSL)])
    few = held_by(components, "openssl")
    assert few == [f"i{n}:1" for n in reversed(range(7))]
    assert held_by(SqlComponents(engine, Reading(few=1, first=3, page=4)), "openssl") == few
