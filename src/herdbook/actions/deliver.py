"""Sends blobs to a repository, a few at a time, and none that is there already."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import TypeVar

from herdbook.actions.workshop import Workshop
from herdbook.core.digests import Digest
from herdbook.core.progress import Task
from herdbook.images.references import RegistryName
from herdbook.images.registries import Parcel

_AT_ONCE = 4
"""So many blobs travel side by side: more only make the registry's disk seek."""

Item = TypeVar("Item")


@dataclass
class Delivered:
    """How many bytes of blobs were sent, were taken over from beside, and were there."""

    sent_bytes: int = 0
    mounted_bytes: int = 0
    there_bytes: int = 0


@dataclass(frozen=True)
class Delivery:
    """Blobs on their way to one repository; each digest is dealt with once."""

    workshop: Workshop
    name: RegistryName
    total: Delivered = field(default_factory=Delivered)
    _seen: set[Digest] = field(default_factory=set)
    _adding: Lock = field(default_factory=Lock)

    def blobs(self, parcels: Iterable[Parcel]) -> None:
        """See to it that the repository has these blobs."""
        wanted = {each.digest: each for each in parcels if each.digest not in self._seen}
        self._seen.update(wanted)
        # The largest first, so that it is not alone at the end.
        ordered = sorted(wanted.values(), key=lambda each: -each.size)
        size = sum(each.size for each in ordered)
        title = f"Pushing {len(ordered)} blobs to {self.name.host}"
        with self.workshop.progress.task(title, size, "bytes") as task:
            side_by_side(self._deliver, ordered, task)

    def _deliver(self, parcel: Parcel, task: Task) -> None:
        registry = self.workshop.registry
        sent = mounted = there = 0
        if registry.has_blob(self.name, parcel.digest):
            there = parcel.size
            task.advance(parcel.size)
        elif registry.mount_blob(self.name, parcel.digest):
            mounted = parcel.size
            task.advance(parcel.size)
        else:
            sent = registry.push_blob(self.name, parcel, task)
            there = max(0, parcel.size - sent)
        with self._adding:
            self.total.sent_bytes += sent
            self.total.mounted_bytes += mounted
            self.total.there_bytes += there


def side_by_side(work: Callable[[Item, Task], None], items: Sequence[Item], task: Task) -> None:
    """Do the same for several things, a few at a time; where one fails, the others end soon."""
    over = Event()
    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        for each in [pool.submit(work, item, _Ending(task, over)) for item in items]:
            each.result()
    finally:
        over.set()
        pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Ending:
    """Tells of progress until all is over; after that, whoever tells gives up."""

    task: Task
    over: Event

    def advance(self, amount: int = 1) -> None:
        if self.over.is_set():
            raise CancelledError
        self.task.advance(amount)

    def describe(self, text: str) -> None:
        self.task.describe(text)
