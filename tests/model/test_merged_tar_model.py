"""What is taken out of stacked layers without unpacking them is what their stack shows."""

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from trees import content_of, kept, trees

from herdbook.core.errors import NotFoundError
from herdbook.layers.contents import content_in, merged_tar
from herdbook.layers.reading import read_tree
from herdbook.layers.stacking import changes, stack
from herdbook.layers.tree import Kind, Tree

relaxed = settings(deadline=None, max_examples=100)


@some.composite
def stacks(draw: some.DrawFn) -> list[Tree]:
    """Draw layers: some stand by themselves, as packages do, others are changes to those below."""
    layers: list[Tree] = []
    for tree in draw(some.lists(trees(), min_size=1, max_size=4)):
        layers.append(changes(stack(layers), tree) if draw(some.booleans()) else tree)
    return layers


@relaxed
@given(stacks())
def test_a_merged_tar_is_the_stack_of_its_layers(layers: list[Tree]) -> None:
    with TemporaryDirectory() as directory:
        merged = b"".join(merged_tar(kept(layers, Path(directory))))
    assert read_tree(BytesIO(merged)) == stack(layers)


@relaxed
@given(stacks())
def test_a_content_is_found_exactly_where_the_stack_shows_a_file(layers: list[Tree]) -> None:
    shown = stack(layers)
    with TemporaryDirectory() as directory:
        found = kept(layers, Path(directory))
        for path in {path for layer in layers for path in layer}:
            entry = shown.get(path)
            if entry is not None and entry.kind is Kind.HARDLINK:
                entry = shown[entry.target]
            if entry is not None and entry.kind is Kind.FILE:
                assert content_in(found, path) == content_of(entry)
            else:
                with pytest.raises(NotFoundError):
                    content_in(found, path)
