"""The duty of servers that share a PostgreSQL: one row, taken over by whoever may."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    insert,
    literal,
    select,
    union_all,
    update,
)
from sqlalchemy.exc import DBAPIError

from herdbook.core.clock import Clock
from herdbook.core.errors import ConflictError, NetworkError
from herdbook.rollouts.duty import (
    TRUST_SECONDS,
    Held,
    Post,
    Sight,
    Verdict,
    may_take,
)
from herdbook.rollouts.model import OVER
from herdbook.store import fleet_schema as schema
from herdbook.store.database import quick_engine, writing
from herdbook.store.fencing import Fence
from herdbook.store.moments import in_utc

_NOBODYS = 0
"""An epoch that no row has: a server that stands by writes nothing."""

_ONE = 1
_LOOK_SECONDS = 0.5


class SqlDuty:
    """The duty in a PostgreSQL; `is_gone` tells whether the server of a mark, here, has ended.

    Signs of life are counted, and whoever waits measures the silence with a clock of its own: so
    no two clocks have to agree, neither those of machines nor the database's over time.
    """

    shared = True

    def __init__(
        self, url: str, fence: Fence, mine: Post, clock: Clock, is_gone: Callable[[str], bool]
    ) -> None:
        self.mine = mine
        self._engine: Engine = quick_engine(url)
        self._fence = fence
        self._clock = clock
        self._is_gone = is_gone
        self._move = False
        self._epoch = _NOBODYS
        self._trusted_until = 0.0
        self._seen_first: tuple[int, int] | None = None
        self._ending = False
        self._news = Condition()

    def begin(self, *, move: bool = False) -> None:
        """Be a server that stands by; `move` says that no other home counts any more."""
        self._move, self._seen_first = move, None
        self._fence.epoch = _NOBODYS

    def present(self) -> Held | None:
        """Return who is on duty, or was the last."""
        with self._told(), self._engine.connect() as connection:
            return _read(connection)

    def is_free(self) -> bool:
        """Tell whether nothing of any application is wanted or left."""
        with self._told(), self._engine.connect() as connection:
            return _is_empty(connection)

    def take(self, seen: Held | None, silent_seconds: float) -> Verdict:
        """Go on duty if that may be, and nothing has changed since `seen`."""
        sent = self._clock.monotonic_seconds()
        with self._told(), writing(self._engine) as connection:
            if _read(connection) != seen:
                return Verdict.WAIT
            gone = seen is not None and self._is_gone(seen.post.mark)
            empty = (self._move and not self._lives(seen)) or _is_empty(connection)
            verdict = may_take(Sight(seen, silent_seconds, gone, empty), self.mine)
            if verdict is not Verdict.TAKE:
                return verdict
            epoch = seen.epoch + 1 if seen else _ONE
            if not self._write(connection, seen, epoch):
                return Verdict.WAIT  # it has just given a sign of life
        with self._news:
            self._epoch, self._fence.epoch = epoch, epoch
            self._trusted_until = sent + TRUST_SECONDS
            self._move = False  # that was said of those who had it then, of nobody later
        return Verdict.TAKE

    def _lives(self, seen: Held | None) -> bool:
        """Tell whether who is on duty has given a sign of life since we looked first.

        What was said to be gone for good is not, then.
        """
        if seen is None or not seen.held:
            return False
        if self._seen_first is None:
            self._seen_first = seen.epoch, seen.beats
        return (seen.epoch, seen.beats) != self._seen_first

    def _write(self, connection: Connection, seen: Held | None, epoch: int) -> bool:
        mine, table = self.mine, schema.server_duty
        values = {
            "epoch": epoch,
            "beats": 0,
            "host": mine.host,
            "process": mine.process,
            "machine": mine.machine,
            "state": mine.state,
            "mark": mine.mark,
            "since": self._clock.now(),
            "held": True,
        }
        if seen is None:
            connection.execute(insert(table).values(id=_ONE, disturbances=0, **values))
            return True
        # Signs of life do not wait for those who write: one may have come since we looked.
        same = (table.c.epoch == seen.epoch, table.c.beats == seen.beats)
        return bool(connection.execute(update(table).where(*same).values(**values)).rowcount)

    def beat(self) -> int | None:
        """Give a sign of life; return how many came late, None where another has taken over."""
        table, sent = schema.server_duty, self._clock.monotonic_seconds()
        alive = update(table).where(table.c.epoch == self._epoch, table.c.held)
        alive = alive.values(beats=table.c.beats + 1)
        with self._told(), self._engine.begin() as connection:
            count = connection.execute(alive.returning(table.c.disturbances)).scalar()
            if count is not None:
                self._trust(sent + TRUST_SECONDS)
                return int(count)
            # What we did last, when we did not know yet, others have to look after.
            connection.execute(update(table).values(disturbances=table.c.disturbances + 1))
        with self._news:
            self._epoch, self._fence.epoch, self._trusted_until = _NOBODYS, _NOBODYS, 0.0
            self._news.notify_all()
        return None

    def _trust(self, until: float) -> None:
        with self._news:
            self._trusted_until = until
            self._news.notify_all()

    def holds(self) -> bool:
        """Tell, at once, whether nobody else can have taken over by now."""
        return self._clock.monotonic_seconds() < self._trusted_until

    def require(self) -> None:
        """Return while this server is on duty; wait where that is not known for the moment."""
        with self._news:
            while not self.holds():
                if self._epoch == _NOBODYS or self._ending:
                    raise ConflictError("This server is not on duty any more")
                self._news.wait(_LOOK_SECONDS)

    def wind_up(self) -> None:
        """Let nothing wait any more: this server is to end."""
        with self._news:
            self._ending = True
            self._news.notify_all()

    def give_back(self) -> None:
        """End the duty, so that others need not wait."""
        with self._news:
            epoch, self._epoch, self._fence.epoch = self._epoch, _NOBODYS, _NOBODYS
            self._trusted_until = 0.0
        table = schema.server_duty
        with self._told(), self._engine.begin() as connection:
            connection.execute(update(table).where(table.c.epoch == epoch).values(held=False))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Raise NetworkError where the database cannot be asked now."""
        try:
            yield
        except DBAPIError as error:
            raise NetworkError(
                f"The database does not say who is on duty: {error.orig}",
                hint="Nothing is done meanwhile; it is asked again all the time.",
            ) from error


def _read(connection: Connection) -> Held | None:
    row = connection.execute(select(schema.server_duty)).one_or_none()
    return _held(row) if row is not None else None


def _held(row: Row[tuple[object, ...]]) -> Held:
    post = Post(row.host, row.process, row.machine, row.state, row.mark)
    return Held(post, row.epoch, row.beats, in_utc(row.since), row.held, row.disturbances)


def _is_empty(connection: Connection) -> bool:
    """Whether nothing of any application is wanted or left."""
    applications, rollouts = schema.applications.c, schema.rollouts.c
    over = [state.value for state in OVER]
    something = union_all(
        select(literal(_ONE)).select_from(schema.instances),
        select(literal(_ONE)).where(applications.standing != 0),
        select(literal(_ONE)).where(rollouts.state.not_in(over)),
    )
    return connection.execute(something.limit(1)).first() is None
