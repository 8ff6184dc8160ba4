"""The ports of people: their register, OpenID providers, and where a session is kept."""

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from herdbook.audit.chain import Entry
from herdbook.people.issuers import ClaimMapping, Issuer, Person
from herdbook.people.logins import Client, DeviceCode, Given, IdToken, Session, Waiting
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


class Issuers(Protocol):
    """OpenID providers that are believed, and their people who have come."""

    def issuers(self) -> list[Issuer]:
        """Return all that are believed, by name."""
        ...

    def add_issuer(self, issuer: Issuer, entry: Entry) -> None:
        """Keep an issuer, with no mappings yet.

        Raises ConflictError where there is one of that name or address. A name stays with its
        address for good, also after it was removed: what its people were granted is never
        another provider's.
        """
        ...

    def remove_issuer(self, name: str, entry: Entry, at: datetime) -> bool:
        """Have an issuer, and its mappings, be believed no more; tell whether it was until now."""
        ...

    def map_claims(self, name: str, mapping: ClaimMapping, entry: Entry, at: datetime) -> bool:
        """Add a mapping to an issuer that is believed; tell whether it was not there yet."""
        ...

    def unmap_claims(self, name: str, mapping: ClaimMapping, entry: Entry, at: datetime) -> bool:
        """Take a mapping away; tell whether it was there."""
        ...

    def people_of(self, issuer: str) -> list[Person]:
        """Return who of an issuer has come, by name."""
        ...

    def person(self, actor: str) -> Person | None:
        """Return somebody of an issuer, as the audit calls them, or None."""
        ...

    def see_person(self, person: Person, entry: Entry | None, at: datetime) -> None:
        """Keep that somebody has come, and their groups, but not over what was said later.

        Raises ConflictError where the name is bound to somebody else, or they to another name.
        Whether they are disabled stays as it is.
        """
        ...

    def change_person(self, person: Person, entry: Entry, at: datetime) -> bool:
        """Keep whether somebody is disabled; tell whether they have ever come."""
        ...

    def forget_person(self, actor: str, entry: Entry, at: datetime) -> bool:
        """Give a name free for somebody else of the issuer; tell whether it was bound."""
        ...


class People(Roles, Users, Tokens, Issuers, Protocol):
    """All people and robots of one installation."""


class OpenIdProviders(Protocol):
    """OpenID providers of elsewhere, by their addresses; nothing they say is believed unchecked.

    What a provider published of its keys counts for a while, also where it does not answer then.
    """

    def look(self, url: str) -> None:
        """See that an OpenID provider answers there.

        Raises NetworkError where nobody does, and VerificationError where it is another one.
        """
        ...

    def read(self, url: str, audiences: Collection[str], text: str) -> IdToken:
        """Return what an ID token says, once its signature, issuer, audience and times are right.

        Raises ForbiddenError where one of them is not, and NetworkError where the keys are not at
        hand and cannot be had: then nobody is let through.
        """
        ...

    def begin(self, client: Client) -> DeviceCode:
        """Begin to log somebody in (RFC 8628).

        Raises NetworkError, and InvalidInputError where the provider has no such way.
        """
        ...

    def ask(self, client: Client, code: DeviceCode) -> Given | Waiting:
        """Ask once whether somebody has logged in.

        Raises ForbiddenError where they said no, or the code is over, and NetworkError.
        """
        ...

    def renew(self, client: Client, refresh: str) -> Given:
        """Return another ID token; raises ForbiddenError where the login is over, NetworkError."""
        ...


class Sessions(Protocol):
    """The login of one user of this machine, which nobody else can read."""

    def load(self) -> Session | None:
        """Return the session, or None; raises VerificationError where others could change it.

        So it does where there may be one, and we cannot see.
        """
        ...

    def keep(self, session: Session) -> None:
        """Keep a session in place of the one before; raises VerificationError where none can be."""
        ...

    def end(self) -> bool:
        """Forget the session; tell whether there was one."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """Keep out other commands of the same user, while a session is renewed or ended.

        Raises VerificationError where none could be kept.
        """
        ...
