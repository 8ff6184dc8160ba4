"""Every kind of failure can be told apart, by people and by scripts."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import herdbook
from herdbook.core import errors
from herdbook.core.errors import INTERRUPTED_EXIT_STATUS, HerdbookError


def every_kind() -> list[type[HerdbookError]]:
    """Return every kind of failure that any module of Herdbook defines."""
    for module in pkgutil.walk_packages(herdbook.__path__, "herdbook."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, todo = [], [HerdbookError]
    while todo:
        kind = todo.pop()
        found.append(kind)
        todo += kind.__subclasses__()
    return found


KINDS = every_kind()


def test_no_two_kinds_share_a_code_or_an_exit_status() -> None:
    assert len(KINDS) > 10
    assert len({kind.code for kind in KINDS}) == len(KINDS)
    assert len({kind.exit_status for kind in KINDS}) == len(KINDS)


def test_the_documentation_lists_every_kind_with_its_status() -> None:
    documented = (Path(__file__).parents[3] / "docs" / "errors.md").read_text()
    rows = dict(re.findall(r"^\| (\d+) \| ([a-z-]+) \|", documented, re.MULTILINE))
    assert rows == {str(kind.exit_status): kind.code for kind in KINDS}


def test_exit_statuses_are_free_for_us_to_use() -> None:
    """0 is success, 1 and 2 are the shell's and the option parser's, 126 and more the shell's."""
    assert all(2 < kind.exit_status < 126 for kind in KINDS)
    assert INTERRUPTED_EXIT_STATUS == 130


def test_all_kinds_are_in_one_place_and_say_what_they_are() -> None:
    for kind in KINDS:
        assert kind.__module__ == errors.__name__
        assert kind.__doc__
        assert kind.code == kind.code.lower().strip()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_a_failure_carries_what_a_person_needs(kind: type[HerdbookError]) -> None:
    error = kind("It broke", hint="Mend it.", where="file:3")
    assert (error.message, error.hint, error.where) == ("It broke", "Mend it.", "file:3")
    assert str(error) == "It broke"
    assert (kind("It broke").hint, kind("It broke").where) == ("", "")
