"""Fetches blobs from registries into files, and goes on where one broke off.

Sources: OCI distribution specification 1.1, "Pulling blobs"; RFC 9110, 14.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.progress import Task
from herdbook.drivers.claims import claim
from herdbook.drivers.registry.answers import Answer, BrokenError
from herdbook.drivers.registry.conversation import Conversation, Patience, Question
from herdbook.drivers.registry.failures import other_bytes, refused
from herdbook.images.references import RegistryName

_OK, _PARTIAL, _NO_SUCH_RANGE = 200, 206, 416
_RANGE = re.compile(r"bytes (\d{1,18})-\d+/(?:\d+|\*)")


@dataclass
class Download:
    """One blob on its way into a file."""

    conversation: Conversation
    name: RegistryName
    digest: Digest
    size: int
    to: Path
    task: Task

    def run(self) -> None:
        """Fetch what the file does not hold yet; see the port's promises."""
        with claim(self.to.with_name(f"{self.to.name}.claim")):
            held = self.to.stat().st_size if self.to.exists() else 0
            if held > self.size:
                self.to.unlink()
                held = 0
            self.task.advance(held)
            self._fetch(held)
            if digests.of_file(self.to) == self.digest:
                return
            self.to.unlink()
            if held:  # who knows what an earlier attempt left there
                self._fetch(0)
                if digests.of_file(self.to) == self.digest:
                    return
                self.to.unlink()
            raise other_bytes(self.name, f"the blob {self.digest}")

    def _fetch(self, position: int) -> None:
        patience, furthest = Patience(self.name, self.conversation), position
        with self.to.open("ab") as file:
            while position < self.size:
                try:
                    self._take(file, position)
                except BrokenError as error:
                    if file.tell() > furthest:
                        furthest = file.tell()
                        patience.progress()
                    patience.bear(error)
                position = file.tell()

    def _take(self, file: BinaryIO, position: int) -> None:
        headers = {"Range": f"bytes={position}-"} if position else {}
        question = Question("GET", f"/v2/{self.name.path}/blobs/{self.digest}", headers=headers)
        with self.conversation.ask_once(self.name, question) as answer:
            if answer.status not in (_OK, _PARTIAL, _NO_SUCH_RANGE):
                raise refused(self.name, answer, f"pull from {self.name.repository}")
            if not _begins_at(answer, position):
                _empty(file)
                if answer.status != _OK:
                    raise BrokenError("it gives another part than it was asked for")
            self._write(answer, file)

    def _write(self, answer: Answer, file: BinaryIO) -> None:
        try:
            for piece in answer.pieces():
                if file.tell() + len(piece) > self.size:
                    _empty(file)
                    raise other_bytes(self.name, f"the {self.size} of the blob {self.digest}")
                file.write(piece)
                self.task.advance(len(piece))
        finally:
            file.flush()
        if file.tell() < self.size:
            raise BrokenError("it ended before all of it was there")


def _empty(file: BinaryIO) -> None:
    file.seek(0)  # else it still tells where it was
    file.truncate()


def _begins_at(answer: Answer, position: int) -> bool:
    if answer.status == _OK:
        return position == 0
    given = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    return answer.status == _PARTIAL and given is not None and int(given[1]) == position
