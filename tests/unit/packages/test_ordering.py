"""Packages are unpacked in stages, so that no Pre-Depends is ever unmet."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as some

from herdbook.core.errors import UnsatisfiableError
from herdbook.packages.control import Control
from herdbook.packages.ordering import stages, together


def package(
    name: str,
    *,
    pre: Iterable[str] = (),
    needs: Iterable[str] = (),
    provides: Iterable[str] = (),
    essential: bool = False,
) -> Control:
    """Return a package; alternatives are written as `a|b`."""
    return Control(
        name=name,
        version="1",
        architecture="all",
        essential=essential,
        multi_arch_same=False,
        pre_depends=tuple(tuple(wish.split("|")) for wish in pre),
        depends=tuple(tuple(wish.split("|")) for wish in needs),
        provides=tuple(provides),
    )


def test_the_first_stage_of_an_empty_root_is_essential_and_all_it_needs() -> None:
    controls = [
        package("bash", essential=True, pre=["libc6"], needs=["base-files"]),
        package("libc6", needs=["libgcc"]),
        package("libgcc"),
        package("base-files", essential=True),
        package("hello", needs=["libc6"]),
    ]
    assert stages(controls) == [["base-files", "bash", "libc6", "libgcc"], ["hello"]]


def test_essential_needs_are_found_by_what_is_provided() -> None:
    controls = [
        package("dash", essential=True, needs=["awk"]),
        package("mawk", provides=["awk"]),
        package("gawk-not"),
    ]
    assert stages(controls) == [["dash", "mawk"], ["gawk-not"]]


def test_pre_dependencies_are_stages_before() -> None:
    controls = [package("c", pre=["b"]), package("b", pre=["a"]), package("a"), package("d")]
    assert stages(controls, installed=["base"]) == [["a", "d"], ["b"], ["c"]]


def test_ordinary_dependencies_need_no_stage_even_in_a_circle() -> None:
    controls = [package("a", needs=["b"]), package("b", needs=["a"])]
    assert stages(controls, installed=["base"]) == [["a", "b"]]


def test_any_alternative_that_is_ready_will_do() -> None:
    controls = [package("a", pre=["x|b"]), package("b"), package("x", pre=["a"])]
    assert stages(controls, installed=["base"]) == [["b"], ["a"], ["x"]]


def test_what_is_installed_already_is_ready_and_left_alone() -> None:
    controls = [package("a", pre=["b"]), package("b")]
    assert stages(controls, installed=["b"]) == [["a"]]
    assert stages(controls, installed=["a", "b"]) == []


def test_an_installed_alternative_counts_though_it_is_not_named_here() -> None:
    controls = [package("a", pre=["installed|b"]), package("b", pre=["a"])]
    assert stages(controls, installed=["installed"]) == [["a"], ["b"]]


def test_nothing_to_install_is_no_stage() -> None:
    assert stages([]) == []
    assert stages([], installed=["a"]) == []


def test_a_root_without_essential_packages_has_no_empty_stage() -> None:
    assert stages([package("a")]) == [["a"]]


def test_a_circle_of_pre_dependencies_is_told_by_name() -> None:
    controls = [package("a", pre=["b"]), package("b", pre=["a"]), package("c")]
    with pytest.raises(UnsatisfiableError, match="a, b"):
        stages(controls, installed=["base"])


NAMES = ["a", "b", "c", "d", "e"]


@given(
    some.lists(some.tuples(some.sampled_from(NAMES), some.sampled_from(NAMES)), max_size=8),
    some.lists(some.tuples(some.sampled_from(NAMES), some.sampled_from(NAMES)), max_size=4),
    some.sets(some.sampled_from(NAMES)),
    some.sets(some.sampled_from(NAMES)),
)
def test_every_stage_finds_its_needs_in_itself_or_before(
    pairs: list[tuple[str, str]],
    others: list[tuple[str, str]],
    essential: set[str],
    installed: set[str],
) -> None:
    later = {(max(pair), min(pair)) for pair in pairs if len(set(pair)) > 1}
    needs = {(max(pair), min(pair)) for pair in others if len(set(pair)) > 1}
    controls = [
        package(
            name,
            pre=sorted(needed for wanting, needed in later if wanting == name),
            needs=sorted(needed for wanting, needed in needs if wanting == name),
            essential=name in essential,
        )
        for name in NAMES
    ]
    found = stages(controls, installed)
    assert sorted(name for stage in found for name in stage) == sorted(set(NAMES) - installed)
    assert all(found)
    ready = set(installed)
    forced = bool(essential) and not installed
    for number, stage in enumerate(found):
        for control in controls:
            if control.name in stage and not (forced and number == 0):
                assert all(wish[0] in ready for wish in control.pre_depends)
                assert all(wish[0] in ready | set(stage) for wish in control.depends)
        ready |= set(stage)


def test_what_depends_on_a_later_stage_waits_for_it() -> None:
    """A kernel's meta package is no sooner than the kernel, which has a pre-dependency."""
    controls = [
        package("meta", needs=["kernel"]),
        package("kernel", pre=["linux-base"]),
        package("linux-base"),
        package("wants-meta", needs=["meta"]),
    ]
    expected = [["linux-base"], ["kernel", "meta", "wants-meta"]]
    assert stages(controls, installed=["base"]) == expected


def test_steps_that_hold_all_they_need_stay_apart() -> None:
    controls = [package("a"), package("b", needs=["a"]), package("c", pre=["b"], needs=["x|a"])]
    assert together([["a"], ["b"], ["c"]], controls) == [[0], [1], [2]]
    assert together([], controls) == []


def test_a_step_that_needs_a_package_of_a_later_one_is_installed_with_it() -> None:
    """The steps were chosen for older versions: a patch may need what it did not need before."""
    controls = [package("a"), package("b", needs=["d"]), package("c"), package("d"), package("e")]
    assert together([["a"], ["b"], ["c"], ["d"], ["e"]], controls) == [[0], [1, 2, 3], [4]]
    provided = [package("a", needs=["virtual"]), package("b", provides=["virtual"])]
    assert together([["a"], ["b"]], provided) == [[0, 1]]


def test_what_is_installed_below_counts_and_what_nobody_has_does_not() -> None:
    controls = [package("a", needs=["below", "nowhere"]), package("b"), package("below")]
    assert together([["a"], ["b"]], controls, installed=["below"]) == [[0], [1]]
