"""A layer plan is kept whole beside the catalogue, and one that was meddled with is refused."""

from pathlib import Path

import pytest

from herdbook.builds.layer_plan import (
    PLAN_NAME,
    LayerEntry,
    LayerPlan,
    RootEntry,
    SuitePlan,
    changing_plan,
    read_plan,
    write_plan,
)
from herdbook.core.errors import InvalidInputError

PLAN = LayerPlan(
    suites={
        "bookworm": SuitePlan(
            layers=(LayerEntry(name="openssl", updates_a_year=5.8, packages=("libssl3",)),),
            roots=(RootEntry(adds=("dpkg",)), RootEntry(on=0, adds=("libssl3",))),
        )
    }
)


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_plan(tmp_path, PLAN)
    assert read_plan(tmp_path) == PLAN
    assert [path.name for path in tmp_path.iterdir()] == [PLAN_NAME]


def test_without_a_file_the_plan_is_empty(tmp_path: Path) -> None:
    assert read_plan(tmp_path) == LayerPlan()
    assert read_plan(tmp_path).of("bookworm") == SuitePlan()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"plan_format": 2}',
        '{"suites": {"bookworm": {"layers": [{"name": "../x", "packages": ["a"]}]}}}',
        '{"suites": {"bookworm": {"layers": [{"name": "x", "packages": []}]}}}',
        '{"suites": {"bookworm": {"roots": [{"on": 0, "adds": ["a"]}]}}}',
        '{"suites": {"bookworm": {"roots": [{"adds": ["a"]}, {"on": 7, "adds": ["b"]}]}}}',
    ],
)
def test_what_is_no_plan_is_refused_with_its_place(tmp_path: Path, content: str) -> None:
    (tmp_path / PLAN_NAME).write_text(content)
    with pytest.raises(InvalidInputError) as caught:
        read_plan(tmp_path)
    assert caught.value.where == str(tmp_path / PLAN_NAME)
    assert "version control" in caught.value.hint


def test_changing_it_needs_nothing_left_behind(tmp_path: Path) -> None:
    with changing_plan(tmp_path) as before:
        assert before == LayerPlan()
        write_plan(tmp_path, PLAN)
    with changing_plan(tmp_path) as now:
        assert now == PLAN
    assert [path.name for path in tmp_path.iterdir()] == [PLAN_NAME]
