"""Why a package is there: shortest chains from what was asked for, whatever the packages say."""

from collections.abc import Iterable

import pytest

from herdbook.catalogue.module_needs import (
    Distribution,
    NodeModule,
    distribution_of,
    extras_that_bring,
    marker_environment,
    node_needs,
    node_wishes_of,
    python_needs,
)
from herdbook.catalogue.reasons import Chain, Need, asked_for, chains, debian_needs
from herdbook.catalogue.ways import Graph, Link, Way, merged, most_telling, ways_in
from herdbook.packages.control import Control
from herdbook.recipes.model import Variant

ENVIRONMENT = marker_environment("3.11.2")


def package(
    name: str, pre: Iterable[str] = (), needs: Iterable[str] = (), provides: Iterable[str] = ()
) -> Control:
    """Return a package; alternatives are written as `a|b`."""
    return Control(
        name=name,
        version="1",
        architecture="all",
        essential=False,
        multi_arch_same=False,
        pre_depends=tuple(tuple(wish.split("|")) for wish in pre),
        depends=tuple(tuple(wish.split("|")) for wish in needs),
        provides=tuple(provides),
    )


def needs(*arrows: str) -> list[Need]:
    """Return needs written as `a>b`."""
    ends = (arrow.split(">") for arrow in arrows)
    return [Need(source, target, "depends") for source, target in ends]


def names(chain: Chain) -> list[str]:
    return [chain.asked, *(need.target for need in chain.needs)]


def found(arrows: Iterable[str], asked: str, target: str) -> list[str]:
    """Return the chains as `a>b>c`."""
    wishes = {name: [f"somebody wants {name}"] for name in asked.split()}
    return [">".join(names(each)) for each in chains(needs(*arrows), wishes, target)]


def test_the_shortest_chain_is_found() -> None:
    assert found(["a>b", "b>c", "a>x", "x>y", "y>c"], "a", "c") == ["a>b>c"]


def test_there_is_one_chain_for_each_that_was_asked_for_the_shortest_first() -> None:
    assert found(["a>b", "b>t", "c>t"], "a c", "t") == ["c>t", "a>b>t"]


def test_no_chain_leads_through_what_was_asked_for_itself() -> None:
    assert found(["a>b", "b>t"], "a b", "t") == ["b>t"]


def test_what_was_asked_for_is_a_chain_by_itself_and_others_may_need_it_too() -> None:
    assert found(["a>t"], "a t", "t") == ["t", "a>t"]


@pytest.mark.parametrize("arrows", [["a>b", "b>c", "c>a", "c>t", "t>b"], ["t>t", "a>t", "t>a"]])
def test_circles_end(arrows: list[str]) -> None:
    assert [chain.split(">")[0] for chain in found(arrows, "a", "t")] == ["a"]


def test_what_nothing_leads_to_has_no_chain() -> None:
    assert found(["a>b"], "a", "t") == []
    assert found(["t>a"], "a", "t") == []


def test_what_nobody_needs_was_asked_for_and_so_was_a_circle_that_nobody_needs() -> None:
    everything = ["a", "b", "c", "d", "e", "f"]
    assert asked_for(everything, needs("a>b", "c>d", "d>c", "d>e", "f>f")) == ["a", "f", "c", "d"]
    assert asked_for(everything, needs("a>b", "b>c", "c>d", "d>c", "d>e", "e>f")) == ["a"]


def told(controls: Iterable[Control]) -> list[tuple[str, str, str, str]]:
    return [(each.source, each.target, each.kind, each.wish) for each in debian_needs(controls)]


def test_debian_packages_need_by_both_fields() -> None:
    controls = [package("a", pre=["b"], needs=["c"]), package("b"), package("c")]
    assert told(controls) == [("a", "b", "pre-depends", ""), ("a", "c", "depends", "")]


def test_of_alternatives_every_installed_one_counts_and_the_wish_is_told() -> None:
    controls = [package("a", needs=["x|b|c"]), package("b"), package("c")]
    assert told(controls) == [
        ("a", "b", "depends", "x | b | c"),
        ("a", "c", "depends", "x | b | c"),
    ]


def test_a_virtual_package_leads_to_its_providers() -> None:
    controls = [package("a", needs=["mta", "a"]), package("postfix", provides=["mta"])]
    assert told(controls) == [("a", "postfix", "depends", "mta")]


def test_a_package_and_a_provider_of_its_name_both_count_the_package_first() -> None:
    controls = [package("x", provides=["awk"]), package("awk"), package("a", needs=["awk"])]
    assert told(controls) == [("a", "awk", "depends", ""), ("a", "x", "depends", "awk")]


