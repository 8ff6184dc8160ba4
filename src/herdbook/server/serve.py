"""Runs the server: the one process that tends all applications of a database.

Where others may reach the database, this server works while it is on duty, and stands by else.
"""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import dataclass, field, replace
from threading import Event
from time import monotonic, sleep

from herdbook.actions.require_role import SYSTEM
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import EngineError
from herdbook.drivers.deaths import PidfdDeaths
from herdbook.drivers.lone_server import LoneServer
from herdbook.drivers.probes import HostProber
from herdbook.fleet.ports import Executed
from herdbook.fleet.probes import ProbeTarget
from herdbook.loops.reconcile import Reconciler
from herdbook.loops.stand_by import on_duty, wait_for_duty
from herdbook.rollouts.duty import LEASE_SECONDS, lives_elsewhere, works_elsewhere
from herdbook.server.settings import Settings
from herdbook.server.signals import heeding

_HANDS = 8
"""So many instances are started and stopped at a time."""

_END_SECONDS = 30.0
_LOOK_SECONDS = 0.05
_HOME_SECONDS = LEASE_SECONDS + 5.0
"""So long a server waits for one of another home that gives no sign of life, and to start."""

_STANDARD_OUTPUT = 1

ACTOR = "herdbook serve"
"""Who does what the server does by itself, as the audit calls it."""


def serve(
    settings: Settings,
    workshop: Workshop,
    say: Callable[[str], None],
    beside: AbstractContextManager[None] | None = None,
    *,
    move: bool = False,
) -> None:
    """Tend all applications until somebody ends this program; what runs goes on running.

    What is to go on `beside` that begins before and ends after it, also while this one stands by.
    With `move`, applications are tended here that were at home elsewhere. Raises ConflictError
    where another server tends them, and standing by is not possible.
    """
    server, duty = LoneServer(settings.state_directory), workshop.duty
    program = _Program(replace(workshop, actor=ACTOR, authority=SYSTEM), say)
    with (
        heeding((signal.SIGINT, signal.SIGTERM), program.end),
        server.among(duty.mine.mark) if duty.shared else server.alone(),
        beside or nullcontext(),
    ):
        duty.begin(move=move)
        server.listen(program.wake)
        server.watch_over(program.end)
        program.run()
    say("the server ends; what it tends goes on")


@dataclass
class _Program:
    """The server, for as long as its program runs: it works while it is on duty."""

    workshop: Workshop
    say: Callable[[str], None]
    _stop: Event = field(default_factory=Event)
    _over: Event = field(default_factory=Event)
    _loop: Reconciler | None = None

    def run(self) -> None:
        duty, clock = self.workshop.duty, self.workshop.clock
        while wait_for_duty(duty, clock, self._stop, self.say):
            self._over.clear()
            if self._stop.is_set():  # it was just asked to end
                self._over.set()
            with on_duty(duty, self._lose, self._look_anew):
                self._work()
            if not duty.shared or self._stop.is_set():
                return
            self.say("another server has taken over")

    def end(self) -> None:
        """End soon; any thread may call this, but no handler of signals."""
        self._stop.set()
        self._over.set()
        self.workshop.duty.wind_up()

    def wake(self) -> None:
        """Look at once, where this is the server that works."""
        if self._loop:
            self._loop.wake()

    def _lose(self) -> None:
        self._over.set()

    def _look_anew(self) -> None:
        if self._loop:
            self._loop.look_anew()

    def _work(self) -> None:
        """Tend all applications; whatever was known of them before is read again."""
        workshop = self.workshop

        def ask(target: ProbeTarget) -> Executed:
            inside, probe = workshop.insides[target.variant], target.probe
            return inside.execute(target.instance, probe.command, probe.timeout_seconds)

        with (
            closing(PidfdDeaths(workshop.clock)) as deaths,
            closing(HostProber(workshop.clock, ask)) as prober,
            ThreadPoolExecutor(_HANDS) as pool,
        ):
            loop = self._loop = Reconciler(workshop, prober, deaths, pool, self.say)
            self.say("the server runs")
            try:
                loop.run(self._over)
            finally:
                self._loop = None


def ensure_served(settings: Settings) -> bool:
    """Wake the server, or start one in the background; tell whether that was necessary."""
    server = LoneServer(settings.state_directory)
    if server.runs():
        server.wake()
        return False
    server.start_in_background()
    return True


def ensure_home(settings: Settings, workshop: Workshop) -> None:
    """See to it that applications live here, before anything is written of one.

    Where none is bound to the home they had, a server is started here, which goes on duty. Raises
    ConflictError where they live elsewhere, or another home's server works.
    """
    duty = workshop.duty
    last = duty.present()
    if last is None or last.post.home == duty.mine.home:
        return
    if not duty.is_free():
        raise lives_elsewhere(last)
    started = ensure_served(settings)
    deadline, first = monotonic() + _HOME_SECONDS, last
    while last.post.home != duty.mine.home:
        lives = last.held and last.epoch == first.epoch and last.beats > first.beats
        if lives or monotonic() > deadline:
            if started:
                end_server(settings)
            raise works_elsewhere(last)
        sleep(_LOOK_SECONDS)
        last = duty.present() or last


def require_served(settings: Settings) -> None:
    """Raise EngineError where no server runs: whoever waits for it would wait forever."""
    server = LoneServer(settings.state_directory)
    if not server.runs():
        raise EngineError(
            "The server has ended, so nothing goes on",
            hint=f"Read why: {server.log}. Start it again: herdbook serve",
        )


def is_in_background(settings: Settings) -> bool:
    """Tell whether this program was started as the server in the background: it writes its log."""
    try:
        log = LoneServer(settings.state_directory).log.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(_STANDARD_OUTPUT), log)


def server_runs(settings: Settings) -> bool:
    """Tell whether a server tends this state directory."""
    return LoneServer(settings.state_directory).runs()


def server_lives(settings: Settings, mark: str) -> bool:
    """Tell whether one of several servers of this state directory has not ended."""
    return LoneServer(settings.state_directory).lives(mark)


def server_numbers(settings: Settings) -> list[int]:
    """Return the processes of all servers of this state directory, also those that stand by."""
    return LoneServer(settings.state_directory).process_numbers


def end_server(settings: Settings) -> bool:
    """End the server, with those that stand by for it; tell whether there was one."""
    server = LoneServer(settings.state_directory)
    numbers = server.process_numbers
    if not numbers:
        return False
    for number in numbers:
        with suppress(ProcessLookupError):  # it has ended by itself just now
            os.kill(number, signal.SIGTERM)
    deadline = monotonic() + _END_SECONDS
    while server.runs():
        if monotonic() > deadline:
            left = ", ".join(map(str, server.process_numbers))
            raise EngineError(f"The server (process {left}) does not end")
        sleep(_LOOK_SECONDS)
    return True
