"""Counts refused logins, and says what is written down of them: little, however many there are."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

_EVERY_SECONDS = 60.0
_MOST_A_MINUTE = 30
_MOST_KNOWN = 1000
"""So many are told apart; beyond that, whoever comes is counted as one of several."""


@dataclass(frozen=True)
class Refused:
    """So many logins of one name from one address since the last time it was written; why the last.

    The name is that of a person or robot known here: what nobody is called may be a password that
    was typed into the wrong field. Without an address they came from several.
    """

    address: str
    name: str
    count: int
    why: str


class RefusedLogins:
    """What is not written down yet; `seconds` tells the time. Threads may share it.

    Of a name from an address the first is due at once, then there is one in a minute with a count,
    and of all together a few dozen.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._lock = Lock()
        self._waiting: OrderedDict[tuple[str, str], Refused] = OrderedDict()
        self._told_at: dict[tuple[str, str], float] = {}

    def add(self, address: str, name: str, why: str) -> None:
        """Count one."""
        with self._lock:
            who = (address, name)
            if who not in self._waiting and len(self._waiting) >= _MOST_KNOWN:
                who = ("", "")
            before = self._waiting.get(who)
            self._waiting[who] = Refused(*who, (before.count if before else 0) + 1, why)

    def due(self, *, last: bool = False) -> list[Refused]:
        """Return what is to be written now, and forget it; with `last`, all that there is."""
        with self._lock:
            now = self._seconds()
            self._told_at = {
                who: at for who, at in self._told_at.items() if now < at + _EVERY_SECONDS
            }
            room = _MOST_KNOWN if last else _MOST_A_MINUTE - len(self._told_at)
            free = [who for who in self._waiting if last or who not in self._told_at]
            found = [self._waiting.pop(who) for who in free[: max(0, room)]]
            self._told_at.update(((each.address, each.name), now) for each in found)
            return found
