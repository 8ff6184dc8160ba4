"""The balancer that is HAProxy: one process for each application, changed while it runs.

The configuration holds, in its first line, which instance has which slot, and below it says the
same to HAProxy. It is replaced at once, before HAProxy is told; a mark beside it says that HAProxy
may not know all of it yet. So at whatever point somebody is killed:

- We, before the configuration is replaced: nothing has happened.
- We, before HAProxy was told all: the last members go on, whom nobody has been promised to be
  without. The next `place` or `open` sees the mark and has HAProxy read everything anew.
- We, after it was told, before the mark is removed: it reads the same again, no harm done.
- HAProxy, at any time: `place` keeps the wish and says that HAProxy is dead. `open` starts it with
  the members of the last wish. Those that were leaving have no sessions any more: they are gone.
- HAProxy, and somebody else starts or reloads it: it reads the same members. A draining one has no
  weight there, which comes to the same.
- The machine: all instances ended, and their addresses may be given to others. So the first `open`
  of a boot starts with no members, until they are placed.
- We, before we noted which process we had started: it is recognised by its command line.

A member's slot is given to another one only when no worker has an open session there. A worker that
was replaced cannot be told anything any more, and ends what it has begun. A client that kept its
connection has one last request there, for whatever member it knows: until it is gone, it counts as
a session of each member.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from herdbook.core import digests
from herdbook.core.clock import Clock
from herdbook.core.errors import ConflictError, EngineError, InvalidInputError
from herdbook.drivers.claims import claim, claim_path
from herdbook.drivers.door_checks import check_doors, check_members
from herdbook.drivers.haproxy.application import Application
from herdbook.drivers.haproxy.assigning import assign
from herdbook.drivers.haproxy.door_addresses import refuse_unusable
from herdbook.drivers.haproxy.layout import Layout
from herdbook.fleet.balancing import Door, Member, Traffic
from herdbook.fleet.instances import check_name


class HaproxyBalancer:
    """Spreads requests with one HAProxy for each application below `state_directory`."""

    def __init__(self, state_directory: Path, clock: Clock) -> None:
        self._state_directory = state_directory
        self._clock = clock

    def open(self, application: str, doors: Sequence[Door]) -> None:
        """See to it that just these doors are open; a change of doors drops no request.

        Raises ConflictError where an address is taken, InvalidInputError where it is none of this
        machine, MissingToolError without HAProxy or where a port needs a privilege.
        """
        check_doors(doors)
        certificates = _digest_of_certificates(doors)
        with self._alone(application) as one:
            known = one.layout()
            layout = (known or Layout()).with_doors(doors, certificates)
            if not one.answers():
                _start(one, layout, is_new=known is None)
            elif layout != known or not one.files.is_settled():
                _change_doors(one, known or Layout(), layout)

    def place(self, application: str, members: Mapping[str, Sequence[Member]]) -> None:
        """See to it that just these members are behind each door; see the port.

        Raises EngineError where HAProxy is dead; `open` starts it with these members then.
        """
        with self._alone(application) as one:
            layout = _opened(application, one)
            check_members((door.name for door in layout.doors), members)
            if one.daemon.found() is None:
                layout = assign(layout.freed(layout.leaving()), members)
                one.keep(layout)
                raise _is_dead(application)
            self._place(one, layout, members)

    def traffic(self, application: str) -> Mapping[str, Mapping[str, Traffic]]:
        """Return what the members of each door have done, by door and instance.

        Raises EngineError where HAProxy is dead.
        """
        with self._alone(application) as one:
            layout = _opened(application, one)
            if one.daemon.found() is None:
                raise _is_dead(application)
            return one.count(layout)

    def close(self, application: str) -> None:
        """Close all doors, with what is open there; idempotent."""
        with self._alone(application) as one:
            one.daemon.end()
            one.files.remove()

    def _place(
        self, one: Application, known: Layout, members: Mapping[str, Sequence[Member]]
    ) -> None:
        if not one.files.is_settled():
            one.renew(known)
            one.files.settle()
        layout = one.reaped(known)
        wanted = assign(layout, members)
        if wanted != layout:
            one.files.unsettle()
            one.open_accounts(layout, wanted)
            one.keep(wanted)
            one.tell(layout, wanted)
            layout = one.reaped(wanted)
        if layout != wanted or layout != known:
            one.keep(layout)
        one.files.settle()

    @contextmanager
    def _alone(self, application: str) -> Iterator[Application]:
        check_name(application)
        with claim(claim_path(self._state_directory, "haproxy", application)):
            yield Application(self._state_directory, application, self._clock)


def _start(one: Application, layout: Layout, *, is_new: bool) -> None:
    one.daemon.end()
    one.files.make()
    of_this_boot = one.daemon.is_of_this_boot()
    layout = layout.freed(layout.leaving()) if of_this_boot else layout.emptied()
    try:
        if is_new:
            refuse_unusable(_leaders(layout.doors))
        one.check(layout)
        one.keep(layout)
        one.daemon.start(one.control)
    except ConflictError:
        refuse_unusable(layout.doors)
        raise
    finally:
        if is_new and one.daemon.found() is None:
            one.files.remove()
    one.files.settle()


def _change_doors(one: Application, before: Layout, after: Layout) -> None:
    # HAProxy gives way to itself on a port that it holds at another address.
    held = {door.port for door in before.doors}
    refuse_unusable(door for door in _leaders(after.doors) if door.port not in held)
    one.check(after)
    one.files.unsettle()
    one.keep(after)
    try:
        one.renew(before)
    except EngineError:
        one.keep(before)
        refuse_unusable(door for door in after.doors if door.port not in held)
        raise
    one.files.settle()


def _leaders(doors: Sequence[Door]) -> list[Door]:
    """One door of each address."""
    return list({(door.address, door.port): door for door in doors}.values())


def _opened(application: str, one: Application) -> Layout:
    layout = one.layout()
    if layout is None:
        raise EngineError(f"{application!r} has no doors", hint="Open them first.")
    return layout


def _is_dead(application: str) -> EngineError:
    return EngineError(
        f"The HAProxy of {application!r} has ended",
        hint="Opening the application's doors again brings it back with its members.",
    )


def _digest_of_certificates(doors: Sequence[Door]) -> str:
    paths = sorted({door.certificate for door in doors if door.certificate})
    found = {}
    for path in paths:
        try:
            found[path] = digests.of_file(Path(path))
        except OSError as error:
            raise InvalidInputError(f"The certificate {path} cannot be read: {error}") from error
    return json.dumps(found) if found else ""
