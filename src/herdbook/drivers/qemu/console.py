"""Reads what a machine wrote to its console, made fit to be shown as plain text."""

import re
from pathlib import Path

from herdbook.drivers.line_files import last_lines

_CONTROL_SEQUENCE = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[78=>c])")


def console_lines(path: Path, count: int) -> list[str]:
    """Return those of the last `count` lines that are not empty, without what colours them."""
    texts = (_CONTROL_SEQUENCE.sub("", line).strip() for line in last_lines(path, count))
    return [text for text in texts if text]
