"""Layers are an algebra: what changes between two trees, stacked, gives the second tree."""

from hypothesis import given, settings
from hypothesis import strategies as some
from trees import trees

from herdbook.layers.indexing import parse_index, render_index
from herdbook.layers.stacking import changes, differences, stack
from herdbook.layers.tree import Kind, Tree, parents, tree_of

relaxed = settings(deadline=None, max_examples=200)


@relaxed
@given(trees(), trees())
def test_stacking_the_changes_on_the_lower_tree_gives_the_wanted_one(
    lower: Tree, wanted: Tree
) -> None:
    assert stack([lower, changes(lower, wanted)]) == wanted


@relaxed
@given(trees())
def test_a_tree_differs_in_nothing_from_itself(tree: Tree) -> None:
    assert changes(tree, tree) == {}
    assert list(differences(tree, tree)) == []


@relaxed
@given(trees(), trees())
def test_changes_name_nothing_that_is_the_same_in_both_but_names_of_one_file(
    lower: Tree, wanted: Tree
) -> None:
    groups = {entry.target for entry in wanted.values() if entry.kind is Kind.HARDLINK}
    for path, entry in changes(lower, wanted).items():
        if lower.get(path) == wanted.get(path):
            assert entry.kind is Kind.HARDLINK or path in groups


@relaxed
@given(trees(), trees())
def test_removals_name_only_the_topmost_path(lower: Tree, wanted: Tree) -> None:
    layer = changes(lower, wanted)
    removed = {path for path, entry in layer.items() if entry.kind is Kind.REMOVED}
    assert removed <= lower.keys()
    assert all(removed.isdisjoint(parents(path)) for path in layer)


@relaxed
@given(trees(), trees())
def test_no_hardlink_crosses_layers(lower: Tree, wanted: Tree) -> None:
    layer = changes(lower, wanted)
    for entry in layer.values():
        if entry.kind is Kind.HARDLINK:
            assert layer[entry.target].kind is Kind.FILE


@relaxed
@given(trees(), trees(), trees())
def test_a_stack_may_be_flattened_from_below(one: Tree, two: Tree, three: Tree) -> None:
    assert stack([stack([one, two]), three]) == stack([one, two, three])


@relaxed
@given(some.lists(trees(), max_size=4))
def test_every_stack_is_a_tree_a_file_system_can_hold(layers: list[Tree]) -> None:
    result = stack(layers)
    assert list(result) == sorted(result)
    for path, entry in result.items():
        assert entry.path == path
        assert entry.kind is not Kind.REMOVED
        assert all(result[above].kind is Kind.DIRECTORY for above in parents(path))
        if entry.kind is Kind.HARDLINK:
            assert result[entry.target].kind is Kind.FILE
            assert entry.target < path


@relaxed
@given(trees(), trees())
def test_differences_name_exactly_the_paths_that_differ(one: Tree, other: Tree) -> None:
    paths = {path for path in (*one, *other) if one.get(path) != other.get(path)}
    assert {each.path for each in differences(one, other)} == paths
    assert all(str(each).startswith(f"/{each.path} ") for each in differences(one, other))


@relaxed
@given(trees(), trees())
def test_an_index_gives_back_the_layer_it_was_rendered_from(lower: Tree, wanted: Tree) -> None:
    layer = changes(lower, wanted)
    assert parse_index(render_index(layer)) == layer
    assert list(parse_index(render_index(layer))) == list(layer)


@given(some.permutations(["a", "b", "b/c", "d"]))
def test_a_tree_does_not_depend_on_the_order_of_its_entries(paths: list[str]) -> None:
    from trees import file

    assert list(tree_of(file(path) for path in paths)) == ["a", "b", "b/c", "d"]
