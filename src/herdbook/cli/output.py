"""Prints results for people or for scripts, and failures with the next step."""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from herdbook.core.errors import HerdbookError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


_UNSHOWN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, but for tabs and the ends of lines
    r"\u202a-\u202e\u2066-\u2069"  # what turns the direction of what follows
    r"\ud800-\udfff]"  # halves of characters, which no terminal takes
)


class Output:
    """Results go to standard output, everything else to standard error.

    With `as_json`, results are one JSON document and failures one JSON document too.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def json(self, document: object) -> None:
        """Print a result for scripts."""
        sys.stdout.write(json.dumps(document, indent=2) + "\n")

    def raw(self, content: bytes) -> None:
        """Print a document that is a result by itself."""
        sys.stdout.write(content.decode())

    def json_stream(self, head: Mapping[str, object], key: str, items: Iterable[object]) -> None:
        """Print a result for scripts whose last part is a long list, as it comes."""
        start = json.dumps(head, indent=2).rstrip("}").rstrip()
        sys.stdout.write(f'{start}{"," if head else ""}\n  "{key}": [')
        separator = "\n    "
        for item in items:
            sys.stdout.write(separator + json.dumps(item))
            separator = ",\n    "
        sys.stdout.write("\n  ]\n}\n")

    def text(self, text: str) -> None:
        """Print a result for people."""
        self._plain(text)

    def note(self, text: str) -> None:
        """Tell a person something that is no result."""
        if not self.as_json:
            self._plain(text, stderr=True)

    def demand(self, text: str) -> None:
        """Tell a person what they have to do now, also where a script reads the result."""
        self._plain(text, stderr=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table that fits the terminal; wide cells fold, nothing is cut off."""
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            right = column.startswith("#")
            table.add_column(
                column.lstrip("#"), justify="right" if right else "left", overflow="fold"
            )
        for row in rows:
            table.add_row(*(_coloured(cell) for cell in row))
        self._console().print(table)

    def picture(self, drawn: "RenderableType") -> None:
        """Print what rich draws."""
        self._console().print(drawn)

    def failure(self, error: HerdbookError) -> None:
        """Say what went wrong, where, and what to do next."""
        if self.as_json:
            document = {"code": error.code, "message": error.message}
            document |= {"hint": error.hint, "where": error.where}
            sys.stderr.write(json.dumps({"error": document}, indent=2) + "\n")
            return
        console = self._console(stderr=True)
        console.print("[bold red]error:[/] ", end="")
        self._plain(error.message, stderr=True)
        if error.where:
            self._plain(f"   at: {error.where}", stderr=True)
        if error.hint:
            console.print("[bold]  next:[/] ", end="")
            self._plain(error.hint, stderr=True)

    def _plain(self, text: str, *, stderr: bool = False) -> None:
        console = self._console(stderr=stderr)
        console.print(_shown(text), highlight=False, markup=False, soft_wrap=True)

    def _console(self, *, stderr: bool = False) -> "Console":
        from rich.console import Console

        return Console(stderr=stderr)


def indented(text: str) -> str:
    """Return what a person wrote so that no line of it can be taken for one of ours."""
    return "\n    ".join(text.splitlines())


_COLOURS = {
    "ready": "green",
    "running": "green",
    "ok": "green",
    "starting": "yellow",
    "limited": "yellow",
    "failed": "red",
    "missing": "red",
}


def _coloured(cell: str) -> Any:  # noqa: ANN401 - rich's own union of what can be shown
    from rich.text import Text

    return Text(_shown(cell), style=_COLOURS.get(cell, ""))


def _shown(text: str) -> str:
    """Return a text that says nothing to a terminal: it may be somebody else's."""
    return _UNSHOWN.sub("\N{REPLACEMENT CHARACTER}", text)


def human_size(size_bytes: int) -> str:
    """Return a size as people read it, in powers of 1024."""
    size = float(size_bytes)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:  # noqa: PLR2004 - the step between units
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def human_seconds(seconds: float) -> str:
    """Return a duration as people read it."""
    if seconds < 10:  # noqa: PLR2004 - below, tenths matter
        return f"{seconds:.1f} s"
    if seconds < 120:  # noqa: PLR2004 - two minutes
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"
