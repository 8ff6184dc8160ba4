"""Writes down what was done to an application, for whoever looks at it."""

from herdbook.actions.workshop import Workshop
from herdbook.rollouts.ports import Changes, Happening


def tell(workshop: Workshop, application: str, words: str, component: str = "") -> None:
    """Add a happening of now; raises NotFoundError for an application that nobody knows."""
    happening = Happening(workshop.clock.now(), words, component)
    workshop.fleet.record(application, Changes(happenings=(happening,)))
