"""The frozen records of subscriptions: who wants to know what, and how far they were told."""

import re
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from enum import StrEnum
from fnmatch import fnmatchcase

from herdbook.audit.chain import Record
from herdbook.core.errors import InvalidInputError

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_WEB = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?(/[^\s#]*)?")


class Kind(StrEnum):
    """How somebody is told."""

    WEBHOOK = "webhook"
    MAIL = "mail"


@dataclass(frozen=True)
class Subscription:
    """Who is told, and of what: of verbs and subjects of the audit that fit these patterns.

    `secret` is the fingerprint of what a webhook's messages are signed with.
    """

    name: str
    kind: Kind
    address: str
    verbs: tuple[str, ...] = ("*",)
    subjects: str = "*"
    secret: str = ""

    def wants(self, record: Record) -> bool:
        """Tell whether a record is one of those."""
        fits = any(fnmatchcase(record.verb, each) for each in self.verbs)
        return fits and fnmatchcase(record.subject, self.subjects)


@dataclass(frozen=True)
class Course:
    """How far a subscription is: all records to `number` were sent, or nobody wanted them.

    After `failures` in a row it is tried `again_at`; `trouble` says what the last one was. So many
    were `given_up`, for they were too old.
    """

    number: int
    failures: int = 0
    again_at: datetime | None = None
    trouble: str = ""
    given_up: int = 0
    told_at: datetime | None = None


@dataclass(frozen=True)
class Message:
    """What is sent at once: one record to a webhook, or several by mail."""

    identity: str
    content: bytes
    subject: str = ""


def check_subscription_name(name: str) -> str:
    """Return a subscription's name; raises InvalidInputError for what is none."""
    if not _NAME.fullmatch(name):
        raise InvalidInputError(f"{name!r} is no name of a subscription", hint="Such as chat.")
    return name


def is_mail_address(text: str) -> bool:
    """Tell whether mail can be sent there: ASCII, as every server takes it (RFC 5321)."""
    try:
        return text.isascii() and Address(addr_spec=text).addr_spec == text
    except (ValueError, MessageError, IndexError):
        return False


def check_address(kind: Kind, address: str) -> str:
    """Return where somebody is told; raises InvalidInputError for what is no such address."""
    if kind is Kind.MAIL:
        if not is_mail_address(address):
            raise InvalidInputError(f"{address!r} is no address of mail", hint="NAME@DOMAIN.")
        return address
    if not _WEB.fullmatch(address):
        raise InvalidInputError(f"{address!r} is no address", hint="https://HOST/PATH.")
    return address
