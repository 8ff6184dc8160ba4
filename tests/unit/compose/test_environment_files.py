"""Files of variables are read by the specification's rules."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from herdbook.compose.environment_files import parse_environment, read_environment
from herdbook.core.errors import InvalidInputError, NotFoundError

GIVEN = {"OTHER": "given"}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("V=VAL", "VAL"),
        ('V="VAL"', "VAL"),
        ("V='VAL'", "VAL"),
        ("V=VAL # comment", "VAL"),
        ("V=VAL# not a comment", "VAL# not a comment"),
        ('V="VAL # not a comment"', "VAL # not a comment"),
        ('V="VAL" # comment', "VAL"),
        ("V='$OTHER'", "$OTHER"),
        ("V='${OTHER}'", "${OTHER}"),
        ("V=$OTHER ${OTHER}", "given given"),
        ('V="${OTHER:-x}"', "given"),
        ('V="\\$OTHER"', "$OTHER"),
        (r"V='Let\'s go!'", "Let's go!"),
        (r'V="{\"hello\": \"json\"}"', '{"hello": "json"}'),
        (r'V="some\tvalue"', "some\tvalue"),
        (r"V='some\tvalue'", r"some\tvalue"),
        (r"V=some\tvalue", r"some\tvalue"),
        ("V=", ""),
        ("V=   # nothing", ""),
        ("V", None),
        ("export V = spaced", "spaced"),
        ("  V=indented", "indented"),
        ("V=a=b", "a=b"),
        ("V=50$", "50$"),
        ('V="two\nlines"', "two\nlines"),
        ("# first\n\nV=last\n", "last"),
        ("V=windows\r\n", "windows"),
    ],
)
def test_what_a_line_says(line: str, value: str | None) -> None:
    assert parse_environment(line, "x.env", GIVEN) == {"V": value}


def test_later_lines_see_earlier_ones_but_what_is_given_wins() -> None:
    text = "A=1\nB=${A}2\nOTHER=file\nC=$OTHER\n"
    assert parse_environment(text, "x.env", GIVEN) == {
        "A": "1",
        "B": "12",
        "OTHER": "file",
        "C": "given",
    }


def test_raw_files_are_taken_as_they_are() -> None:
    text = '# no\nA="$x" # y\nB\n\nC=\'\n'
    assert parse_environment(text, "x.env", {}, style="raw") == {
        "A": '"$x" # y',
        "B": None,
        "C": "'",
    }


@pytest.mark.parametrize(
    ("text", "line"),
    [("A=1\n=2\n", 2), ("A=1\nB='open\n", 2), ('\n\nA="x" y\n', 3), ("A b\n", 1), ("A=${B?no}", 1)],
)
def test_mistakes_are_told_with_their_line(text: str, line: int) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_environment(text, "x.env", {})
    assert caught.value.where == f"x.env:{line}"


def test_an_absent_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_environment(tmp_path / "no.env", {})


PIECES = some.sampled_from(
    ["A", "=", "'", '"', "\\", "$", "{", "}", "#", " ", "\n", "\t", "export "]
)


@settings(deadline=None)
@given(some.one_of(some.text(), some.lists(PIECES, max_size=60).map("".join)))
def test_reading_never_crashes(text: str) -> None:
    with suppress(InvalidInputError):
        parse_environment(text, "x.env", GIVEN)


@settings(deadline=None)
@given(some.dictionaries(some.from_regex(r"[A-Z][A-Z0-9_]{0,5}", fullmatch=True), some.text()))
def test_quoted_values_come_back(values: dict[str, str]) -> None:
    def quoted(value: str) -> str:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
        return escaped.replace("\r", "\\r").replace("\n", "\\n")

    text = "".join(f'{key}="{quoted(value)}"\n' for key, value in values.items())
    assert parse_environment(text, "x.env", {}) == values
