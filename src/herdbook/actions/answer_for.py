"""Adds, lists and ends exceptions: findings that somebody answers for until a day."""

from dataclasses import dataclass, replace
from datetime import datetime

from herdbook.actions.note import entry, require_words
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.channels.exceptions import (
    ADD,
    END,
    GateException,
    check_exception,
    envelope_of,
    exception_statement,
)
from herdbook.core import digests
from herdbook.core.errors import ConflictError, NotFoundError
from herdbook.people.acts import Act
from herdbook.signatures.checking import check_signature


@dataclass(frozen=True)
class Answer:
    """What somebody wants to answer for, and until when."""

    name: str
    images: str
    owner: str
    until: datetime
    why: str
    component: str = ""


def add_exception(workshop: Workshop, answer: Answer) -> GateException:
    """Keep an exception, signed; raises InvalidInputError where nobody or nothing would end it."""
    require_role(workshop, Act.ADD_EXCEPTION, answer.images)
    require_words(answer.why, "--why")
    numbers = [each.number for each in workshop.channels.exceptions()]
    unsigned = check_exception(
        GateException(
            number=max(numbers, default=0) + 1,
            name=answer.name,
            images=answer.images,
            component=answer.component,
            owner=answer.owner,
            until=answer.until,
            why=answer.why,
            who=workshop.actor,
            at=workshop.clock.now(),
        )
    )
    envelope = workshop.keys.sign(lambda _: exception_statement(unsigned))
    exception = replace(unsigned, key=envelope.key, signature=envelope.signature)
    written = entry(
        workshop,
        ADD,
        exception.subject,
        name=exception.name,
        images=exception.images,
        component=exception.component,
        owner=exception.owner,
        until=exception.until.isoformat(),
        why=exception.why,
        statement=digests.of_bytes(envelope.payload),
    )
    workshop.channels.add_exception(exception, written)
    return exception


def end_exception(workshop: Workshop, number: int, why: str) -> GateException:
    """End an exception before its day; raises NotFoundError, or ConflictError where it is over."""
    require_words(why, "--why")
    found = next((each for each in workshop.channels.exceptions() if each.number == number), None)
    look = "See which there are: herdbook exception ls"
    if found is None:
        raise NotFoundError(f"There is no exception {number}", hint=look)
    require_role(workshop, Act.END_EXCEPTION, found.images)
    now = workshop.clock.now()
    if not found.holds(now):
        raise ConflictError(f"Exception {number} is over", hint=look)
    ended = replace(found, ended_at=now, ended_by=workshop.actor)
    written = entry(workshop, END, found.subject, name=found.name, images=found.images, why=why)
    workshop.channels.end_exception(ended, written)
    return ended


def exceptions_for(workshop: Workshop, image: str, now: datetime) -> list[GateException]:
    """Return the exceptions about an image that hold, and that somebody's word is on."""
    return [
        each
        for each in workshop.channels.exceptions()
        if each.holds(now) and each.fits(image) and not why_void(workshop, each)
    ]


def why_void(workshop: Workshop, exception: GateException) -> str:
    """Return why an exception does not count, though it seems to hold; empty where it does."""
    envelope = envelope_of(exception)
    if envelope is None:
        return "nobody has signed it"
    # A key that counts for some images only has no say where the pattern reaches further.
    if fault := check_signature(workshop.keys.ring(), exception.images, envelope).fault:
        return fault
    newest = workshop.audit.newest_about(exception.subject, (ADD, END))
    stated = digests.of_bytes(envelope.payload)
    if newest is None or newest.verb != ADD or newest.details.get("statement") != stated:
        return "the audit says otherwise of it"
    return ""
