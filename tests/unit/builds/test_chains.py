"""A root stands on the largest planned one whose packages it holds, and stays where it stands."""

from herdbook.builds import chains
from herdbook.builds.chains import Steps, with_root
from herdbook.builds.layer_plan import RootEntry, SuitePlan

BARE = {"dpkg", "tar"}
PYTHON = BARE | {"python3"}
FLASK = PYTHON | {"flask"}


def planned(*sets: set[str]) -> tuple[RootEntry, ...]:
    roots: tuple[RootEntry, ...] = ()
    for packages in sets:
        roots = with_root(roots, packages, BARE)
    return roots


def chain(roots: tuple[RootEntry, ...], packages: set[str]) -> Steps | None:
    return chains.chain(SuitePlan(roots=roots), packages)


def test_every_root_begins_with_what_all_images_hold() -> None:
    assert chain(planned(PYTHON), PYTHON) == (("dpkg", "tar"), ("python3",))


def test_a_set_that_extends_another_stands_on_its_root() -> None:
    roots = planned(PYTHON, FLASK)
    assert chain(roots, FLASK) == (("dpkg", "tar"), ("python3",), ("flask",))


def test_a_root_stays_where_it_stands_when_a_better_stem_comes_later() -> None:
    before = planned(FLASK)
    after = with_root(before, PYTHON, BARE)
    assert chain(after, FLASK) == chain(before, FLASK) == (("dpkg", "tar"), ("flask", "python3"))


def test_of_two_stems_of_one_size_the_earlier_is_taken() -> None:
    roots = planned(BARE | {"a"}, BARE | {"b"}, BARE | {"a", "b", "c"})
    assert chain(roots, BARE | {"a", "b", "c"}) == (("dpkg", "tar"), ("a",), ("b", "c"))


def test_equal_sets_are_one_root() -> None:
    roots = planned(PYTHON)
    assert with_root(roots, set(PYTHON), BARE) is roots
    assert chain(roots, BARE) == (("dpkg", "tar"),)


def test_a_set_without_what_all_hold_stands_on_nothing() -> None:
    assert chain(planned({"dpkg", "sed"}), {"dpkg", "sed"}) == (("dpkg", "sed"),)


def test_what_was_not_planned_has_no_chain() -> None:
    assert chain(planned(PYTHON), FLASK) is None


def test_builds_side_by_side_stand_on_different_roots() -> None:
    """Neighbours differ in the lowest step that they can, and nothing is left out."""
    ways = {
        "flask-12": ("12", "python", "flask"),
        "django-12": ("12", "python", "django"),
        "sinatra-12": ("12", "ruby", "sinatra"),
        "bare-12": ("12",),
        "flask-13": ("13", "python", "flask"),
        "rack-13": ("13", "ruby", "rack"),
    }
    assert chains.apart(ways) == [
        *("bare-12", "flask-13", "flask-12", "rack-13"),
        *("sinatra-12", "django-12"),
    ]


def test_one_build_or_none_is_in_order() -> None:
    assert chains.apart({}) == []
    assert chains.apart({"only": ("12",)}) == ["only"]
    assert chains.apart({"bare": ()}) == ["bare"]
