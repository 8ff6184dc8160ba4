"""Logs people in at an issuer by a code that they type elsewhere, and keeps up their session."""

from collections.abc import Callable
from dataclasses import replace

from herdbook.actions.identify import Identity
from herdbook.actions.identify_by_issuer import Vouched, Vouching
from herdbook.actions.workshop import Workshop
from herdbook.core.clock import Clock
from herdbook.core.errors import (
    ForbiddenError,
    InvalidInputError,
    NetworkError,
    NotFoundError,
    TimeoutExpiredError,
)
from herdbook.core.nearest import did_you_mean
from herdbook.people.issuers import Issuer
from herdbook.people.logins import Client, DeviceCode, Given, Session, Waiting
from herdbook.people.model import Means
from herdbook.people.ports import Sessions

_SLOWER_SECONDS = 5.0
_MOST_FAILURES = 3
"""So often in a row may the provider not answer while somebody logs in."""

_USUAL_SCOPES = ("openid", "profile", "offline_access")
_EMAIL = "email"
_AGAIN = "Log in again: herdbook login."


def log_in(workshop: Workshop, name: str, tell: Callable[[DeviceCode], None]) -> Vouched:
    """Log somebody in at an issuer, the only one where none is named, and keep their session.

    `tell` says to them where to go. Raises NotFoundError, InvalidInputError, ForbiddenError where
    they are not let in, TimeoutExpiredError where nobody came, NetworkError.
    """
    issuer = _issuer(workshop, name)
    client, clock = client_of(issuer), workshop.clock
    with workshop.sessions.alone():
        pass  # nobody is sent anywhere where their session cannot be kept
    code = workshop.providers.begin(client)
    tell(code)
    given = _waited_for(workshop, client, code)
    vouched = Vouching(workshop.people, workshop.providers).by_id_token(given.id_token, clock.now())
    if vouched.issuer.name != issuer.name:
        raise ForbiddenError(f"The ID token is of {vouched.issuer.name}, not of {issuer.name}")
    with workshop.sessions.alone():
        workshop.sessions.keep(_session(vouched, given))
    return replace(vouched, identity=_by_session(vouched))


def log_out(sessions: Sessions) -> bool:
    """End the session, for good: not while it is renewed; tell whether there was one."""
    with sessions.alone():
        return sessions.end()


def by_session(vouching: Vouching, sessions: Sessions, session: Session, clock: Clock) -> Identity:
    """Return who somebody is by their session, which is renewed where it has expired and can be.

    Raises ForbiddenError where it is over, or does not count any more, and NetworkError.
    """
    try:
        if clock.now() >= session.expires_at:
            session = _renewed(vouching, sessions, session, clock)
        vouched = vouching.by_id_token(session.id_token, clock.now())
        _refuse_other(session, vouched)
    except ForbiddenError as error:
        words = f"{error.hint} Without a login: herdbook logout".strip()
        raise ForbiddenError(error.message, hint=words) from error
    return _by_session(vouched)


def client_of(issuer: Issuer) -> Client:
    """Return who we are for an issuer, and what we ask to be told."""
    wished = [*_USUAL_SCOPES, *issuer.scopes]
    if issuer.name_claim == _EMAIL:
        wished.append(_EMAIL)
    if issuer.groups_claim:
        wished.append(issuer.groups_claim)  # where it is a scope of that name, too
    return Client(issuer.url, issuer.client_id, tuple(dict.fromkeys(wished)))


def _waited_for(workshop: Workshop, client: Client, code: DeviceCode) -> Given:
    clock = workshop.clock
    until = clock.monotonic_seconds() + code.lasts_seconds
    interval, failures = code.interval_seconds, 0
    while clock.monotonic_seconds() < until:
        clock.sleep(interval)
        try:
            found = workshop.providers.ask(client, code)
        except NetworkError:
            failures += 1
            if failures >= _MOST_FAILURES:
                raise
            interval *= 2  # as RFC 8628 has it
            continue
        failures = 0
        if isinstance(found, Given):
            return found
        if found is Waiting.SLOWER:
            interval += _SLOWER_SECONDS
    raise TimeoutExpiredError(
        "Nobody has logged in with the code before it expired",
        hint="Run the same command again for another one.",
    )


def _renewed(vouching: Vouching, sessions: Sessions, session: Session, clock: Clock) -> Session:
    """Return a session that lasts longer; of several commands at once, one asks for it."""
    with sessions.alone():
        kept = sessions.load()
        if kept is None:
            raise ForbiddenError("Your session was ended just now", hint=_AGAIN)
        if (kept.issuer, kept.called) != (session.issuer, session.called):
            raise ForbiddenError(
                "You have logged in as somebody else just now",
                hint="As that: run the same command again.",
            )
        if clock.now() < kept.expires_at:
            return kept
        issuer = vouching.issuer_named(kept.issuer)
        if not kept.refresh or issuer is None or not issuer.client_id:
            since = f"{kept.expires_at:%Y-%m-%d %H:%M}"
            raise ForbiddenError(
                f"Your session of {kept.issuer} is over since {since} UTC",
                hint=f"Log in again: herdbook login {kept.issuer}.",
            )
        given = vouching.renew(client_of(issuer), kept.refresh)
        kept = replace(kept, refresh=given.refresh or kept.refresh)
        sessions.keep(kept)  # the refresh token before it is void, whatever fails from now on
        vouched = vouching.by_id_token(given.id_token, clock.now())
        _refuse_other(kept, vouched)
        renewed = replace(_session(vouched, given), refresh=kept.refresh)
        sessions.keep(renewed)
        return renewed


def _session(vouched: Vouched, given: Given) -> Session:
    token = vouched.token
    return Session(
        vouched.issuer.name, vouched.called, token.expires_at, given.id_token, given.refresh
    )


def _by_session(vouched: Vouched) -> Identity:
    identity = vouched.identity
    return replace(identity, authority=replace(identity.authority, means=Means.SESSION))


def _refuse_other(session: Session, vouched: Vouched) -> None:
    if (vouched.issuer.name, vouched.called) != (session.issuer, session.called):
        raise ForbiddenError("Your session is of somebody else by now", hint=_AGAIN)


def _issuer(workshop: Workshop, name: str) -> Issuer:
    known = [each for each in workshop.people.issuers() if each.client_id]
    names = [each.name for each in known]
    if name:
        found = next((each for each in known if each.name == name), None)
        if found is None:
            raise NotFoundError(
                f"There is no issuer {name!r} where people can log in",
                hint=did_you_mean(
                    name, names, "See which there are, and for which clients: herdbook issuer ls"
                ),
            )
        return found
    if not known:
        raise NotFoundError(
            "There is no issuer where people can log in",
            hint="An admin adds one: herdbook issuer add NAME URL --client-id ID",
        )
    if len(known) > 1:
        raise InvalidInputError(
            f"There are several issuers: {', '.join(names)}",
            hint=f"Say at which: herdbook login {names[0]}",
        )
    return known[0]
