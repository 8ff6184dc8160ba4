"""The tables of people: grants, users, groups and tokens, as SQLAlchemy describes them."""

from sqlalchemy import Boolean, Column, DateTime, String, Table, Text

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
