"""Keeps which OpenID providers are believed, and who their tokens are for."""

from collections.abc import Sequence
from dataclasses import replace

from herdbook.actions.note import entry
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import ConflictError, InvalidInputError, NotFoundError
from herdbook.core.nearest import did_you_mean
from herdbook.people.acts import Act
from herdbook.people.issuers import (
    ClaimMapping,
    Condition,
    Issuer,
    Person,
    checked_issuer_name,
    checked_url,
)
from herdbook.people.model import Subject, SubjectKind, TokenState

_MOST_CHARACTERS = 200


def add_issuer(workshop: Workshop, wished: Issuer) -> Issuer:
    """Have an issuer be believed from now on, once it has answered.

    Raises InvalidInputError, ConflictError where there is one of that name or address,
    NetworkError, and VerificationError where it calls itself otherwise.
    """
    require_role(workshop, Act.ADD_ISSUER)
    issuer = replace(_checked(wished), at=workshop.clock.now(), who=workshop.actor, mappings=())
    workshop.providers.look(issuer.url)
    written = entry(
        workshop,
        Act.ADD_ISSUER.value,
        issuer.name,
        url=issuer.url,
        client_id=issuer.client_id,
        audience=issuer.audience,
        name_claim=issuer.name_claim,
        groups_claim=issuer.groups_claim,
        required=[str(each) for each in issuer.required],
    )
    workshop.people.add_issuer(issuer, written)
    return issuer


def remove_issuer(workshop: Workshop, name: str) -> Issuer:
    """Have an issuer be believed no more, and forget its mappings; raises NotFoundError."""
    require_role(workshop, Act.REMOVE_ISSUER)
    found = issuer_named(workshop, name)
    written = entry(workshop, Act.REMOVE_ISSUER.value, name, url=found.url)
    if not workshop.people.remove_issuer(name, written, workshop.clock.now()):
        raise NotFoundError(f"There is no issuer {name!r} any more")
    return found


def map_claims(
    workshop: Workshop, name: str, subject: Subject, conditions: Sequence[Condition]
) -> ClaimMapping:
    """Say that whose token meets all conditions is a robot, or a user of ours.

    Raises NotFoundError, InvalidInputError without conditions or for a person of an issuer, and
    ConflictError where that is said already.
    """
    require_role(workshop, Act.MAP_CLAIMS)
    mapping = _mapping(subject, conditions)
    issuer_named(workshop, name)
    written = entry(workshop, Act.MAP_CLAIMS.value, name, **_told(mapping))
    if not workshop.people.map_claims(name, mapping, written, workshop.clock.now()):
        raise ConflictError(
            f"That is {subject} already", hint=f"See what is said: herdbook issuer show {name}"
        )
    return mapping


def unmap_claims(
    workshop: Workshop, name: str, subject: Subject, conditions: Sequence[Condition]
) -> list[ClaimMapping]:
    """Take back what says that a token is somebody's: with these conditions, or any without.

    Raises NotFoundError where nothing says that.
    """
    require_role(workshop, Act.UNMAP_CLAIMS)
    wanted = set(conditions)
    found = [
        each
        for each in issuer_named(workshop, name).mappings
        if each.subject == subject and (not wanted or set(each.conditions) == wanted)
    ]
    now = workshop.clock.now()
    done = [
        each
        for each in found
        if workshop.people.unmap_claims(
            name, each, entry(workshop, Act.UNMAP_CLAIMS.value, name, **_told(each)), now
        )
    ]
    if not done:
        raise NotFoundError(
            f"No token of {name} is {subject} by that",
            hint=f"See what is said: herdbook issuer show {name}",
        )
    return done


def forget_person(workshop: Workshop, actor: str) -> Person:
    """Give the name of somebody of an issuer free for whoever comes by it next.

    Raises NotFoundError where nobody has come by that name, and ConflictError where they are
    disabled: nobody would know that any more; or have rights here, which would be the next one's.
    """
    require_role(workshop, Act.FORGET_PERSON)
    found = person_named(workshop, actor)
    if found.disabled:
        raise ConflictError(
            f"{actor} is disabled, and would be let in again as somebody new",
            hint=f"If that is meant, first: herdbook user enable {actor}",
        )
    rights = _rights(workshop, Subject(SubjectKind.USER, actor))
    if rights:
        raise ConflictError(
            f"Whoever comes next as {actor} would have what was given to them",
            hint=f"First take it back: {'; '.join(rights)}",
        )
    written = entry(workshop, Act.FORGET_PERSON.value, actor, called=found.subject)
    if not workshop.people.forget_person(actor, written, workshop.clock.now()):
        raise NotFoundError(f"Nobody is known as {actor} any more")
    return found