def test_python_packages_need_what_their_markers_say_for_this_python() -> None:
    found = python_needs(
        [
            Distribution(
                "flask",
                "3",
                (
                    "Click (>=8)",
                    "importlib-metadata; python_version < '3.10'",
                    "colorama; sys_platform == 'win32'",
                    "absent",
                    "not a requirement!",
                ),
            ),
            *(Distribution(name, "1") for name in ("click", "importlib-metadata", "colorama")),
        ],
        ENVIRONMENT,
    )
    assert found == [Need("flask", "click", "requires", "click>=8")]


def test_an_extra_counts_once_another_package_asks_for_it() -> None:
    server = Distribution("server", "1", ("fast; extra == 'standard'",), ("standard",))
    app = Distribution("app", "1", ("server[standard]",))
    fast = Distribution("fast", "1")
    assert python_needs([server, fast], ENVIRONMENT) == []
    assert extras_that_bring("fast", [server, fast], ENVIRONMENT) == ["server[standard]"]
    assert [
        (each.source, each.target) for each in python_needs([server, fast, app], ENVIRONMENT)
    ] == [
        ("server", "fast"),
        ("app", "server"),
    ]


def test_metadata_tells_name_version_requirements_and_extras() -> None:
    text = b"""Metadata-Version: 2.1
Name: Flask_Cors
Version: 4.0
Requires-Dist: Flask>=0.9
Requires-Dist: pytest; extra == "test"
Provides-Extra: test

Requires-Dist: this is the description
"""
    assert distribution_of(text) == Distribution(
        "flask-cors", "4.0", ("Flask>=0.9", 'pytest; extra == "test"'), ("test",)
    )


def test_package_json_tells_wishes_and_a_broken_one_none() -> None:
    text = b"""{"name": "a", "dependencies": {"b": "^1"}, "devDependencies": {"c": "1"},
               "peerDependencies": {"d": "*"}, "optionalDependencies": ["e"]}"""
    assert node_wishes_of(text) == (("dependencies", "b", "^1"), ("peerDependencies", "d", "*"))
    assert node_wishes_of(b"[1]") == node_wishes_of(b"{") == node_wishes_of(b"\xff") == ()


def test_npm_packages_need_what_node_would_find_from_where_they_lie() -> None:
    modules = [
        NodeModule("node_modules/a", "a", "1", (("dependencies", "b", "^1"),)),
        NodeModule("node_modules/a/node_modules/b", "b", "1", (("dependencies", "@s/c", "*"),)),
        NodeModule("node_modules/b", "b", "2", (("peerDependencies", "absent", "*"),)),
        NodeModule("node_modules/@s/c", "@s/c", "1", (("dependencies", "b", "^2"),)),
    ]
    assert [(each.source, each.target, each.wish) for each in node_needs(modules)] == [
        ("node_modules/a", "node_modules/a/node_modules/b", "^1"),
        ("node_modules/a/node_modules/b", "node_modules/@s/c", "*"),
        ("node_modules/@s/c", "node_modules/b", "^2"),
    ]


def test_an_npm_package_that_only_lies_in_another_came_with_it() -> None:
    modules = [
        NodeModule("node_modules/a", "a", "1"),
        NodeModule("node_modules/a/node_modules/b", "b", "1"),
    ]
    assert node_needs(modules) == [
        Need("node_modules/a", "node_modules/a/node_modules/b", "bundles")
    ]


def test_ways_are_told_by_names_and_versions_for_every_place() -> None:
    graph = Graph(
        needs=tuple(needs("a>b1", "a>b2")),
        asked={"a": ["the recipe"]},
        names={"a": ("a", "1"), "b1": ("b", "1"), "b2": ("b", "1"), "b3": ("b", "2")},
    )
    way = Way((Variant.VM,), ("the recipe",), (Link("a", "1"), Link("b", "1", "depends")))
    assert list(ways_in(graph, Variant.VM, "b", "1")) == [way, way]
    assert list(ways_in(graph, Variant.VM, "b", "3")) == []


def test_ways_of_both_variants_are_one_way_and_the_shortest_comes_first() -> None:
    long, short = (Link("a", "1"), Link("b", "1")), (Link("b", "1"),)
    ways = [
        Way((Variant.CONTAINER,), ("x",), long),
        Way((Variant.VM,), ("y",), short),
        Way((Variant.VM,), ("x",), long),
    ]
    assert merged(ways) == (
        Way((Variant.VM,), ("y",), short),
        Way((Variant.CONTAINER, Variant.VM), ("x",), long),
    )


def test_everybody_who_asked_is_told_of_before_anybody_twice() -> None:
    ways = [Way((), (who,), (Link(name, "1"),)) for who, name in ("xa", "xb", "ya", "xc")]
    order = [(way.by[0], way.links[0].name) for way in most_telling(ways)]
    assert order == [("x", "a"), ("y", "a"), ("x", "b"), ("x", "c")]
