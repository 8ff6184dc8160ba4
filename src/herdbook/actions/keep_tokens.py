"""Makes tokens, shown once, and revokes them."""

from dataclasses import dataclass, field
from datetime import timedelta

from herdbook.actions.note import entry
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import InvalidInputError, NotFoundError
from herdbook.core.nearest import did_you_mean
from herdbook.people.acts import Act
from herdbook.people.model import (
    EVERYTHING,
    Role,
    Subject,
    Token,
    TokenState,
    checked_name,
    checked_pattern,
)
from herdbook.people.tokens import new_token

MOST_DAYS = 3660


@dataclass(frozen=True)
class TokenWish:
    """A token that somebody wants: for whom, for how long, and for what of theirs at most."""

    name: str
    subject: Subject
    days: int
    images: str = EVERYTHING
    role: Role | None = None


@dataclass(frozen=True)
class CreatedToken:
    """A token that was made; `text` is shown once, and nobody can find it out again."""

    token: Token
    text: str = field(repr=False)


def create_token(workshop: Workshop, wish: TokenWish) -> CreatedToken:
    """Make a token; raises ConflictError where there is one of that name, InvalidInputError."""
    require_role(workshop, Act.CREATE_TOKEN)
    if not 1 <= wish.days <= MOST_DAYS:
        raise InvalidInputError(
            f"A token is for 1 to {MOST_DAYS} days, not {wish.days}", hint="Give --days 90."
        )
    made, now = new_token(), workshop.clock.now()
    token = Token(
        id=made.id,
        name=checked_name(wish.name),
        subject=wish.subject,
        images=checked_pattern(wish.images),
        role=wish.role,
        digest=made.digest,
        at=now,
        who=workshop.actor,
        expires_at=now + timedelta(days=wish.days),
    )
    written = entry(
        workshop,
        Act.CREATE_TOKEN.value,
        token.name,
        token=token.id,
        is_for=str(token.subject),
        images=token.images,
        role=token.role.value if token.role else "",
        expires_at=token.expires_at.isoformat(),
    )
    workshop.people.add_token(token, written)
    return CreatedToken(token, made.text)


def revoke_token(workshop: Workshop, name: str) -> Token:
    """Have a token, by its name or its id, be used no more; raises NotFoundError."""
    require_role(workshop, Act.REVOKE_TOKEN)
    now = workshop.clock.now()
    usable = [
        each for each in workshop.people.tokens() if each.state(now) is not TokenState.REVOKED
    ]
    found = next((each for each in usable if name in {each.name, each.id}), None)
    if found is not None:
        written = entry(workshop, Act.REVOKE_TOKEN.value, found.name, token=found.id)
        if workshop.people.revoke_token(found.id, written, now):
            return found
    known = [each.name for each in usable]
    raise NotFoundError(
        f"There is no token {name!r} to revoke",
        hint=did_you_mean(name, known, "See which there are: herdbook token ls"),
    )
