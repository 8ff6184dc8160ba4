"""Writes words so that systemd reads back exactly what was meant."""

import re
from collections.abc import Mapping, Sequence

from herdbook.core.errors import InvalidInputError

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN_PROGRAM = re.compile(r"(/[A-Za-z0-9_.+-]+)+")
"""What systemd runs itself for sure: it takes no quotes and no control characters there."""

_FIND = ("/bin/sh", "-c", 'exec "$0" "$@"')
_FIRST_PRINTABLE = 0x20
_DELETE = 0x7F


def unit_word(text: str) -> str:
    """Quote one word of a unit's setting: systemd.syntax(7) and, for `%`, systemd.unit(5).

    Raises InvalidInputError for what a unit file cannot hold: NUL and undecodable bytes.
    """
    return '"' + "".join(_unit_character(character) for character in _checked(text)) + '"'


def command(arguments: list[str]) -> str:
    """Render a command for `ExecStart=`.

    The `:` in front switches `$` off (systemd.service(5), "Command lines"), so that an argument
    arrives as it was written.
    """
    if not arguments or not arguments[0].startswith("/"):
        raise InvalidInputError("A service's command begins with the program's absolute path")
    return f":{words(arguments)}"


def words(arguments: Sequence[str]) -> str:
    """Render what follows in an `ExecStart=` that `command` has begun."""
    return " ".join(unit_word(argument) for argument in arguments)


def found_command(arguments: Sequence[str]) -> str:
    """Render a command whose program is looked for as a container's is.

    That is in the service's own PATH, or from its directory on; systemd looks in a fixed one.
    """
    if not arguments or not arguments[0]:
        raise InvalidInputError(
            "No program is left for the machine's service to run",
            hint="Say what is to be run in entrypoint or command.",
        )
    plain = _PLAIN_PROGRAM.fullmatch(arguments[0])
    return command([*(() if plain else _FIND), *arguments])


def assignment(name: str, value: str) -> str:
    """Render one word of `Environment=`; raises InvalidInputError for a name no shell knows."""
    return unit_word(f"{_checked_name(name)}={value}")


def path(text: str) -> str:
    """Render an absolute path for a setting that takes one whole line and knows no quotes."""
    if not text.startswith("/") or text.endswith(("\\", " ")) or not text.isprintable():
        raise InvalidInputError(f"{text!r} is not an absolute path for a service")
    return _checked(text).replace("%", "%%")


def environment_file(environment: Mapping[str, str]) -> bytes:
    """Render a file for `EnvironmentFile=` (systemd.exec(5)).

    Inside its double quotes four characters are escaped and line breaks stand for themselves.
    """
    lines = [
        f'{_checked_name(name)}="{_FILE_SPECIAL.sub(_backslashed, _checked(value))}"\n'
        for name, value in sorted(environment.items())
    ]
    return "".join(lines).encode()


_FILE_SPECIAL = re.compile(r'["\\$`]')


def _backslashed(match: re.Match[str]) -> str:
    return "\\" + match.group()


def _unit_character(character: str) -> str:
    if character == "%":
        return "%%"
    if character in '"\\':
        return "\\" + character
    if ord(character) < _FIRST_PRINTABLE or ord(character) == _DELETE:
        return f"\\x{ord(character):02x}"
    if _is_reserved(ord(character)):
        return "".join(f"\\x{byte:02x}" for byte in character.encode())
    return character


def _is_reserved(code: int) -> bool:
    """Tell what Unicode has for no text: systemd drops every line with such a character."""
    return code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF  # noqa: PLR2004 - the last block


def _checked(text: str) -> str:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidInputError(
            f"{text!r} cannot be part of a service's command or environment",
            hint="Use text without NUL and in UTF-8.",
        )
    return text


def _checked_name(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise InvalidInputError(
            f"{name!r} is not a name for an environment variable",
            hint="Use letters, digits and underscores, with no digit in front.",
        )
    return name
