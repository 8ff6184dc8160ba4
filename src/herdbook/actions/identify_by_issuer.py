"""Finds out who somebody is by an ID token of an issuer that is believed, checked each time."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue

from herdbook.actions.identify import Identity
from herdbook.audit.chain import Entry
from herdbook.core.errors import ConflictError, ForbiddenError, HerdbookError
from herdbook.people.claims import Claimed, claimed_by
from herdbook.people.id_tokens import issuer_in
from herdbook.people.issuers import Issuer, Person
from herdbook.people.logins import Client, Given, IdToken
from herdbook.people.model import Authority, Means, SubjectKind
from herdbook.people.ports import Issuers, OpenIdProviders, People

SEE = "see-person"
"""What the audit says when somebody of an issuer comes for the first time, or in other groups."""

_SEEN_EVERY = timedelta(days=1)
_GROUPS_LAST = timedelta(days=30)
"""For so long does it count in which groups an issuer said that somebody is, after it has said so:
what they approved must not count for ever once nobody hears of them any more."""


@dataclass(frozen=True)
class Vouched:
    """Somebody, and the ID token and issuer that say so."""

    identity: Identity
    issuer: Issuer
    token: IdToken
    called: str


class Vouching:
    """Tells who somebody is by an ID token, as issuers in the register are believed."""

    def __init__(self, people: People, providers: OpenIdProviders) -> None:
        self._people = people
        self._providers = providers

    def by_id_token(self, text: str, now: datetime, *, noted: bool = True) -> Vouched:
        """Return whom an ID token is for; that they have come is `noted`, or not.

        Raises ForbiddenError for one that is not right, or of whom nothing is said here, or who is
        disabled; NetworkError where it cannot be checked.
        """
        issuer = _issuer(self._people, text)
        token = self._providers.read(issuer.url, issuer.audiences, text)
        claimed = claimed_by(issuer, token.claims)
        actor, groups = claimed.subject.actor, claimed.groups
        if claimed.subject.kind is SubjectKind.USER:
            if actor in self._people.standing().disabled:
                raise ForbiddenError(
                    f"{actor} is disabled, and the ID token with them",
                    hint=f"An admin may: herdbook user enable {actor}",
                )
            if not claimed.mapped:
                groups = self._see(issuer, claimed, token, now, noted=noted)
        authority = Authority(
            Means.ID_TOKEN,
            issuer=issuer.name,
            called=claimed.called if claimed.mapped else "",
            until=token.expires_at,
            groups=groups,
        )
        return Vouched(Identity(actor, authority), issuer, token, claimed.called)

    def issuer_named(self, name: str) -> Issuer | None:
        """Return an issuer that is believed, or None."""
        return next((each for each in self._people.issuers() if each.name == name), None)

    def renew(self, client: Client, refresh: str) -> Given:
        """Return another ID token for a session; raises as the port of providers does."""
        return self._providers.renew(client, refresh)

    def _see(
        self, issuer: Issuer, claimed: Claimed, token: IdToken, now: datetime, *, noted: bool
    ) -> frozenset[str]:
        """Hold a name to whom it is bound, and keep what is said of them now.

        Returns their groups, as the newest token says that has come.
        """
        name = claimed.subject.name.partition(":")[2]
        groups = tuple(sorted(claimed.groups))
        person = Person(issuer.name, name, claimed.called, groups, token.issued_at, now)
        before = self._bound(person)
        if before and token.issued_at < before.said_at:
            return frozenset(before.groups)
        if noted and (before is None or before.groups != groups):
            self._keep(person, now)
        elif noted and before and token.issued_at - before.said_at >= _SEEN_EVERY:
            with suppress(HerdbookError):  # that somebody else writes must not keep anybody out
                self._people.see_person(person, None, now)
        return claimed.groups

    def _bound(self, person: Person) -> Person | None:
        """Return who has come by a name; raises ForbiddenError where that is not this person."""
        before = self._people.person(person.actor)
        if before and before.subject != person.subject:
            raise _taken(person)
        if before is None:
            for each in self._people.people_of(person.issuer):
                if each.subject == person.subject:
                    raise _renamed(person, each)
        return before

    def _keep(self, person: Person, now: datetime) -> None:
        try:
            self._people.see_person(person, _entry(person), now)
        except ConflictError:
            self._bound(person)  # who came in between says why
            raise


def groups_said(issuers: Issuers, actor: str, now: datetime) -> frozenset[str]:
    """Return the groups that an issuer said lately of somebody of its own."""
    found = issuers.person(actor)
    if found is None or now - found.said_at > _GROUPS_LAST:
        return frozenset()
    return frozenset(found.groups)


def _entry(person: Person) -> Entry:
    details: dict[str, JsonValue] = {"called": person.subject, "groups": [*person.groups]}
    return Entry(who=person.actor, verb=SEE, subject=person.actor, details=details)


def _issuer(issuers: Issuers, text: str) -> Issuer:
    url = issuer_in(text)
    known = issuers.issuers()
    found = next((each for each in known if each.url == url), None)
    if found is None:
        shown = repr(url[:200]) if url else "nobody"
        raise ForbiddenError(
            f"No issuer of ID tokens is believed that calls itself {shown}",
            hint="An admin may add one: herdbook issuer add NAME URL. Which there are: "
            "herdbook issuer ls",
        )
    return found


def _taken(person: Person) -> ForbiddenError:
    return ForbiddenError(
        f"{person.actor} was somebody else until now, who is called otherwise by {person.issuer}",
        hint="If that is the same person after all, an admin may: "
        f"herdbook issuer forget {person.actor}",
    )


def _renamed(person: Person, before: Person) -> ForbiddenError:
    return ForbiddenError(
        f"{before.actor} is called {person.actor} by {person.issuer} by now",
        hint=f"Nobody has two names here. An admin may: herdbook issuer forget {before.actor}",
    )
