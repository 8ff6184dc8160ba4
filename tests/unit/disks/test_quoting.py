"""What is written for systemd is read back by systemd's own rules as what was meant."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from herdbook.core.errors import InvalidInputError
from herdbook.disks import quoting

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def read_words(line: str) -> list[str]:
    """Read quoted words as systemd.syntax(7) says, then expand `%%` as systemd.unit(5) says."""
    assert "\n" not in line
    words = []
    for quoted in re.findall(r'"((?:[^"\\]|\\.)*)"(?: |$)', line, re.DOTALL):
        plain = re.sub(r"\\(x[0-9a-f]{2}|.)", unescaped, quoted, flags=re.DOTALL)
        assert not re.search(r"%", plain.replace("%%", ""))
        words.append(plain.replace("%%", "%").encode(errors="surrogateescape").decode())
    return words


def unescaped(match: re.Match[str]) -> str:
    r"""Read an escape; one like \xff is a byte."""
    escape = match.group(1)
    if len(escape) != 3:
        return escape
    return bytes([int(escape[1:], 16)]).decode(errors="surrogateescape")


def read_environment_file(text: str) -> dict[str, str]:
    """Read as systemd's `parse_env_file` does: a backslash is special before four characters."""
    pairs = re.findall(r'([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"\n', text, re.DOTALL | re.ASCII)
    return {name: re.sub(r'\\(["\\$`])', r"\1", value) for name, value in pairs}


@given(st.lists(TEXT, max_size=5))
def test_a_command_keeps_every_argument(arguments: list[str]) -> None:
    line = quoting.command(["/bin/true", *arguments])
    assert line.startswith(':"/bin/true"')
    assert read_words(line[1:]) == ["/bin/true", *arguments]


@given(st.lists(TEXT, min_size=1, max_size=5).filter(lambda words: words[0] != ""))
def test_a_command_that_is_looked_for_keeps_every_argument(arguments: list[str]) -> None:
    line = quoting.found_command(arguments)
    assert line.startswith(":")
    read = read_words(line[1:])
    assert read[-len(arguments) :] == arguments
    assert read[: -len(arguments)] in ([], ["/bin/sh", "-c", 'exec "$0" "$@"'])


@given(TEXT)
def test_no_line_has_what_systemd_takes_for_no_text(text: str) -> None:
    """It would drop all of it."""
    codes = [ord(character) for character in quoting.unit_word(text)]
    assert not any(code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF for code in codes)


@given(TEXT)
def test_an_assignment_keeps_its_value(value: str) -> None:
    assert read_words(quoting.assignment("NAME", value)) == [f"NAME={value}"]


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True), TEXT))
def test_an_environment_file_keeps_every_value(environment: dict[str, str]) -> None:
    text = quoting.environment_file(environment).decode()
    assert read_environment_file(text) == environment


def test_what_is_no_text_for_unicode_is_written_as_bytes() -> None:
    assert quoting.unit_word("a\ufffe\ufdd0") == r'"a\xef\xbf\xbe\xef\xb7\x90"'


def test_what_systemd_would_expand_is_written_so_that_it_does_not() -> None:
    line = quoting.command(["/bin/echo", "$HOME", "100%", 'say "hi"', "a\\b", "two\nlines", ";"])
    assert line == r':"/bin/echo" "$HOME" "100%%" "say \"hi\"" "a\\b" "two\x0alines" ";"'


@pytest.mark.parametrize("text", ["a\0b", "\udcff"])
def test_what_a_unit_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        quoting.command(["/bin/true", text])


@pytest.mark.parametrize("arguments", [[], [""], ["python3"], ["./run"]])
def test_a_command_without_an_absolute_program_is_refused(arguments: list[str]) -> None:
    with pytest.raises(InvalidInputError):
        quoting.command(arguments)


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "A=B", "A\n", "Ä"])
def test_a_name_no_shell_knows_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError):
        quoting.assignment(name, "value")


@pytest.mark.parametrize("path", ["", "srv", "/srv\n", "/srv ", "/srv\\", "/\udcff"])
def test_a_directory_that_one_line_cannot_hold_is_refused(path: str) -> None:
    with pytest.raises(InvalidInputError):
        quoting.path(path)


def test_a_directory_may_hold_spaces_and_percent_signs() -> None:
    assert quoting.path("/srv/100% mine") == "/srv/100%% mine"
