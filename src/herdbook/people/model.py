"""People, robots and groups; the roles they are granted, and by what they act."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError

EVERYTHING = "*"
"""The pattern of all images: also what is of no image takes a role for that."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@-]{0,63}")
_FOREIGN = re.compile(
    r"(?!user:|group:|robot:)[a-z][a-z0-9-]{0,19}:[A-Za-z0-9_/|][A-Za-z0-9_./|@+=~-]{0,63}"
)
_PATTERN = re.compile(r"[^\s\x00-\x1f\x7f]{1,200}")
_ROBOT = "robot:"
_SPECIAL = "*?["


class SubjectKind(StrEnum):
    """What a role can be granted to."""

    USER = "user"
    GROUP = "group"
    ROBOT = "robot"


class Role(StrEnum):
    """What somebody is trusted with; none but the last includes another one.

    Whoever builds must not approve by that, and whoever approves need not be able to promote.
    """

    VIEWER = "viewer"
    BUILDER = "builder"
    APPROVER = "approver"
    OPERATOR = "operator"
    ADMIN = "admin"


@dataclass(frozen=True, order=True)
class Subject:
    """Somebody, as people write them: `user:anna`, `group:ops`, `robot:ci`.

    A user has the same name as on this machine, if they have one there: that is the same person.
    Users and groups of an issuer have its name before theirs: `user:corp:anna`. No user of a
    machine has a colon in their name, so that `corp:anna` is nobody else.
    """

    kind: SubjectKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def actor(self) -> str:
        """Who that is in the audit: a user by their name alone, as ever."""
        return self.name if self.kind is SubjectKind.USER else str(self)

    @property
    def is_foreign(self) -> bool:
        """Whether an issuer says who that is, neither this machine nor we."""
        return self.kind is not SubjectKind.ROBOT and ":" in self.name


@dataclass(frozen=True)
class Grant:
    """That somebody has a role for all images whose names fit."""

    subject: Subject
    role: Role
    images: str
    at: datetime
    who: str

    def covers(self, image: str) -> bool:
        """Tell whether it is for an image; `*`, which is no image, stands for all there is."""
        return covers(self.images, image)


@dataclass(frozen=True)
class User:
    """Somebody with a password here; `password` is its hash, never shown."""

    name: str
    at: datetime
    who: str
    password: str = field(default="", repr=False)
    disabled: bool = False


@dataclass(frozen=True)
class Token:
    """A token, without its secret: for whom, and what of theirs it may do at most.

    Without a `role`, it is for all that they may; `digest` is that of the whole token.
    """

    id: str
    name: str
    subject: Subject
    images: str
    role: Role | None
    digest: Digest = field(repr=False)
    at: datetime
    who: str
    expires_at: datetime
    revoked_at: datetime | None = None
    used_at: datetime | None = None

    def state(self, now: datetime) -> "TokenState":
        """Return what it is now."""
        if self.revoked_at is not None:
            return TokenState.REVOKED
        return TokenState.EXPIRED if now >= self.expires_at else TokenState.VALID


class TokenState(StrEnum):
    """Whether a token can be used."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Means(StrEnum):
    """By what it is known who somebody is."""

    MACHINE = "user of this machine"
    TOKEN = "token"  # noqa: S105 - a word for people
    PASSWORD = "password"  # noqa: S105 - a word for people
    ID_TOKEN = "ID token"  # noqa: S105 - a word for people
    SESSION = "session"
    SYSTEM = "Herdbook itself"


@dataclass(frozen=True)
class Authority:
    """By what somebody acts, and what that limits them to: `token` is the token's name.

    By an ID token it is its `issuer` that says who they are, `until` then, and in which of its
    `groups`: by a token of ours in none, and where that is None, in those that it said last.
    `called` is what it calls them by where we call them otherwise.
    """

    means: Means = Means.MACHINE
    token: str = ""
    role: Role | None = None
    images: str = EVERYTHING
    issuer: str = ""
    called: str = ""
    until: datetime | None = None
    groups: frozenset[str] | None = None


@dataclass(frozen=True)
class Standing:
    """All that is decided by: who has which role, and which users are disabled."""

    grants: tuple[Grant, ...] = ()
    disabled: frozenset[str] = frozenset()

    @property
    def admins(self) -> list[Subject]:
        """Who may do everything, and grant it."""
        wanted = (Role.ADMIN, EVERYTHING)
        found = {each.subject for each in self.grants if (each.role, each.images) == wanted}
        return sorted(found)


def covers(pattern: str, image: str) -> bool:
    """Tell whether a pattern is for an image; only `*` is for `*`, all there is.

    A pattern of images in place of one is covered by itself, and by one that ends with a * and is
    the beginning of it.
    """
    if pattern in {EVERYTHING, image}:
        return True
    if any(each in image for each in _SPECIAL):
        beginning = pattern.removesuffix(EVERYTHING)
        plain = pattern != beginning and not any(each in beginning for each in _SPECIAL)
        return plain and image != EVERYTHING and image.startswith(beginning)
    return fnmatchcase(image, pattern)


def subject_of(actor: str) -> Subject:
    """Return who an actor of the audit is."""
    if actor.startswith(_ROBOT):
        return Subject(SubjectKind.ROBOT, actor.removeprefix(_ROBOT))
    return Subject(SubjectKind.USER, actor)


def read_subject(text: str, *kinds: SubjectKind) -> Subject:
    """Read `user:anna`, of one of these kinds or any; raises InvalidInputError."""
    wanted = kinds or tuple(SubjectKind)
    kind, colon, name = text.partition(":")
    if not colon or kind not in wanted:
        forms = " or ".join(f"{each}:NAME" for each in wanted)
        raise InvalidInputError(f"{text!r} is nobody who can be meant", hint=f"Write {forms}.")
    found = Subject(SubjectKind(kind), name)
    if not (found.is_foreign and is_foreign_name(name)):
        checked_name(name)
    return found


def is_foreign_name(name: str) -> bool:
    """Tell whether something can be the name of somebody of an issuer, or of a group: corp:anna."""
    return _FOREIGN.fullmatch(name) is not None


def checked_name(name: str) -> str:
    """Return a name as it is; raises InvalidInputError for what is none."""
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"{name!r} is no name", hint="Letters, digits and ._@- are, at most 64 of them."
        )
    return name


def checked_pattern(pattern: str) -> str:
    """Return a pattern of images as it is; raises InvalidInputError for what is none."""
    if not _PATTERN.fullmatch(pattern):
        raise InvalidInputError(
            f"{pattern!r} names no images", hint="Write a name, or a pattern with *: 'shop/*'."
        )
    return pattern