def set_disabled(workshop: Workshop, actor: str, act: Act, *, disabled: bool) -> Person:
    """Have somebody of an issuer do nothing any more, or take that back; raises NotFoundError."""
    person = replace(person_named(workshop, actor), disabled=disabled)
    written = entry(workshop, act.value, actor)
    if not workshop.people.change_person(person, written, workshop.clock.now()):
        raise NotFoundError(f"Nobody is known as {actor} any more")
    return person


def person_named(workshop: Workshop, actor: str) -> Person:
    """Return somebody of an issuer who has come; raises NotFoundError."""
    found = workshop.people.person(actor)
    if found is None:
        issuer = actor.partition(":")[0]
        raise NotFoundError(
            f"Nobody has come as {actor}", hint=f"Who has: herdbook issuer show {issuer}"
        )
    return found


def issuer_named(workshop: Workshop, name: str) -> Issuer:
    """Return an issuer; raises NotFoundError with the nearest name."""
    known = workshop.people.issuers()
    found = next((each for each in known if each.name == name), None)
    if found is None:
        raise NotFoundError(
            f"There is no issuer {name!r}",
            hint=did_you_mean(
                name, [each.name for each in known], f"Add it: herdbook issuer add {name} URL"
            ),
        )
    return found


def _rights(workshop: Workshop, subject: Subject) -> list[str]:
    """Return the commands that take back all that somebody was given by name."""
    people, now = workshop.people, workshop.clock.now()
    granted = (each for each in people.standing().grants if each.subject == subject)
    roles = [
        f"herdbook role revoke {subject} {each.role} --images '{each.images}'" for each in granted
    ]
    groups = [
        f"herdbook group remove {each} {subject}" for each in sorted(people.groups_of(subject))
    ]
    tokens = [
        f"herdbook token revoke {each.name}"
        for each in people.tokens()
        if each.subject == subject and each.state(now) is TokenState.VALID
    ]
    return roles + groups + tokens


def _checked(wished: Issuer) -> Issuer:
    checked_issuer_name(wished.name)
    checked_url(wished.url)
    if not wished.audiences:
        raise InvalidInputError(
            "For whom are its tokens?",
            hint="Give --client-id ID for people who log in, --audience A for robots, or both.",
        )
    texts = (*wished.audiences, wished.name_claim, wished.groups_claim, *wished.scopes)
    for text in texts:
        if not text.isprintable() or " " in text or len(text) > _MOST_CHARACTERS:
            raise InvalidInputError(f"{text[:_MOST_CHARACTERS]!r} is no name of any such thing")
    if not wished.name_claim:
        raise InvalidInputError("People need a name", hint="Leave --name-claim out for `sub`.")
    people_only = (wished.groups_claim, wished.required, wished.scopes)
    if any(people_only) and not wished.client_id:
        raise InvalidInputError(
            "Groups, scopes and what is required are for people, who need a client",
            hint="Give --client-id, too.",
        )
    return wished


def _mapping(subject: Subject, conditions: Sequence[Condition]) -> ClaimMapping:
    if not conditions:
        raise InvalidInputError(
            "Nothing is believed of an issuer without a condition",
            hint="Give one at least: --when sub=repo:acme/shop:ref:refs/heads/main",
        )
    if subject.is_foreign:
        raise InvalidInputError(
            f"{subject} is whom an issuer calls that, and nobody else",
            hint="Name a robot or a user of ours, or put them into a group: herdbook group add",
        )
    return ClaimMapping(subject, tuple(sorted(set(conditions))))


def _told(mapping: ClaimMapping) -> dict[str, str]:
    when = " and ".join(str(each) for each in mapping.conditions)
    return {"is": str(mapping.subject), "when": when}
