"""Layers lie on each other as the OCI image specification says."""

import pytest
from trees import file, folder, further_name, link, tree

from herdbook.layers.stacking import Difference, changes, differences, stack, still_seen
from herdbook.layers.tree import Entry, Kind, parents, tree_of

GONE = Kind.REMOVED


def test_an_upper_path_hides_a_lower_one() -> None:
    upper = tree(file("a", b"two\n"))
    assert stack([tree(file("a", b"one"), file("b")), upper]) == {**upper, **tree(file("b"))}


def test_a_removal_takes_everything_below_along_and_is_not_seen() -> None:
    lower = tree(file("a/b/c"), file("a/d"), file("a-b"), file("ab"))
    assert stack([lower, tree_of([Entry("a", GONE)])]) == tree(file("a-b"), file("ab"))


def test_a_removal_touches_only_lower_layers() -> None:
    layer = tree_of([Entry("a", GONE), folder("a"), file("a/new")])
    assert set(stack([tree(file("a/old")), {**layer, "a": folder("a")}])) == {"a", "a/new", "a/old"}
    assert stack([{}, tree_of([Entry("absent", GONE)])]) == {}


@pytest.mark.parametrize("upper", [file("a"), link("a", "b")])
def test_what_is_no_folder_takes_a_lower_folder_along(upper: Entry) -> None:
    assert stack([tree(file("a/b/c")), tree(upper)]) == tree(upper)


def test_a_folder_replaces_a_lower_file_and_keeps_a_lower_folder() -> None:
    assert stack([tree(file("a")), tree(folder("a"))]) == tree(folder("a"))
    opened = tree(folder("a", 0o700))
    assert stack([tree(file("a/b")), opened]) == {**opened, "a/b": file("a/b")}


def test_a_name_keeps_the_content_when_an_upper_layer_hides_its_file() -> None:
    one = file("a", b"one")
    lower = tree(one, further_name(one, "b"), further_name(one, "c"))
    shown = stack([lower, tree(file("a", b"two\n"))])
    assert shown["a"] == file("a", b"two\n")
    assert shown["b"] == file("b", b"one")
    assert shown["c"] == further_name(file("b", b"one"), "c")


def test_nothing_hidden_leaves_a_tree_as_it_is() -> None:
    lower = tree(file("a/b"))
    assert still_seen(lower, ["absent", "a/c"]) == lower


def test_no_layers_show_nothing() -> None:
    assert stack([]) == {}


def test_changes_name_what_is_new_other_or_gone() -> None:
    lower = tree(file("same"), file("other"), file("gone/deep/er"), folder("kept"))
    wanted = tree(file("same"), file("other", b"two\n"), folder("kept"), file("new"))
    assert changes(lower, wanted) == tree_of(
        [file("new"), file("other", b"two\n"), Entry("gone", GONE)]
    )


def test_all_names_of_a_changed_file_change_together() -> None:
    old, new = file("a", b"one"), file("a", b"two\n")
    lower, wanted = tree(old, further_name(old, "b")), tree(new, further_name(new, "b"))
    assert set(changes(lower, wanted)) == {"a", "b"}
    more = {**lower, "c": further_name(old, "c")}
    assert set(changes(lower, more)) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("wanted", "found", "said"),
    [
        (None, file("a"), "/a should not be there"),
        (file("a"), None, "/a is missing"),
        (file("a"), file("a", mode=0o600, uid=3), "/a differs in mode, uid"),
        (file("a"), link("a", "b"), "/a differs in kind, mode, size, digest, target"),
    ],
)
def test_a_difference_is_said_in_one_line(
    wanted: Entry | None, found: Entry | None, said: str
) -> None:
    assert str(Difference("a", wanted, found)) == said


def test_differences_come_in_order_of_path() -> None:
    found = differences(tree(file("a"), file("c")), tree(file("b"), file("c", b"two\n")))
    assert [each.path for each in found] == ["a", "b", "c"]


def test_parents_are_the_folders_above_the_outermost_first() -> None:
    assert parents("a/b/c") == ["a", "a/b"]
    assert parents("a") == []


def test_the_last_entry_of_a_path_is_the_one_that_counts() -> None:
    assert tree_of([file("b"), file("a"), file("b", b"two\n")]) == {
        "a": file("a"),
        "b": file("b", b"two\n"),
    }
