"""Backs volumes up when their services' schedules say so, one at a time, and says how it went."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Event
from traceback import format_exception

from herdbook.actions.back_up import BackedUp, NoDataError, back_up_volume
from herdbook.actions.list_data import HeldVolume, times_backed_up, volumes_in
from herdbook.actions.tell import tell
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import ConflictError, HerdbookError
from herdbook.core.progress import NoProgress, Task
from herdbook.fleet.applications import Release
from herdbook.fleet.schedules import is_ahead, is_due

_LOOK_SECONDS = 5.0
_AGAIN_SECONDS = 3600.0
"""After a failure; an hour is long enough for a person to have mounted a disk."""


@dataclass(frozen=True)
class Planned:
    """A volume that is to be backed up on time; `since` is when somebody has said so."""

    volume: HeldVolume
    schedule: str
    to: str
    since: datetime

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells it from others: the same volume at another place has no backup yet."""
        volume = self.volume
        return (volume.application, volume.kind.value, volume.name, self.to)


@dataclass(frozen=True)
class Memory:
    """What is known of a planned volume; `looked` is whether its place was asked for the last.

    `failed_at` is in seconds that only grow, and `ahead` whether there are backups from the future.
    """

    looked: bool = False
    last: datetime | None = None
    failed_at: float | None = None
    ahead: bool = False


def planned_of(release: Release) -> Iterator[Planned]:
    """Yield what a release wants to be backed up."""
    for volume in volumes_in(release):
        if volume.policy is not None:
            yield Planned(volume, volume.policy.schedule, volume.policy.to, release.made_at)


def due(
    planned: Iterable[Planned],
    memories: Mapping[tuple[str, str, str, str], Memory],
    now: datetime,
    seconds: float,
) -> Planned | None:
    """Return what is to be done next, if anything: what waits longest comes first.

    What nobody has looked for yet is due, so that a missed time is caught up, once. What failed
    is tried again after an hour, by `seconds` that only grow.
    """
    waiting: list[tuple[datetime, Planned]] = []
    for each in planned:
        memory = memories.get(each.key, Memory())
        since = memory.last or each.since
        if memory.failed_at is not None:
            rested = seconds - memory.failed_at
            if rested < _AGAIN_SECONDS:
                continue
            since = now - timedelta(seconds=rested)
        if not memory.looked or _is_due(each, memory.last, now):
            waiting.append((since, each))
    return min(waiting, key=lambda pair: pair[0])[1] if waiting else None


def _is_due(planned: Planned, last: datetime | None, now: datetime) -> bool:
    """Tell whether it is time for one of several; where its schedule has no meaning, it is.

    Carried out, it fails for that reason, and the others are not kept waiting.
    """
    try:
        return is_due(planned.schedule, last, planned.since, now)
    except (ValueError, ArithmeticError):
        return True


@dataclass(frozen=True)
class _Outcome:
    """What came of a look at one volume's place, and of a backup if one was due."""

    last: datetime | None
    ahead: bool
    made: BackedUp | None = None


