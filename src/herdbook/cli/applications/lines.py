"""Prints what an application's instances write, each line with whom it is from."""

from collections.abc import Iterator
from queue import Queue
from threading import Thread

from herdbook.actions.find_application import application_named
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import HerdbookError, NotFoundError
from herdbook.core.nearest import did_you_mean
from herdbook.fleet.records import LIVE, Instance


def application_lines(
    workshop: Workshop, name: str, service: str, *, follow: bool
) -> Iterator[tuple[str, str]]:
    """Yield instance and line, of all instances or of one service's; with `follow`, as they come.

    Raises NotFoundError where there is no such application or service, or nothing of it runs.
    """
    application_named(workshop, name)
    every = [each for each in workshop.fleet.instances(name) if each.role in LIVE]
    records = [each for each in every if service in {"", each.component}]
    if not records:
        known = sorted({each.component for each in every})
        raise NotFoundError(
            f"Nothing of {name}/{service} runs" if service else f"Nothing of {name} runs",
            hint=did_you_mean(
                service, known, f"Bring it up: herdbook up, or see: herdbook ps {name}"
            ),
        )
    if follow:
        yield from _as_they_come(workshop, records)
        return
    for record in records:
        for line in _lines(workshop, record, follow=False):
            yield record.name, line


def _as_they_come(workshop: Workshop, records: list[Instance]) -> Iterator[tuple[str, str]]:
    lines: Queue[tuple[str, str] | None] = Queue()

    def read(record: Instance) -> None:
        for line in _lines(workshop, record, follow=True):
            lines.put((record.name, line))
        lines.put(None)

    for record in records:
        Thread(target=read, args=(record,), daemon=True).start()
    left = len(records)
    while left:
        line = lines.get()
        if line is None:
            left -= 1
        else:
            yield line


def _lines(workshop: Workshop, record: Instance, *, follow: bool) -> Iterator[str]:
    for engine in workshop.engines.values():
        try:
            yield from engine.logs(record.name, follow=follow)
        except NotFoundError:
            continue
        except HerdbookError as error:
            yield error.message
        return
