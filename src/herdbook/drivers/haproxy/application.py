"""One application's HAProxy as a whole: what is on disk, what runs, and how to keep them equal."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from herdbook.core.clock import Clock
from herdbook.core.errors import EngineError
from herdbook.drivers.haproxy import commands, config, counting
from herdbook.drivers.haproxy.control import Control
from herdbook.drivers.haproxy.counting import Reading
from herdbook.drivers.haproxy.daemon import Daemon
from herdbook.drivers.haproxy.files import Files
from herdbook.drivers.haproxy.layout import Layout, Place
from herdbook.fleet.balancing import DoorMode, Traffic


class Application:
    """What one application's doors are made of; for one process at a time."""

    def __init__(self, state_directory: Path, name: str, clock: Clock) -> None:
        self.files = Files(state_directory, name)
        self.daemon = Daemon(self.files, clock)
        self.control = Control(
            self.files.control, self.files.master, clock, lambda: self.daemon.found() is not None
        )

    def layout(self) -> Layout | None:
        """Return the layout of the last wish, None where there was none."""
        return config.read(self.files.read_config())

    def answers(self) -> bool:
        """Whether HAProxy runs and can be told what to do."""
        if self.daemon.found() is None:
            return False
        try:
            self.control.identity()
        except EngineError:
            return False
        return True

    def keep(self, layout: Layout) -> None:
        """Write the configuration; HAProxy does not read it until it starts anew."""
        self.files.write_config(config.render(layout, self.daemon.surroundings()))

    def check(self, layout: Layout) -> None:
        """Raise InvalidInputError where HAProxy would not understand the configuration."""
        text = config.render(layout, self.daemon.surroundings())
        self.files.candidate.write_text(text, encoding="utf-8")
        try:
            self.daemon.check()
        finally:
            self.files.candidate.unlink(missing_ok=True)

    def tell(self, before: Layout, after: Layout) -> None:
        """Have HAProxy do what the layout says that is on disk already."""
        if any(len(row) != len(before.slots[door]) for door, row in after.slots.items()):
            self.renew(before)
        else:
            self.control.command(commands.between(before, after))

    def renew(self, before: Layout) -> None:
        """Have a new worker read what is on disk; the old one ends what it has begun.

        Raises EngineError where the new worker could not start: the old one goes on.
        """
        self.count(before)
        self.daemon.reload(self.control)

    def reaped(self, layout: Layout) -> Layout:
        """Free the slots of the leaving members whose sessions are over."""
        leaving = sorted(layout.leaving())
        if not leaving:
            return layout
        sessions = self._read(layout, leaving).sessions
        over = {place for place in leaving if not sessions.get(place)}
        self.control.command(commands.maintenance(over))
        return layout.freed(over)

    def open_accounts(self, before: Layout, after: Layout) -> None:
        """Note what HAProxy had counted in the slots of new members."""
        known = {place: slot.membership for place, slot in before.places()}
        new = [
            place
            for place, slot in after.places()
            if known.get(place) not in (None, slot.membership)
        ]
        reading = self._read_worker(after, new)
        book = counting.from_text(self.files.read_book())
        self.files.write_book(counting.to_text(counting.opened(book, before, after, reading)))

    def count(self, layout: Layout) -> Mapping[str, Mapping[str, Traffic]]:
        """Return what members have done, and note it in case HAProxy ends."""
        reading = self._read(layout, None)
        known = counting.from_text(self.files.read_book())
        book = counting.advanced(known, layout, reading)
        if book != known:
            self.files.write_book(counting.to_text(book))
        return counting.traffic(book, layout, reading)

    def _read(self, layout: Layout, places: Sequence[Place] | None) -> Reading:
        """Read what the worker says of slots, and what is still open in those it has replaced."""
        reading = self._read_worker(layout, places)
        sessions = dict(reading.sessions)
        for old in self.control.old_statistics():
            counting.add_sessions(sessions, old, _modes(layout))
        return replace(reading, sessions=sessions)

    def _read_worker(self, layout: Layout, places: Sequence[Place] | None) -> Reading:
        worker, text = self.control.statistics(places)
        return Reading(worker, *counting.parse(text, _modes(layout)))


def _modes(layout: Layout) -> dict[str, bool]:
    """Whether each door speaks HTTP."""
    return {door.name: door.mode is DoorMode.HTTP for door in layout.doors}
