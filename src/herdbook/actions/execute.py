"""Says how a command is run inside an instance, for whoever may run one there."""

from collections.abc import Sequence

from herdbook.actions.require_role import require_role
from herdbook.actions.stop import engine_of, images_of
from herdbook.actions.workshop import Workshop
from herdbook.people.acts import Act


def execute(
    workshop: Workshop, instance: str, command: Sequence[str], *, terminal: bool
) -> list[str]:
    """Return the arguments that run a command inside an instance.

    Raises NotFoundError, or EngineError where nobody inside takes commands.
    """
    engine = engine_of(workshop, instance)
    require_role(workshop, Act.EXECUTE, *images_of(engine, [instance]))
    variant = next(kind for kind, each in workshop.engines.items() if each is engine)
    inside = workshop.insides[variant]
    return list(map(str, inside.entering(instance, command, terminal=terminal)))
