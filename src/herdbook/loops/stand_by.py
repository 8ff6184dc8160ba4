"""Waits until this server may work, and tells whoever works when it may not any more."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread

from herdbook.core.clock import Clock
from herdbook.core.errors import HerdbookError
from herdbook.rollouts.duty import Duty, Held, Verdict, lives_elsewhere

_LOOK_SECONDS = 0.5
_LAST_BEAT_SECONDS = 5.0
_BEAT_SECONDS = 1.0


@dataclass
class _Watch:
    """How long whoever is on duty has given no sign of life, by this machine's own clock."""

    clock: Clock
    last: Held | None = None
    since: float = 0.0

    def silent_seconds(self, seen: Held | None) -> float:
        now = self.clock.monotonic_seconds()
        if seen != self.last:
            self.last, self.since = seen, now
        return now - self.since


def wait_for_duty(duty: Duty, clock: Clock, stop: Event, say: Callable[[str], None]) -> bool:
    """Wait until this server is on duty; return false where it is to stop before.

    Raises ConflictError where it may not work at all, because applications live elsewhere.
    """
    watch, told = _Watch(clock), ""
    while not stop.is_set():
        words = ""
        try:
            seen = duty.present()
            verdict = duty.take(seen, watch.silent_seconds(seen))
        except HerdbookError as error:  # whoever works does not lose its duty by our trouble
            words = f"stands by: {error.message}"
        else:
            if verdict is Verdict.TAKE:
                return True
            if verdict is Verdict.REFUSE and seen:
                raise lives_elsewhere(seen)
            words = _standing_by(seen) or told
        if words != told:
            say(words)
            told = words
        stop.wait(_LOOK_SECONDS)
    return False


def _standing_by(seen: Held | None) -> str:
    return f"stands by: {seen.post} works, since {seen.since:%Y-%m-%d %H:%M:%S} UTC" if seen else ""


@contextmanager
def on_duty(duty: Duty, lost: Callable[[], None], disturbed: Callable[[], None]) -> Iterator[None]:
    """Give signs of life until the block ends, and give the duty back then.

    Calls `lost` where another server has taken over, and `disturbed` where one that had been
    stopped has noticed only now that we have: it may have done something late.
    """
    if not duty.shared:
        yield
        return
    ended = Event()

    def beat() -> None:
        before: int | None = None
        while not ended.wait(_BEAT_SECONDS):
            try:
                late = duty.beat()
            except Exception:  # noqa: BLE001, S112 - whatever it is: until it is known, nothing is done
                continue
            if late is None:
                lost()
                return
            if before is not None and late != before:
                disturbed()
            before = late

    thread = Thread(target=beat, name="duty", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_LAST_BEAT_SECONDS)
        if not thread.is_alive():  # else the database does not answer: others find out by silence
            with suppress(HerdbookError):
                duty.give_back()
