"""What is patched often lies alone; no variant is given a package it did not ask for."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from herdbook.core.digests import EMPTY
from herdbook.layers.grouping import HOT_SOURCES, groups
from herdbook.packages.model import LockedPackage

BOTH, VM = frozenset({"container", "vm"}), frozenset({"vm"})


def package(name: str, source: str = "") -> LockedPackage:
    more: Any = {"pocket": "p", "path": "pool/x.deb", "size": 1, "sha256": EMPTY}
    return LockedPackage(
        name=name,
        version="1",
        architecture="all",
        source=source or name,
        source_version="1",
        **more,
    )


def shape(packages: list[LockedPackage], **more: frozenset[str]) -> list[tuple[str, list[str]]]:
    variants = {each.name: more.get(each.name.replace("-", "_"), BOTH) for each in packages}
    return [
        (group.name, [each.name for each in group.packages]) for group in groups(packages, variants)
    ]


def test_a_hot_source_has_a_layer_of_its_own_and_the_cold_share_one() -> None:
    found = shape([package("zsh"), package("libssl3", "openssl"), package("bash")])
    assert found == [
        ("openssl@container+vm", ["libssl3"]),
        ("packages@container+vm", ["bash", "zsh"]),
    ]


def test_packages_of_one_variant_never_share_a_layer_with_those_of_both() -> None:
    found = shape(
        [package("libssl3", "openssl"), package("openssl"), package("aa"), package("bb")],
        openssl=VM,
        bb=VM,
    )
    assert found == [
        ("openssl@container+vm", ["libssl3"]),
        ("packages@container+vm", ["aa"]),
        ("openssl@vm", ["openssl"]),
        ("packages@vm", ["bb"]),
    ]


def test_signed_kernels_count_as_the_kernel() -> None:
    found = shape([package("linux-image", "linux-signed-amd64")], linux_image=VM)
    assert found == [("linux@vm", ["linux-image"])]


@given(
    some.dictionaries(
        some.sampled_from(["aa", "bb", "cc", "dd", "ee"]),
        some.tuples(some.sampled_from(["", "openssl", "glibc"]), some.sampled_from([BOTH, VM])),
    ),
    some.randoms(use_true_random=False),
)
def test_every_package_is_in_one_group_whatever_their_order(
    drawn: dict[str, tuple[str, frozenset[str]]], chance: Any
) -> None:
    packages = [package(name, source) for name, (source, _) in drawn.items()]
    variants = {name: membership for name, (_, membership) in drawn.items()}
    found = groups(packages, variants)
    assert sorted(each.name for group in found for each in group.packages) == sorted(drawn)
    for group in found:
        assert len({variants[each.name] for each in group.packages}) == 1
        hot = {each.source for each in group.packages} & HOT_SOURCES
        assert not hot or len({each.source for each in group.packages}) == 1
    widths = [len(variants[group.packages[0].name]) for group in found]
    assert widths == sorted(widths, reverse=True)
    chance.shuffle(packages)
    assert groups(packages, variants) == found
