"""Finds and stops instances, whichever engine runs them."""

from collections.abc import Sequence

from herdbook.actions.workshop import Workshop
from herdbook.core.errors import NotFoundError
from herdbook.core.nearest import did_you_mean
from herdbook.fleet.ports import Engine


def engine_of(workshop: Workshop, name: str) -> Engine:
    """Return the engine that runs an instance; raises NotFoundError with the nearest name."""
    known = []
    for engine in workshop.engines.values():
        for seen in engine.observe():
            if seen.name == name:
                return engine
            known.append(seen.name)
    raise NotFoundError(
        f"There is no instance {name!r}",
        hint=did_you_mean(name, known, "See which there are: herdbook ps"),
    )


def stop(workshop: Workshop, names: Sequence[str] | None, grace_seconds: float) -> list[str]:
    """Stop these instances, or all of them; return the names of those that were there.

    Raises NotFoundError before anything is stopped where one of the names is unknown.
    """
    if names is None:
        running = {
            seen.name: engine for engine in workshop.engines.values() for seen in engine.observe()
        }
    else:
        running = {name: engine_of(workshop, name) for name in names}
    for name, engine in running.items():
        with workshop.progress.task(f"Stopping {name}"):
            engine.stop(name, grace_seconds)
    return list(running)
