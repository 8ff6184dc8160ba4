"""Finds and stops instances, whichever engine runs them."""

from collections.abc import Collection, Sequence

from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import NotFoundError
from herdbook.core.nearest import did_you_mean
from herdbook.fleet.ports import Engine
from herdbook.people.acts import Act


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
    by_engine = {id(engine): engine for engine in running.values()}
    images = [image for each in by_engine.values() for image in images_of(each, running)]
    if running:
        require_role(workshop, Act.STOP, *images)
    for name, engine in running.items():
        with workshop.progress.task(f"Stopping {name}"):
            engine.stop(name, grace_seconds)
    return list(running)


def images_of(engine: Engine, names: Collection[str]) -> list[str]:
    """Return the images that these instances of an engine run, each once."""
    return sorted({seen.origin.image for seen in engine.observe() if seen.name in names})
