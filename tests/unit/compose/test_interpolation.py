"""Variables are put into values as a shell would, and whatever is written, nothing crashes."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from herdbook.compose.interpolation import InterpolationError, substitute

VARIABLES = {"FOO": "first", "EMPTY": "", "_x1": "under"}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("plain", "plain"),
        ("$FOO-bar", "first-bar"),
        ("${FOO}bar", "firstbar"),
        ("$_x1.", "under."),
        ("$MISSING|${MISSING}|${EMPTY}", "||"),
        ("$$FOO $${FOO} $$$FOO", "$FOO ${FOO} $first"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY-default}", ""),
        ("${MISSING-default}", "default"),
        ("${FOO:-default}", "first"),
        ("${FOO:-}", "first"),
        ("${MISSING:-}", ""),
        ("${MISSING:-/a:-b}", "/a:-b"),
        ("${MISSING-a?b}", "a?b"),
        ("${FOO:+yes}${EMPTY:+yes}${EMPTY+set}${MISSING+set}", "yesset"),
        ("${FOO:?gone}${EMPTY?gone}", "first"),
        ("${MISSING:-${EMPTY:-$FOO}}", "first"),
        ("${MISSING:-${FOO} ${FOO}}", "first first"),
        ("${FOO:+<${FOO}>}", "<first>"),
        ("${MISSING:-$$1}", "$1"),
        ('${MISSING:-{"a": {"b": 1}}}', '{"a": {"b": 1}}'),
        ("${MISSING:-a}}", "a}"),
    ],
)
def test_what_a_value_becomes(written: str, expected: str) -> None:
    assert substitute(written, VARIABLES) == expected


@pytest.mark.parametrize(
    "written",
    ["${", "$}", "${}", "${ }", "${ FOO}", "${FOO }", "${FOO!}", "${FOO/a/b}", "cost: 5$", "$1"],
)
def test_what_cannot_be_read_is_refused_and_the_dollar_explained(written: str) -> None:
    with pytest.raises(InterpolationError) as caught:
        substitute(written, VARIABLES)
    assert "$$" in caught.value.hint


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("${MISSING:?say it}", "MISSING has no value: say it"),
        ("${EMPTY:?say ${FOO}}", "EMPTY has no value: say first"),
        ("${MISSING?}", "MISSING has no value"),
    ],
)
def test_a_variable_that_must_be_set_is_named(written: str, message: str) -> None:
    with pytest.raises(InterpolationError, match=message):
        substitute(written, VARIABLES)


def test_variables_without_a_value_are_reported_and_those_with_a_default_are_not() -> None:
    unset: list[str] = []
    substitute("$A ${B} ${C:-d} ${D-} $FOO $EMPTY ${E:-$F}", VARIABLES, unset.append)
    assert unset == ["A", "B", "F"]


PIECES = some.sampled_from(["$", "{", "}", ":-", ":?", ":+", "-", "?", "+", "FOO", "M", " ", "é"])


@settings(deadline=None)
@given(some.one_of(some.text(), some.lists(PIECES, max_size=80).map("".join)))
def test_interpolation_never_crashes(written: str) -> None:
    for lenient in (False, True):
        with suppress(InterpolationError):
            substitute(written, VARIABLES, lenient=lenient)


@settings(deadline=None)
@given(some.text())
def test_a_text_with_doubled_dollars_is_the_text(text: str) -> None:
    assert substitute(text.replace("$", "$$"), VARIABLES) == text
