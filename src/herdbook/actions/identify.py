"""Finds out who somebody is by a token or a password, and never guesses."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from herdbook.core.errors import ForbiddenError, HerdbookError
from herdbook.people.model import Authority, Means, SubjectKind, Token, TokenState
from herdbook.people.ports import People
from herdbook.people.tokens import id_in, is_same

_USE_EVERY = timedelta(minutes=10)
"""So exactly is it kept when a token was used last: to write it each time would cost more."""

_ANOTHER = "Have another one made: herdbook token create NAME --for robot:NAME"


@dataclass(frozen=True)
class Identity:
    """Who somebody is, as the audit calls them, and by what they act."""

    actor: str
    authority: Authority


def by_token(people: People, text: str, now: datetime, *, noted: bool = True) -> Identity:
    """Return whom a token is for, with what limits them; that it was used is `noted`, or not.

    Raises ForbiddenError for one that is wrong, expired or revoked, or for somebody disabled. What
    is said of a wrong one does not tell how wrong it is.
    """
    token = token_meant(people, text)
    if token is None:
        raise ForbiddenError("That is no token of this register", hint=_ANOTHER)
    state = token.state(now)
    if state is not TokenState.VALID:
        raise ForbiddenError(f"The token {token.name} is {state}", hint=_ANOTHER)
    if is_disabled(people, token):
        raise ForbiddenError(
            f"{token.subject} is disabled, and the token {token.name} with them",
            hint=f"An admin may: herdbook user enable {token.subject.name}",
        )
    if noted and (token.used_at is None or now - token.used_at >= _USE_EVERY):
        with suppress(HerdbookError):  # that somebody else writes must not keep anybody out
            people.use_token(token.id, now)
    authority = Authority(
        Means.TOKEN, token.name, token.role, token.images, groups=frozenset()
    )  # what an issuer says of groups, it says of who logs in
    return Identity(token.subject.actor, authority)


def token_meant(people: People, text: str) -> Token | None:
    """Return the token that a secret is of, whether or not it may still be used; else None."""
    token = people.token(id_in(text)) if id_in(text) else None
    return token if token is not None and is_same(token.digest, text) else None


def is_disabled(people: People, token: Token) -> bool:
    """Tell whether the user that a token is for is disabled."""
    of_user = token.subject.kind is SubjectKind.USER
    return of_user and token.subject.name in people.standing().disabled
