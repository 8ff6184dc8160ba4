"""Finds in what a machine's port says the words that are meant for the host, not for people."""

import re

from herdbook.core.errors import EngineError

_WORD = rb"[a-z0-9]{1,8}"
_LONGEST_WORD = 8
_MOST_WORDS = 3
"""What is said in one conversation: that it is ready, how the command ended, that all was said."""


class MarkedStream:
    """Takes bytes as they come, and gives plain ones and words back.

    A word is marked with a name that nobody else knows: what a command prints is never taken for
    one. Nothing that cannot become a mark is held back, so a prompt is seen at once.
    """

    def __init__(self, name: str) -> None:
        self._start = b"\0" + name.encode() + b" "
        self._mark = re.compile(re.escape(self._start) + b"(" + _WORD + b")\n")
        self._kept = b""
        self.words: list[str] = []

    def take(self, piece: bytes) -> bytes:
        """Return what of it is plain; the words that are in it are added to `words`.

        Raises EngineError where there are more than a conversation has.
        """
        content = self._kept + piece
        plain = []
        begin = 0
        for match in self._mark.finditer(content):
            plain.append(content[begin : match.start()])
            self.words.append(match[1].decode())
            begin = match.end()
            if len(self.words) > _MOST_WORDS:
                raise EngineError("The machine says more than once how its command ended")
        end = self._end_of_plain(content, begin)
        self._kept = content[end:]
        return b"".join([*plain, content[begin:end]])

    def _end_of_plain(self, content: bytes, begin: int) -> int:
        """Return where that begins which may become a mark with what comes next."""
        longest = len(self._start) + _LONGEST_WORD
        place = max(begin, len(content) - longest)
        while (place := content.find(b"\0", place)) >= 0:
            tail = content[place:]
            if self._start.startswith(tail[: len(self._start)]):
                return place
            place += 1
        return len(content)
