"""The port to the register of people: users, robots, groups, roles and tokens."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from herdbook.audit.chain import Entry
from herdbook.people.model import Grant, Standing, Subject, Token, User


class Roles(Protocol):
    """Who has which role; each change is kept together with its audit entries, or not at all."""

    def standing(self) -> Standing:
        """Return all that decides who may do what."""
        ...

    def grant(self, grants: Sequence[Grant], entries: Sequence[Entry], at: datetime) -> None:
        """Keep grants; those that are there already are left as they are.

        Raises ConflictError where no person were admin of everything after that.
        """
        ...

    def withdraw(self, grant: Grant, entry: Entry, at: datetime) -> bool:
        """Remove what somebody was granted; tell whether there was one. Raises as above."""
        ...


class Users(Protocol):
    """People with passwords, and the groups that they and others are in."""

    def users(self) -> list[User]:
        """Return all users with an account here, by name."""
        ...

    def user(self, name: str) -> User | None:
        """Return a user, or None."""
        ...

    def add_user(self, user: User, entry: Entry) -> None:
        """Keep a new user; raises ConflictError where there is one of that name."""
        ...

    def change_user(self, user: User, entry: Entry, at: datetime) -> bool:
        """Keep a user's password and whether they are disabled; tell whether there was one.

        Raises ConflictError where no person were admin of everything after that.
        """
        ...

    def members(self) -> list[tuple[str, Subject]]:
        """Return all groups of our own, each with one of its members, by their names."""
        ...

    def groups_of(self, subject: Subject) -> frozenset[str]:
        """Return the groups of our own that somebody is in."""
        ...

    def join(self, group: str, subject: Subject, entry: Entry, at: datetime) -> bool:
        """Put somebody into a group; tell whether they were not in it."""
        ...

    def leave(self, group: str, subject: Subject, entry: Entry, at: datetime) -> bool:
        """Take somebody out of a group; tell whether they were in it."""
        ...


class Tokens(Protocol):
    """Tokens without their secrets."""

    def tokens(self) -> list[Token]:
        """Return all tokens, the oldest first."""
        ...

    def token(self, id_: str) -> Token | None:
        """Return a token, or None."""
        ...

    def add_token(self, token: Token, entry: Entry) -> None:
        """Keep a token; raises ConflictError where one of that name is not revoked."""
        ...

    def revoke_token(self, id_: str, entry: Entry, at: datetime) -> bool:
        """Keep that a token is not to be used any more; tell whether that was so until now."""
        ...

    def use_token(self, id_: str, at: datetime) -> None:
        """Keep when a token was used last."""
        ...


class People(Roles, Users, Tokens, Protocol):
    """All people and robots of one installation."""
