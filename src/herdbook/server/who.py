"""Says who gives a command: by a token where there is one, else the user of this machine."""

from collections.abc import Callable

from herdbook.actions.identify import Identity, by_token
from herdbook.core.clock import Clock
from herdbook.people.model import Authority, subject_of
from herdbook.people.ports import People, Users
from herdbook.server.settings import Settings, groups_of


def who_acts(settings: Settings, people: People, clock: Clock) -> Identity:
    """Return who gives this command.

    Raises ForbiddenError for a token that does not count: nobody becomes somebody else by that.
    """
    if not settings.token:
        return Identity(settings.actor, Authority())
    return by_token(people, settings.token.strip(), clock.now())


def all_groups(users: Users) -> Callable[[str], frozenset[str]]:
    """Return what tells in which groups somebody is: this machine's, and our own."""
    return lambda actor: groups_of(actor) | users.groups_of(subject_of(actor))
