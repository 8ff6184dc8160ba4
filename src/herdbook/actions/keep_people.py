"""Keeps users with their passwords, and groups of our own."""

from collections.abc import Sequence
from dataclasses import replace

from herdbook.actions.keep_issuers import set_disabled
from herdbook.actions.note import entry
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.core.errors import ConflictError, NotFoundError
from herdbook.core.nearest import did_you_mean
from herdbook.people.acts import Act
from herdbook.people.issuers import Person
from herdbook.people.model import Means, Subject, User, checked_name, is_foreign_name
from herdbook.people.passwords import hashed


def add_user(workshop: Workshop, name: str, password: str) -> User:
    """Add a user who logs in with a password; raises ConflictError where there is one."""
    require_role(workshop, Act.ADD_USER)
    user = User(checked_name(name), workshop.clock.now(), workshop.actor, hashed(password))
    workshop.people.add_user(user, entry(workshop, Act.ADD_USER.value, name))
    return user


def require_may_set_password(workshop: Workshop, name: str) -> User:
    """Return the user whose password is to be set: one's own, or an admin may; raises else.

    With a token, ours or an issuer's, one's own password is not one's own affair: whoever has the
    token is not asked for anything else.
    """
    own = name == workshop.actor and workshop.authority.means is Means.MACHINE
    if not own or name in workshop.people.standing().disabled:
        require_role(workshop, Act.SET_PASSWORD)
    return user_named(workshop, name)


def set_password(workshop: Workshop, name: str, password: str) -> User:
    """Give a user another password; raises NotFoundError."""
    user = replace(require_may_set_password(workshop, name), password=hashed(password))
    _change(workshop, user, Act.SET_PASSWORD)
    return user


def disable_user(workshop: Workshop, name: str) -> User | Person:
    """Have a user, or somebody of an issuer, do nothing any more, by password or any token.

    Raises NotFoundError, and ConflictError where no admin would be left.
    """
    require_role(workshop, Act.DISABLE_USER)
    if name == workshop.actor:
        raise ConflictError(
            "Nobody disables themselves: they could not take it back",
            hint="Have another admin do it.",
        )
    if is_foreign_name(name):
        return set_disabled(workshop, name, Act.DISABLE_USER, disabled=True)
    user = replace(user_named(workshop, name), disabled=True)
    _change(workshop, user, Act.DISABLE_USER)
    return user


def enable_user(workshop: Workshop, name: str) -> User | Person:
    """Take that back; raises NotFoundError."""
    require_role(workshop, Act.ENABLE_USER)
    if is_foreign_name(name):
        return set_disabled(workshop, name, Act.ENABLE_USER, disabled=False)
    user = replace(user_named(workshop, name), disabled=False)
    _change(workshop, user, Act.ENABLE_USER)
    return user


def user_named(workshop: Workshop, name: str) -> User:
    """Return a user; raises NotFoundError with the nearest name."""
    found = workshop.people.user(name)
    if found is None:
        known = [each.name for each in workshop.people.users()]
        raise NotFoundError(
            f"There is no user {name!r}",
            hint=did_you_mean(name, known, f"Add them: herdbook user add {name}"),
        )
    return found


def join_group(workshop: Workshop, group: str, subjects: Sequence[Subject]) -> list[Subject]:
    """Put users and robots into a group of our own; return those who were not in it."""
    require_role(workshop, Act.JOIN_GROUP)
    checked_name(group)
    now = workshop.clock.now()
    return [
        each
        for each in subjects
        if workshop.people.join(
            group, each, entry(workshop, Act.JOIN_GROUP.value, group, member=str(each)), now
        )
    ]


def leave_group(workshop: Workshop, group: str, subjects: Sequence[Subject]) -> list[Subject]:
    """Take users and robots out of a group of our own; raises NotFoundError for who is not in it.

    Then nobody is taken out.
    """
    require_role(workshop, Act.LEAVE_GROUP)
    members = workshop.people.members()
    for each in subjects:
        if (group, each) not in members:
            raise NotFoundError(
                f"{each} is not in {group}, as far as Herdbook's own groups go",
                hint="See who is: herdbook group ls",
            )
    now = workshop.clock.now()
    return [
        each
        for each in subjects
        if workshop.people.leave(
            group, each, entry(workshop, Act.LEAVE_GROUP.value, group, member=str(each)), now
        )
    ]


def _change(workshop: Workshop, user: User, act: Act) -> None:
    written = entry(workshop, act.value, user.name)
    if not workshop.people.change_user(user, written, workshop.clock.now()):
        raise NotFoundError(f"There is no user {user.name!r} any more")
