"""The tables of people: grants, users, groups, tokens and issuers, as SQLAlchemy describes them."""

from sqlalchemy import JSON, Boolean, Column, DateTime, String, Table, Text

from herdbook.store.schema import DigestColumn, metadata

_SUBJECT = String(100)
_NAME = String(64)
_IMAGES = String(200)
_ROLE = String(16)

role_grants = Table(
    "role_grants",
    metadata,
    Column("subject", _SUBJECT, primary_key=True),
    Column("role", _ROLE, primary_key=True),
    Column("images", _IMAGES, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", _SUBJECT, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("name", _NAME, primary_key=True),
    Column("password", Text, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", _SUBJECT, nullable=False),
)
"""Passwords as Argon2id has hashed them."""

group_members = Table(
    "group_members",
    metadata,
    Column("group_name", _NAME, primary_key=True),
    Column("subject", _SUBJECT, primary_key=True, index=True),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(10), primary_key=True),
    Column("name", _NAME, nullable=False),
    Column("subject", _SUBJECT, nullable=False),
    Column("images", _IMAGES, nullable=False),
    Column("role", _ROLE, nullable=False),
    Column("digest", DigestColumn, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", _SUBJECT, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("revoked_at", DateTime(timezone=True)),
    Column("used_at", DateTime(timezone=True)),
)
"""No role is an empty one: all that whoever it is for may do."""

_ISSUER = String(20)

issuers = Table(
    "issuers",
    metadata,
    Column("name", _ISSUER, primary_key=True),
    Column("url", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("name_claim", Text, nullable=False),
    Column("groups_claim", Text, nullable=False),
    Column("required", JSON, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("mappings", JSON, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("who", _SUBJECT, nullable=False),
    Column("removed_at", DateTime(timezone=True)),
)
"""One that was removed keeps its name: what was granted to its people is nobody else's."""

issuer_people = Table(
    "issuer_people",
    metadata,
    Column("issuer", _ISSUER, primary_key=True),
    Column("name", _NAME, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("groups", JSON, nullable=False),
    Column("said_at", DateTime(timezone=True), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("disabled", Boolean, nullable=False),
)
"""Whom a name of an issuer is bound to: what the issuer calls them by for good."""