@dataclass
class BackupsOnTime:
    """The scheduled backups of all applications; `turn` is called often and returns at once."""

    workshop: Workshop
    pool: Executor
    say: Callable[[str], None]
    _memories: dict[tuple[str, str, str, str], Memory] = field(default_factory=dict)
    _known: dict[tuple[str, int], tuple[Planned, ...]] = field(default_factory=dict)
    _under_way: "tuple[Planned, Future[_Outcome]] | None" = None
    _looked_at: float | None = None
    _ended: Event = field(default_factory=Event)

    def turn(self) -> None:
        """Take note of a backup that is over, and begin the next one that is due."""
        if self._under_way is not None:
            planned, future = self._under_way
            if not future.done():
                return
            self._under_way = None
            self._take_note(planned, future)
        seconds = self.workshop.clock.monotonic_seconds()
        if self._looked_at is not None and seconds < self._looked_at + _LOOK_SECONDS:
            return
        now = self.workshop.clock.now()
        found = due(self._planned(), self._memories, now, seconds)
        if found is None:
            self._looked_at = seconds  # only now: what else is due need not wait
        else:
            self._under_way = (found, self.pool.submit(self._carry_out, found, now))

    def close(self) -> None:
        """Let a backup under way come to nothing, soon: nobody is to wait hours for it."""
        self._ended.set()

    def _planned(self) -> Iterator[Planned]:
        for application in self.workshop.fleet.every():
            name, standing = application.name, application.standing
            if not standing:
                continue
            if (name, standing) not in self._known:
                release = self.workshop.fleet.release(name, standing)
                self._known[name, standing] = tuple(planned_of(release)) if release else ()
            yield from self._known[name, standing]

    def _carry_out(self, planned: Planned, now: datetime) -> _Outcome:
        """In a thread of its own: look for the last backup, and make one if that is too old."""
        workshop = replace(self.workshop, progress=_Stoppable(self._ended))
        workshop.duty.require()
        times = times_backed_up(workshop, planned.volume, planned.to)
        right = [each for each in times if not is_ahead(each, now)]
        last, ahead = max(right, default=None), len(right) < len(times)
        if not is_due(planned.schedule, last, planned.since, now):
            return _Outcome(last, ahead)
        workshop.duty.require()
        try:
            made = back_up_volume(workshop, planned.volume, planned.to)
        except NoDataError:
            return _Outcome(now, ahead)  # its next time is as good as this one
        return _Outcome(made.backup.taken_at, ahead, made)

    def _take_note(self, planned: Planned, future: "Future[_Outcome]") -> None:
        before = self._memories.get(planned.key, Memory())
        try:
            outcome = future.result()
        except Exception as error:  # noqa: BLE001 - tried again at once, it would copy all again
            seconds = self.workshop.clock.monotonic_seconds()
            self._memories[planned.key] = replace(before, failed_at=seconds)
            self._tell(planned, f"the backup of {planned.volume.name} failed: {self._why(error)}")
            return
        self._memories[planned.key] = Memory(True, outcome.last, ahead=outcome.ahead)
        if outcome.ahead and not before.ahead:
            volume = planned.volume.name
            words = f"{planned.to} holds backups of {volume} from the future: a clock was wrong"
            self._tell(planned, f"{words}, they do not count and are the first to go")
        if outcome.made is not None:
            backup = outcome.made.backup
            words = f"{backup.volume} is backed up to {outcome.made.where}: {backup.name}"
            self._tell(planned, words)

    def _why(self, error: Exception) -> str:
        """Return what a failure says to people; where it is a fault of ours, the log gets all."""
        if isinstance(error, HerdbookError):
            return f"{error.message} ({error.hint})" if error.hint else error.message
        self.say("".join(format_exception(error)))
        return f"a fault in Herdbook: {type(error).__name__}: {error}"

    def _tell(self, planned: Planned, words: str) -> None:
        volume = planned.volume
        self.say(f"{volume.application}: {words}")
        tell(self.workshop, volume.application, words, volume.component)


class _Stoppable(NoProgress):
    """Shows nothing, and ends the work where it would say how far it is."""

    def __init__(self, ended: Event) -> None:
        self._ended = ended

    @contextmanager
    def task(self, title: str, total: int | None = None, unit: str = "") -> Iterator[Task]:
        """Raise ConflictError in the work once it is to end."""
        del title, total, unit
        _refuse(self._ended)
        yield _StoppableTask(self._ended)


class _StoppableTask:
    def __init__(self, ended: Event) -> None:
        self._ended = ended

    def advance(self, amount: int = 1) -> None:
        del amount
        _refuse(self._ended)

    def describe(self, text: str) -> None:
        del text


def _refuse(ended: Event) -> None:
    if ended.is_set():
        raise ConflictError("The server ends", hint="The backup is made when it runs again.")
