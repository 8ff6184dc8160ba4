"""The JSON shapes of people, roles and tokens: never a password, nor what is kept of one."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from herdbook.actions.tell_who import Who
    from herdbook.people.issuers import ClaimMapping, Issuer, Person
    from herdbook.people.model import Grant, Token, User


def grant_shape(grant: "Grant") -> dict[str, Any]:
    """Return the shape of what somebody was granted."""
    return {
        "subject": str(grant.subject),
        "role": grant.role.value,
        "images": grant.images,
        "at": grant.at.isoformat(),
        "who": grant.who,
    }


def user_shape(user: "User") -> dict[str, Any]:
    """Return the shape of a user."""
    return {
        "name": user.name,
        "disabled": user.disabled,
        "at": user.at.isoformat(),
        "who": user.who,
    }


def token_shape(token: "Token", now: datetime) -> dict[str, Any]:
    """Return the shape of a token, without its secret."""
    return {
        "id": token.id,
        "name": token.name,
        "subject": str(token.subject),
        "role": token.role.value if token.role else None,
        "images": token.images,
        "state": token.state(now).value,
        "at": token.at.isoformat(),
        "who": token.who,
        "expires_at": token.expires_at.isoformat(),
        "revoked_at": token.revoked_at.isoformat() if token.revoked_at else None,
        "used_at": token.used_at.isoformat() if token.used_at else None,
    }


def who_shape(who: "Who") -> dict[str, Any]:
    """Return the shape of whoever gives the command."""
    authority = who.authority
    return {
        "actor": who.actor,
        "means": authority.means.value,
        "token": authority.token or None,
        "token_role": authority.role.value if authority.role else None,
        "token_images": authority.images if authority.token else None,
        "issuer": authority.issuer or None,
        "called": authority.called or None,
        "until": authority.until.isoformat() if authority.until else None,
        "groups": list(who.groups),
        "roles_hold": who.roles_hold,
        "disabled": who.disabled,
        "grants": [grant_shape(each) for each in who.grants],
    }


def issuer_shape(issuer: "Issuer") -> dict[str, Any]:
    """Return the shape of an OpenID provider that is believed."""
    return {
        "name": issuer.name,
        "url": issuer.url,
        "client_id": issuer.client_id or None,
        "audience": issuer.audience or None,
        "name_claim": issuer.name_claim,
        "groups_claim": issuer.groups_claim or None,
        "require": [str(each) for each in issuer.required],
        "scopes": list(issuer.scopes),
        "mappings": [mapping_shape(each) for each in issuer.mappings],
        "at": issuer.at.isoformat(),
        "who": issuer.who,
    }


def mapping_shape(mapping: "ClaimMapping") -> dict[str, Any]:
    """Return the shape of what says whose a token is."""
    return {"subject": str(mapping.subject), "when": [str(each) for each in mapping.conditions]}


def person_shape(person: "Person") -> dict[str, Any]:
    """Return the shape of somebody of an OpenID provider who has come."""
    return {
        "name": person.actor,
        "called": person.subject,
        "groups": list(person.groups),
        "told_at": person.said_at.isoformat(),
        "at": person.at.isoformat(),
        "disabled": person.disabled,
    }


def session_shape(actor: str, issuer: str, until: datetime) -> dict[str, Any]:
    """Return the shape of a login."""
    return {"actor": actor, "issuer": issuer, "until": until.isoformat()}
