"""Exceptions: somebody answers, until a day, for what would else speak against a promotion."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from herdbook.core.digests import EMPTY
from herdbook.core.errors import InvalidInputError
from herdbook.signatures.envelopes import Envelope
from herdbook.signatures.statements import statement

EXCEPTION = "urn:herdbook:exception:1"
"""The type of a statement that somebody answers for a finding; docs/signatures.md says it."""

LONGEST = timedelta(days=365)
UNKNOWN = "unknown"
"""What an exception calls a licence that nobody knows."""

ADD, END = "add-exception", "end-exception"
"""What the audit says is done to an exception."""

_LONGEST_NAME = 100


@dataclass(frozen=True)
class GateException:
    """That a finding does not speak against images whose names fit, until then.

    `name` is that of a vulnerability or a licence; `component` is empty for whatever has it.
    `signature` is that of the builder's `key` of this identity, once it is kept.
    """

    number: int
    name: str
    images: str
    owner: str
    until: datetime
    why: str
    who: str
    at: datetime
    component: str = ""
    ended_at: datetime | None = None
    ended_by: str = ""
    key: str = field(default="", compare=False)
    signature: bytes = field(default=b"", compare=False, repr=False)

    @property
    def subject(self) -> str:
        """What the audit calls it."""
        return f"exception {self.number}"

    def holds(self, now: datetime) -> bool:
        """Tell whether it holds at a time."""
        return self.ended_at is None and now < self.until

    def fits(self, image: str) -> bool:
        """Tell whether it is for an image."""
        return fnmatchcase(image, self.images)


def check_exception(exception: GateException) -> GateException:
    """Return it where it may be; raises InvalidInputError where nobody or nothing ends it."""
    named = {"its name": exception.name, "--images": exception.images, "--owner": exception.owner}
    for what, text in named.items():
        if not text.strip() or not text.isprintable() or len(text) > _LONGEST_NAME:
            raise InvalidInputError(
                f"An exception cannot have {text!r} for {what}",
                hint=f"Write up to {_LONGEST_NAME} letters: what is found, for which images, and "
                "who answers for it.",
            )
    if exception.until <= exception.at:
        raise InvalidInputError(
            f"{exception.until:%Y-%m-%d %H:%M} is over", hint="Name a day that is to come."
        )
    if exception.until > exception.at + LONGEST:
        raise InvalidInputError(
            f"{exception.until:%Y-%m-%d} is more than {LONGEST.days} days ahead",
            hint="Name an earlier day, and look at it again then.",
        )
    return exception


def exception_statement(exception: GateException) -> bytes:
    """Return what is signed of an exception: all that does not change."""
    predicate = {
        "name": exception.name,
        "images": exception.images,
        "component": exception.component,
        "owner": exception.owner,
        "until": exception.until.timestamp(),
        "why": exception.why,
        "who": exception.who,
        "at": exception.at.timestamp(),
    }
    return statement({exception.subject: EMPTY}, EXCEPTION, predicate)


def envelope_of(exception: GateException) -> Envelope | None:
    """Return an exception as it was signed; None for one that nobody has."""
    if not exception.signature:
        return None
    return Envelope(exception_statement(exception), exception.key, exception.signature)


def covering(
    exceptions: Iterable[GateException], name: str, component: str
) -> GateException | None:
    """Return the exception for a finding that holds the longest, if there is one.

    Those given are about the image, and hold.
    """
    found = [
        each
        for each in exceptions
        if each.name.casefold() == name.casefold() and each.component in {"", component}
    ]
    return max(found, key=lambda each: (each.until, -each.number), default=None)
