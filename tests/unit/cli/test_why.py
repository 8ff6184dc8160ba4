"""What `why` prints fits a terminal, however long names and chains are, and loses nothing."""

import pytest
from versions import layer

from herdbook.actions.explain import Place, Reason
from herdbook.actions.lineage import Inherited
from herdbook.catalogue.components import Component, Ecosystem
from herdbook.catalogue.model import Variant
from herdbook.catalogue.ways import Link, Way
from herdbook.cli.why import reason_lines

BOTH = tuple(Variant)


def way(length: int, name: str = "libsomething", by: str = "shop/web:1 asks for it") -> Way:
    links = (Link(f"{name}{number}", "1", "depends", "a | b" * 20) for number in range(length))
    return Way(BOTH, (by,), tuple(links))


def reason(*ways: Way) -> Reason:
    component = Component(Ecosystem.DEBIAN, "libsomething", "1.2-3")
    place = Place(layer("base"), BOTH, "srv/" + "deep/" * 30)
    return Reason(
        component, BOTH, (place,), ways, (Inherited("shop/" + "long-name/" * 12 + "x:1"),)
    )


@pytest.mark.parametrize("name", ["lib", "a-package-with-a-very-long-name-as-some-have" * 2])
def test_every_line_fits_and_every_package_is_there(name: str) -> None:
    lines = list(reason_lines(reason(way(40, name)), None))
    assert max(map(len, lines)) <= 80
    together = "".join(line.strip() for line in lines)
    assert all(f"{name}{number}" in together for number in range(40))


def test_a_chain_is_drawn_as_a_tree() -> None:
    links = (Link("python3", "3.11"), Link("libssl3", "3.0", "depends"))
    lines = list(reason_lines(reason(Way((Variant.VM,), ("shop/web:1 asks for it",), links)), 3))
    assert lines[-3:] == [
        "  because  shop/web:1 asks for it (vm only)",
        "    └ python3 3.11",
        "      └ libssl3 3.0  (depends)",
    ]


def test_only_some_ways_are_shown_and_how_many_are_left() -> None:
    ways = [way(2, by=f"shop/web:{number} asks for it") for number in range(5)]
    assert "  2 more: --all shows every one" in list(reason_lines(reason(*ways), 3))
    assert not any("--all" in line for line in reason_lines(reason(*ways), None))


def test_a_package_that_nothing_leads_to_is_explained_too() -> None:
    last = "".join(line.strip() for line in list(reason_lines(reason(), 3))[-3:])
    assert "it came with" in last
