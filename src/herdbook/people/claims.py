"""Decides who somebody is by the claims of an ID token that was checked, and never guesses."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from herdbook.core.errors import ForbiddenError
from herdbook.people.issuers import SUBJECT_CLAIM, Condition, Issuer
from herdbook.people.model import Subject, SubjectKind, is_foreign_name

Claims = Mapping[str, object]

_EMAIL = "email"
_MOST_GROUPS = 1000
_LONGEST_SUBJECT = 1000
_ASK_THERE = "Ask whoever runs that provider."
_SHOWN = 200
_UNSHOWN = re.compile(r"[^ -~]")


@dataclass(frozen=True)
class Claimed:
    """Who an ID token is for: one of ours where a mapping says so, else one of the issuer's.

    `called` is what the issuer calls them by for good. `groups` are the issuer's own, by their
    whole names.
    """

    subject: Subject
    called: str
    mapped: bool
    groups: frozenset[str] = frozenset()


def claimed_by(issuer: Issuer, claims: Claims) -> Claimed:
    """Return who somebody with these claims is; raises ForbiddenError where nothing says so.

    The issuer alone says nothing: of a robot there is a condition, of people a client of ours.
    """
    called = str(claims.get(SUBJECT_CLAIM, ""))
    if not 0 < len(called) <= _LONGEST_SUBJECT or not called.isprintable():
        raise ForbiddenError(f"{issuer.name} calls somebody by what is no name", hint=_ASK_THERE)
    fitting = {each.subject for each in issuer.mappings if each.fits(claims)}
    if len(fitting) > 1:
        several = " and ".join(sorted(map(str, fitting)))
        raise ForbiddenError(
            f"By what is said of {issuer.name}, this ID token is of {several}: of which?",
            hint=f"Make the conditions exclude each other: herdbook issuer show {issuer.name}",
        )
    if fitting:
        return Claimed(fitting.pop(), called, mapped=True)
    if not issuer.client_id or issuer.client_id not in _listed(claims.get("aud")):
        raise ForbiddenError(
            f"No condition for tokens of {issuer.name} holds: {SUBJECT_CLAIM} is {_shown(called)}",
            hint="An admin says who that is: "
            f"herdbook issuer map {issuer.name} robot:NAME --when CLAIM=VALUE",
        )
    return _person(issuer, claims, called)


def _person(issuer: Issuer, claims: Claims, called: str) -> Claimed:
    _refuse_for_others(issuer, claims)
    for each in issuer.required:
        if not each.holds(claims):
            raise ForbiddenError(
                f"{issuer.name} does not say {each} of {_shown(called)}",
                hint=f"Everybody of it needs that here: herdbook issuer show {issuer.name}",
            )
    name = f"{issuer.name}:{_name(issuer, claims)}"
    return Claimed(
        Subject(SubjectKind.USER, name), called, mapped=False, groups=_groups(issuer, claims)
    )


def _refuse_for_others(issuer: Issuer, claims: Claims) -> None:
    """Refuse what another client of the provider got, and what goes to more than us."""
    party = claims.get("azp")
    several = len(_listed(claims.get("aud"))) > 1
    if (party is not None or several) and party != issuer.client_id:
        raise ForbiddenError(
            f"This ID token was given to another client of {issuer.name}",
            hint=f"Log in here: herdbook login {issuer.name}",
        )


def _name(issuer: Issuer, claims: Claims) -> str:
    claim = issuer.name_claim
    name = claims.get(claim)
    if not isinstance(name, str) or not is_foreign_name(f"{issuer.name}:{name}"):
        raise ForbiddenError(
            f"{issuer.name} gives nobody a name by {claim}: it says {_shown(str(name))}",
            hint="Another claim may: herdbook issuer add --name-claim, and --scope to ask for it",
        )
    if claim == _EMAIL and not Condition("email_verified", "true").holds(claims):
        raise ForbiddenError(
            f"{issuer.name} has not verified that {_shown(name)} is theirs",
            hint="Have it verified there, or use another --name-claim.",
        )
    return name


def _groups(issuer: Issuer, claims: Claims) -> frozenset[str]:
    """Return the groups of a token; what can be no name is none, rather than another one."""
    if not issuer.groups_claim:
        return frozenset()
    said = _listed(claims.get(issuer.groups_claim))[:_MOST_GROUPS]
    named = (f"{issuer.name}:{each}" for each in said if isinstance(each, str))
    return frozenset(each for each in named if is_foreign_name(each))


def _listed(said: object) -> list[object]:
    if said is None:
        return []
    return said if isinstance(said, list) else [said]


def _shown(said: str) -> str:
    return repr(_UNSHOWN.sub("?", said[:_SHOWN]))
