"""Keeps all applications as they are wanted: looks, decides, acts once, and says what was done."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from traceback import format_exc

from herdbook.actions.count_served import ServedTime
from herdbook.actions.heed_revocations import forbidden_now
from herdbook.actions.tell import tell
from herdbook.actions.tend_application import Tending
from herdbook.actions.workshop import Workshop
from herdbook.channels.model import Level
from herdbook.core.errors import HerdbookError
from herdbook.fleet.instances import RunningProcess, Seen
from herdbook.fleet.ports import Deaths, Prober
from herdbook.fleet.probes import ProbeTarget
from herdbook.loops.back_up_on_time import BackupsOnTime
from herdbook.loops.notify_on_time import NoticesOnTime
from herdbook.loops.rebuild_on_time import RebuildsOnTime
from herdbook.loops.refresh_on_time import MetadataOnTime
from herdbook.rollouts.ports import Application

_SOON_SECONDS = 0.1
_LATER_SECONDS = 0.25
"""How long to wait for the next look: while something is under way, and while nothing is.

The end of a process ends the wait at once, whichever it is.
"""


@dataclass
class Rhythm:
    """How often something is done that nothing asks for, in seconds."""

    every_seconds: float
    _last: float | None = None

    def is_due(self, now: float) -> bool:
        """Tell whether it is time, and begin to count anew if so."""
        if self._last is not None and now < self._last + self.every_seconds:
            return False
        self._last = now
        return True

    def soon(self, now: float) -> None:
        """Make it due within a second."""
        if self._last is not None:
            self._last = min(self._last, now + 1.0 - self.every_seconds)

    def hurry(self) -> None:
        """Make it due."""
        self._last = None


@dataclass
class Reconciler:
    """The loop over all applications, of which `tended` are those that are not over.

    One process at a time may run it: the server that is on duty.
    """

    workshop: Workshop
    prober: Prober
    deaths: Deaths
    pool: Executor
    say: Callable[[str], None]
    tended: dict[str, Tending] = field(default_factory=dict)
    _away: set[str] = field(default_factory=set)
    _known: set[str] = field(default_factory=set)
    _register: Rhythm = field(default_factory=lambda: Rhythm(1.0))
    _engines: Rhythm = field(default_factory=lambda: Rhythm(10.0))
    _openings: Rhythm = field(default_factory=lambda: Rhythm(2.0))
    _followed: Mapping[str, RunningProcess] = field(default_factory=dict)
    _asked: Sequence[ProbeTarget] = ()
    _troubles: dict[str, str] = field(default_factory=dict)
    _owners: Mapping[str, Tending] = field(default_factory=dict)
    _forbidden: frozenset[tuple[str, int, Level, bool]] = frozenset()
    _backups: BackupsOnTime = field(init=False)
    _served: ServedTime = field(init=False)
    _metadata: MetadataOnTime = field(init=False)
    _notices: NoticesOnTime = field(init=False)
    _rebuilds: RebuildsOnTime = field(init=False)
    _disturbed: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self._backups = BackupsOnTime(self.workshop, self.pool, self.say)
        self._served = ServedTime(self.workshop)
        self._metadata = MetadataOnTime(self.workshop, self.say)
        self._notices = NoticesOnTime(self.workshop, self.say)
        self._rebuilds = RebuildsOnTime(self.workshop, self.say)

    def run(self, stop: Event) -> None:
        """Go on until `stop` is set, and a last wait is over."""
        while not stop.is_set():
            self.turn()
            self.wait()
        self._backups.close()
        self._notices.close()

    def wake(self) -> None:
        """Look at once: somebody has changed what is wanted."""
        self._register.hurry()
        self.deaths.wake()

    def look_anew(self) -> None:
        """Set doors and names of all applications once more, and look at what runs."""
        self._disturbed.set()
        self.wake()

    def wait(self) -> None:
        """Wait until it is worth to look again."""
        restless = any(each.restless for each in self.tended.values())
        if self.deaths.wait(_SOON_SECONDS if restless else _LATER_SECONDS):
            self._engines.hurry()

    def turn(self) -> None:
        """Look once at everything, and have done what is to be done."""
        self._guarded("the server", self._turn)
        self._guarded("backups", self._backups.turn)
        self._guarded("signed metadata", self._metadata.turn)
        self._guarded("notifications", self._notices.turn)
        self._guarded("what is approved", self._rebuilds.turn)
        self._guarded("serving times", partial(self._served.turn, self.tended.values()))

    def _turn(self) -> None:
        now = self.workshop.clock.monotonic_seconds()
        if self._disturbed.is_set():
            self._begin_anew()
        if self._register.is_due(now):
            self._read_register()
        for answer in self.prober.answers():
            if tending := self._owners.get(answer.instance):
                tending.hear(answer)
        observed = self._engines.is_due(now)
        if observed:
            self._observe(now)
        open_anew = self._openings.is_due(now)
        moving = observed or any(each.restless for each in self.tended.values())
        for name, tending in list(self.tended.items()):
            self._guarded(name, partial(self._tend, tending, open_anew=open_anew))
        if moving:
            self._follow()

    def _begin_anew(self) -> None:
        self._disturbed.clear()
        self._engines.hurry()
        for tending in self.tended.values():
            tending.anew()

    def _tend(self, tending: Tending, *, open_anew: bool) -> None:
        if open_anew:
            tending.keep_open()
        if not tending.restless:
            return
        was_busy = tending.hands.busy
        name = tending.application.name
        try:
            for words in tending.turn():
                self.say(f"{name}: {words}")
        except HerdbookError:
            tending.restless = True  # what was begun may have been done all the same
            self._engines.soon(self.workshop.clock.monotonic_seconds())
            raise
        if was_busy - tending.hands.busy:
            self._engines.hurry()  # what was started is there now, what was stopped is gone
            tending.restless = True
        if tending.is_over:
            del self.tended[name]
            self._register.hurry()  # what is left of it is taken away there

    def _guarded(self, name: str, work: Callable[[], None]) -> bool:
        """Let the trouble of one application be no trouble of the others, nor the server's end.

        Tells whether there was none. Nothing is done while another server may be on duty.
        """
        if not self.workshop.duty.holds():
            return False
        try:
            work()
        except HerdbookError as error:
            self._complain(name, error.message)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end what tends the rest
            self.say(format_exc())
            self._complain(name, f"a fault in Herdbook: {type(error).__name__}: {error}")
        else:
            self._troubles.pop(name, None)
            return True
        return False

    def _complain(self, name: str, trouble: str) -> None:
        """Say what is the matter, once, where whoever waits for the application sees it."""
        if self._troubles.get(name) == trouble:
            return
        self._troubles[name] = trouble
        self.say(f"{name}: {trouble}")
        if name in self._known:
            with suppress(HerdbookError):
                tell(self.workshop, name, f"trouble: {trouble}")

    def _read_register(self) -> None:
        forbidden = forbidden_now(self.workshop)
        changed = heeded = forbidden != self._forbidden
        for application in self.workshop.fleet.every():
            name = application.name
            self._known.add(name)
            if name in self.tended:
                self._guarded(name, self.tended[name].refresh)
                if changed:
                    heeded &= self._guarded(name, self.tended[name].reconsider)
            else:
                self._guarded(name, partial(self._take_up, application))
        if heeded:
            self._forbidden = forbidden

    def _take_up(self, application: Application) -> None:
        try:
            tending = Tending(self.workshop, application, self.pool)
        except HerdbookError:
            self._away.discard(application.name)  # a part of it may be there
            raise
        if not tending.is_over:
            self._away.discard(application.name)
            self.tended[application.name] = tending
            self._engines.hurry()
        elif application.name not in self._away:
            # Also where whoever tended it was killed just before: nobody knows that any more.
            tending.take_away()
            self._away.add(application.name)

    def _observe(self, now: float) -> None:
        seen: dict[str, dict[str, Seen]] = {name: {} for name in self.tended}
        self._engines.hurry()  # until it succeeds: who sees nothing must not think it is gone
        for engine in self.workshop.engines.values():
            for each in engine.observe():
                if each.owner in seen:
                    seen[each.owner][each.name] = each
        self._engines.is_due(now)
        for name, tending in self.tended.items():
            self._guarded(name, partial(tending.take_in, seen[name]))

    def _follow(self) -> None:
        """Watch and ask just what runs."""
        every = [each for tending in self.tended.values() for each in tending.eyes.seen.values()]
        processes = {each.name: each.process for each in every if each.process}
        if processes != self._followed:
            self._followed = processes
            self.deaths.follow(processes)
        self._owners = {
            name: tending for tending in self.tended.values() for name in tending.eyes.seen
        }
        targets = [each for tending in self.tended.values() for each in tending.targets()]
        if targets != self._asked:
            self._asked = targets
            self.prober.follow(targets)
