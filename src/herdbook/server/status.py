"""Says which server works, and which ones stand by for it."""

from dataclasses import dataclass
from datetime import datetime

from herdbook.actions.workshop import Workshop
from herdbook.server.serve import server_lives, server_numbers
from herdbook.server.settings import Settings


@dataclass(frozen=True)
class Status:
    """The server that works, if one does, and those of this state directory that stand by.

    `since` is not known of the only one there can be. `here` is whether it works on this machine
    for this state directory; what is elsewhere is told as the database has it.
    """

    host: str = ""
    process: int = 0
    state: str = ""
    since: datetime | None = None
    here: bool = True
    standing_by: tuple[int, ...] = ()

    @property
    def words(self) -> str:
        """All of it, for people."""
        if not self.process:
            first = "no server works"
        elif self.since is None:
            first = f"process {self.process} works"
        else:
            first = f"{self.host}/{self.process} works, since {self.since:%Y-%m-%d %H:%M:%S} UTC"
        where = "" if self.here else f" for {self.state}, not here"
        beside = ", ".join(map(str, self.standing_by))
        return f"{first}{where}" + (f"; stands by: {beside}" if beside else "")


def status_of(settings: Settings, workshop: Workshop) -> Status:
    """Return which server works; raises NetworkError where the database cannot be asked."""
    duty, numbers = workshop.duty, tuple(server_numbers(settings))
    if not duty.shared:
        mine = duty.mine
        return Status(mine.host, numbers[0], mine.state) if numbers else Status()
    last = duty.present()
    if last is None or not last.held:
        return Status(standing_by=numbers)
    post, here = last.post, last.post.home == duty.mine.home
    if here and not server_lives(settings, post.mark):
        return Status(standing_by=numbers)
    others = tuple(each for each in numbers if not (here and each == post.process))
    return Status(post.host, post.process, post.state, last.since, here, others)
