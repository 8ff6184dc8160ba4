"""Says who gives a command: by a token or a session if there is one, else this machine's user."""

from collections.abc import Callable

from herdbook.actions.identify import Identity, by_token
from herdbook.actions.identify_by_issuer import Vouching, groups_said
from herdbook.actions.log_in import by_session
from herdbook.core.clock import Clock
from herdbook.core.errors import ForbiddenError
from herdbook.people.id_tokens import is_like_an_id_token
from herdbook.people.model import Authority, subject_of
from herdbook.people.ports import People, Sessions
from herdbook.server.settings import Settings, groups_of


def who_acts(
    settings: Settings, people: People, vouching: Vouching, sessions: Sessions, clock: Clock
) -> Identity:
    """Return who gives this command.

    Raises ForbiddenError for a token or a session that does not count, and NetworkError where that
    cannot be found out: nobody becomes somebody else by that.
    """
    if not settings.heed_login:
        return Identity(settings.actor, Authority())
    if settings.token is not None:
        return _by_any_token(people, vouching, settings.token.strip(), clock)
    session = sessions.load()
    if session:
        return by_session(vouching, sessions, session, clock)
    return Identity(settings.actor, Authority())


def _by_any_token(people: People, vouching: Vouching, token: str, clock: Clock) -> Identity:
    if not token:  # whoever wanted to fetch one got none
        raise ForbiddenError(
            "HERDBOOK_TOKEN is set, but there is nothing in it",
            hint="See why whoever sets it got no token; as a user of this machine: "
            "unset HERDBOOK_TOKEN",
        )
    if is_like_an_id_token(token):
        return vouching.by_id_token(token, clock.now()).identity
    return by_token(people, token, clock.now())


def all_groups(people: People, clock: Clock) -> Callable[[str], frozenset[str]]:
    """Return what tells in which groups somebody is: this machine's or an issuer's, and our own.

    A group of this machine that is called like an issuer's is none.
    """

    def found(actor: str) -> frozenset[str]:
        subject = subject_of(actor)
        own = people.groups_of(subject)
        if subject.is_foreign:
            return groups_said(people, actor, clock.now()) | own
        return frozenset(each for each in groups_of(actor) if ":" not in each) | own

    return found
