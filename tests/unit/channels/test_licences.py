"""A licence is taken where there is a way to keep to it that the rule does not forbid."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from herdbook.channels.gate_rules import Licences
from herdbook.channels.licences import denied

RULE = Licences(deny=("AGPL-3.0-*", "gpl-2.0-only"))


@pytest.mark.parametrize(
    ("licence", "names"),
    [
        ("MIT", ()),
        ("AGPL-3.0-only", ("AGPL-3.0-only",)),
        ("AGPL-3.0-or-later", ("AGPL-3.0-or-later",)),
        ("MIT OR AGPL-3.0-only", ()),
        ("MIT AND AGPL-3.0-only", ("AGPL-3.0-only",)),
        ("GPL-2.0-only AND AGPL-3.0-only", ("AGPL-3.0-only", "GPL-2.0-only")),
        ("AGPL-3.0-only OR (GPL-2.0-only AND AGPL-3.0-or-later)", ("AGPL-3.0-only",)),
        ("MIT AND (Apache-2.0 OR AGPL-3.0-only)", ()),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ()),
        ("LicenseRef-AGPL-like", ()),
    ],
)
def test_what_may_be_chosen_is_taken_and_what_holds_at_once_has_to_be(
    licence: str, names: tuple[str, ...]
) -> None:
    assert denied(RULE, licence) == names


def test_a_pattern_is_about_all_of_a_licence_with_its_exception() -> None:
    with_exception = "GPL-3.0-only WITH GCC-exception-3.1"
    assert denied(Licences(deny=("GPL-3.0-only",)), with_exception) == ()
    assert denied(Licences(deny=("GPL-3.0-*",)), with_exception) == (with_exception,)


def test_so_it_is_where_the_exception_is_none_of_spdx() -> None:
    """As Debian writes it, and as we then call it."""
    own = "LicenseRef-AGPL-3.0-or-later-with-openssl-exception"
    assert denied(RULE, own) == (own,)
    assert denied(Licences(deny=("MIT",)), own) == ()


def test_what_one_may_choose_beside_what_nobody_knows_is_enough() -> None:
    rule = Licences(unknown="deny")
    assert denied(rule, "MIT OR NOASSERTION") == ()
    assert denied(rule, "MIT AND NOASSERTION") == ("unknown",)


@pytest.mark.parametrize("licence", ["", "(((", "NOASSERTION", "NONE", "LicenseRef-unnamed"])
def test_a_licence_that_nobody_knows_is_taken_unless_the_rule_says_otherwise(licence: str) -> None:
    assert denied(RULE, licence) == ()
    assert denied(Licences(unknown="deny"), licence) == ("unknown",)


NAMES = ["MIT", "ISC", "AGPL-3.0-only", "GPL-2.0-only"]
EXPRESSIONS = some.recursive(
    some.sampled_from(NAMES),
    lambda inner: some.tuples(inner, some.sampled_from(["AND", "OR"]), inner).map(
        lambda parts: f"({' '.join(parts)})"
    ),
    max_leaves=8,
)


@given(EXPRESSIONS)
def test_it_is_taken_exactly_where_the_expression_is_true_of_what_is_taken(licence: str) -> None:
    """Held against Python's own reading of the same expression."""
    words = licence.replace("AND", "and").replace("OR", "or")
    for name in NAMES:
        words = words.replace(name, str(name in {"MIT", "ISC"}))
    assert (denied(RULE, licence) == ()) is bool(eval(words))  # noqa: S307 - of words made here


@given(EXPRESSIONS, EXPRESSIONS)
def test_a_choice_is_no_worse_than_either_and_both_no_better(one: str, other: str) -> None:
    either = denied(RULE, f"({one}) OR ({other})")
    both = denied(RULE, f"({one}) AND ({other})")
    assert set(either) <= set(both)
    assert len(either) <= min(len(denied(RULE, each)) for each in (one, other))
