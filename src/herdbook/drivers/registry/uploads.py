"""Sends blobs to registries in chunks, and goes on where a chunk did not arrive.

Source: OCI distribution specification 1.1, "Pushing blobs".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from herdbook.core.errors import VerificationError
from herdbook.core.progress import Task
from herdbook.drivers.registry.answers import Answer, BrokenError
from herdbook.drivers.registry.conversation import (
    Conversation,
    Patience,
    Question,
    address_of,
)
from herdbook.drivers.registry.failures import no_answer, refused
from herdbook.drivers.registry.memory import Memory
from herdbook.images.references import RegistryName
from herdbook.images.registries import Parcel

CHUNK_BYTES = 16 << 20
"""What is sent at a time: what is smaller travels whole, of what is larger no more is lost."""

PUSH = "pull,push"
_PIECE_BYTES = 1 << 18
_MOST_LOSSES = 5
_CREATED, _ACCEPTED, _NO_CONTENT = 201, 202, 204
_BYTES = "application/octet-stream"
_RANGE = re.compile(r"(?:bytes=)?0-(\d{1,18})")


@dataclass
class Upload:
    """One blob on its way to a registry: `location` is where it takes the byte at `offset`."""

    conversation: Conversation
    memory: Memory
    name: RegistryName
    parcel: Parcel
    task: Task
    location: str = ""
    offset: int = 0
    told: int = 0
    sent: int = 0
    losses: int = 0

    def run(self) -> int:
        """Send all that the registry does not have yet; return how many bytes that were."""
        patience = Patience(self.name, self.conversation)
        self.location = self.memory.upload(self.name, self.parcel.digest)
        unsure = bool(self.location)
        while True:
            try:
                if unsure:
                    self._ask_how_far()
                    unsure = False
                if not self.location:
                    self._begin()
                if self.parcel.size - self.offset <= CHUNK_BYTES:
                    self._finish()
                    self._tell(self.parcel.size)
                    return self.sent
                self._send_chunk()
                patience.progress()
            except BrokenError as error:
                patience.bear(error)
                unsure = bool(self.location)
            except _LostError as error:
                unsure = False
                self._forget(str(error))

    def _begin(self) -> None:
        question = Question("POST", f"/v2/{self.name.path}/blobs/uploads/", PUSH)
        with self.conversation.ask_once(self.name, question) as answer:
            if answer.status != _ACCEPTED:
                raise refused(self.name, answer, f"push to {self.name.repository}")
            self._go_on_at(answer)
            self.offset = 0

    def _ask_how_far(self) -> None:
        """Find out which bytes have arrived, of a chunk that broke off or of a killed process."""
        question = Question("GET", self.location, PUSH)
        with self.conversation.ask_once(self.name, question) as answer:
            arrived = _RANGE.fullmatch(answer.headers.get("Range", ""))
            if answer.status != _NO_CONTENT or arrived is None:
                raise _LostError("it forgot what it was sent")
            last = int(arrived[1])
            # `0-0` is said of nothing at all, too, and one byte is not worth asking about.
            self.offset = last + 1 if 0 < last < self.parcel.size else 0
            if last and not self.offset:
                raise _LostError("it got more than it was sent")
            self._go_on_at(answer)
            self._tell(self.offset)

    def _send_chunk(self) -> None:
        end = self.offset + CHUNK_BYTES
        with self._sent("PATCH", self.location, end) as answer:
            if answer.status not in (_ACCEPTED, _NO_CONTENT):
                raise self._not_taken(answer)
            self._go_on_at(answer)
            self.offset = end
            self._tell(end)
            self.memory.note_upload(self.name, self.parcel.digest, self.location)

    def _finish(self) -> None:
        parts = urlsplit(address_of(self.name, self.location))
        # What is in the query is the registry's affair: it stays as it is.
        asked = [*parse_qsl(parts.query, keep_blank_values=True), ("digest", self.parcel.digest)]
        address = urlunsplit(parts._replace(query=urlencode(asked)))
        with self._sent("PUT", address, self.parcel.size) as answer:
            if answer.status not in (_CREATED, _NO_CONTENT):
                raise self._not_taken(answer)
        self.memory.forget_upload(self.name, self.parcel.digest)
        self.offset = self.parcel.size

    def _sent(self, method: str, address: str, end: int) -> Answer:
        headers = {"Content-Type": _BYTES, "Content-Length": str(end - self.offset)}
        if self.offset or method == "PATCH":
            headers["Content-Range"] = f"{self.offset}-{end - 1}"
        start = self.offset
        question = Question(method, address, PUSH, headers, lambda: self._pieces(start, end))
        return self.conversation.ask_once(self.name, question)

    def _pieces(self, start: int, end: int) -> Iterator[bytes]:
        with self.parcel.open() as source:
            source.seek(start)
            left = end - start
            while left and (piece := source.read(min(left, _PIECE_BYTES))):
                self.task.advance(0)  # ends here where all is over
                yield piece
                left -= len(piece)
                self.sent += len(piece)
        if left:
            raise VerificationError(f"The blob {self.parcel.digest} is shorter than it was")

    def _not_taken(self, answer: Answer) -> Exception:
        if answer.status in _LOST:
            return _LostError(f"it answers {answer.status} to what it is sent")
        return refused(self.name, answer, f"take a blob for {self.name.repository}")

    def _go_on_at(self, answer: Answer) -> None:
        beside = address_of(self.name, self.location or "/")
        self.location = address_of(self.name, answer.headers.get("Location", ""), beside)

    def _forget(self, why: str) -> None:
        """Begin anew; what the registry loses again and again is not sent forever."""
        self.memory.forget_upload(self.name, self.parcel.digest)
        self.location, self.offset = "", 0
        self.losses += 1
        if self.losses > _MOST_LOSSES:
            raise no_answer(self.name, why)

    def _tell(self, arrived: int) -> None:
        """Tell of what has arrived; what has to be sent again is not told again."""
        self.task.advance(max(0, arrived - self.told))
        self.told = max(self.told, arrived)


_LOST = (400, 404, 416)
"""A place that is no more, or where other bytes are than we know of: begin anew."""


class _LostError(Exception):
    """The registry knows nothing of what was sent before."""
