"""Runs the server: the one process that tends all applications of a state directory."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from threading import Event
from time import monotonic, sleep

from herdbook.actions.require_role import SYSTEM
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Variant
from herdbook.core.errors import EngineError
from herdbook.drivers.deaths import PidfdDeaths
from herdbook.drivers.lone_server import LoneServer
from herdbook.drivers.probes import HostProber
from herdbook.loops.reconcile import Reconciler
from herdbook.server.settings import Settings

_HANDS = 8
"""So many instances are started and stopped at a time."""

_END_SECONDS = 30.0
_STANDARD_OUTPUT = 1

_ACTOR = "herdbook serve"
"""Who does what the server does by itself, as the audit calls it."""


def serve(
    settings: Settings,
    workshop: Workshop,
    say: Callable[[str], None],
    beside: AbstractContextManager[None] | None = None,
) -> None:
    """Tend all applications until somebody ends this program; what runs goes on running.

    What is to go on `beside` that begins before and ends after it. Raises ConflictError where
    another server tends them.
    """
    server = LoneServer(settings.state_directory)
    stop = Event()
    inside = workshop.insides[Variant.CONTAINER]
    with (
        server.alone(),
        beside or nullcontext(),
        closing(PidfdDeaths(workshop.clock)) as deaths,
        closing(HostProber(workshop.clock, inside.execute)) as prober,
        ThreadPoolExecutor(_HANDS) as pool,
    ):
        alone = replace(workshop, actor=_ACTOR, authority=SYSTEM)
        reconciler = Reconciler(alone, prober, deaths, pool, say)
        server.listen(reconciler.wake)
        server.watch_over(stop.set)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        say("the server runs")
        reconciler.run(stop)
    say("the server ends; what it tends goes on")


def ensure_served(settings: Settings) -> bool:
    """Wake the server, or start one in the background; tell whether that was necessary."""
    server = LoneServer(settings.state_directory)
    if server.runs():
        server.wake()
        return False
    server.start_in_background()
    return True


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


def end_server(settings: Settings) -> bool:
    """End the server and wait until it has ended; tell whether there was one."""
    server = LoneServer(settings.state_directory)
    number = server.process_number
    if number is None:
        return False
    os.kill(number, signal.SIGTERM)
    deadline = monotonic() + _END_SECONDS
    while server.runs():
        if monotonic() > deadline:
            raise EngineError(f"The server (process {number}) does not end")
        sleep(0.05)
    return True
