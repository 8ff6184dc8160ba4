"""What is updated often lies alone, what is not lies with what the same images hold."""

from herdbook.layers.covering import REST, Layer, cover
from herdbook.layers.planning import ALWAYS_APART, Candidate, PlannedLayer, plan_layers

MEGABYTE = 1 << 20


def candidates(**rates: float) -> dict[str, Candidate]:
    return {name: Candidate(name, name, MEGABYTE, rate) for name, rate in rates.items()}


def names(plan: list[PlannedLayer]) -> set[frozenset[str]]:
    return {frozenset(layer.packages) for layer in plan}


def test_what_is_updated_often_lies_alone() -> None:
    known = candidates(openssl=6.0, tar=0.0, sed=0.0, grep=0.1, gzip=0.0)
    plan = plan_layers({"a": set(known)}, known)
    assert names(plan) == {frozenset(["openssl"]), frozenset(["tar", "sed", "grep", "gzip"])}


def test_what_is_never_updated_lies_together_however_large_it_is() -> None:
    known = {name: Candidate(name, name, 900 * MEGABYTE) for name in ("llvm", "icu", "openjdk")}
    assert names(plan_layers({"a": set(known)}, known)) == {frozenset(known)}


def test_a_layer_is_not_worth_it_where_its_neighbours_are_small() -> None:
    known = {name: Candidate(name, name, 10_000, 3.0) for name in ("a", "b")}
    assert names(plan_layers({"image": set(known)}, known)) == {frozenset("ab")}


def test_binary_packages_of_a_source_lie_together_where_the_same_images_hold_them() -> None:
    known = {
        "libssl3": Candidate("libssl3", "openssl", MEGABYTE, 6.0),
        "openssl": Candidate("openssl", "openssl", MEGABYTE, 6.0),
        "libpython3.11": Candidate("libpython3.11", "python3.11", 9 * MEGABYTE, 2.0),
    }
    both = plan_layers({"a": set(known), "b": set(known)}, known)
    assert frozenset(["libssl3", "openssl"]) in names(both)
    one_without = plan_layers({"a": set(known), "b": {"libssl3", "libpython3.11"}}, known)
    assert {frozenset(["libssl3"]), frozenset(["openssl"])} <= names(one_without)


def test_packages_lie_together_only_where_the_same_images_hold_them() -> None:
    known = candidates(a=0, b=0, c=0, d=0)
    plan = plan_layers({"one": {"a", "b", "c"}, "two": {"a", "b", "d"}}, known)
    assert names(plan) == {frozenset("ab"), frozenset("c"), frozenset("d")}


def test_the_catalogue_may_want_a_source_apart() -> None:
    known = candidates(tar=ALWAYS_APART, sed=0.0, grep=0.0)
    (apart,) = [layer for layer in plan_layers({"a": set(known)}, known) if layer.apart]
    assert apart.packages == ("tar",)


def test_over_the_limit_small_and_cold_ones_are_stored_twice_before_hot_ones_are_joined() -> None:
    known = {
        "openssl": Candidate("openssl", "openssl", 2 * MEGABYTE, 6.0),
        "base": Candidate("base", "base", 40 * MEGABYTE),
        "tiny": Candidate("tiny", "tiny", 20_000),
    }
    plan = plan_layers(
        {"one": {"openssl", "base", "tiny"}, "two": {"base", "openssl"}}, known, most={"one": 2}
    )
    (with_openssl,) = [
        layer
        for layer in plan
        if "openssl" in layer.packages
        and "base" not in layer.packages
        and "tiny" not in layer.packages
    ]
    assert with_openssl.packages == ("openssl",)
    assert len(cover(plan, {"openssl", "base", "tiny"}, 2).layers) == 2


def test_a_known_layer_is_taken_again_and_only_the_rest_is_planned() -> None:
    known = candidates(a=0, b=0, c=0, d=0)
    frozen = [Layer("ab", ("a", "b"))]
    plan = plan_layers({"new": {"a", "b", "c"}}, known, frozen)
    assert names(plan) == {frozenset("c")}
    # An image that holds a part of a layer only cannot take it.
    assert names(plan_layers({"new": {"a", "c"}}, known, frozen)) == {frozenset("ac")}


def test_what_would_be_too_many_layers_becomes_one() -> None:
    plan = [Layer(name, (name,)) for name in "abcd"] + [Layer("big", ("x", "y", "z"))]
    covered = cover(plan, set("abcdxyz"), most=3)
    assert [layer.name for layer in covered.layers] == ["a", "big", REST]
    assert covered.layers[-1].packages == ("b", "c", "d")


def test_a_layer_is_named_by_its_largest_source_and_no_name_is_used_twice() -> None:
    known = {
        "perl-base": Candidate("perl-base", "perl", 9 * MEGABYTE),
        "tar": Candidate("tar", "tar", MEGABYTE),
        "sed": Candidate("sed", "sed", MEGABYTE),
    }
    plan = plan_layers({"a": {"perl-base", "tar"}, "b": {"perl-base", "sed"}}, known)
    assert {layer.name for layer in plan} == {"perl", "tar", "sed"}
    (again,) = plan_layers({"c": {"perl-base", "sed", "tar"}}, known, [Layer("perl+2", ("q",))])
    assert again.name == "perl+2.2"
