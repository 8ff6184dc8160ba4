"""Writes into the audit who does what: before it is done, so that nothing is done unwritten."""

from pydantic import JsonValue

from herdbook.actions.workshop import Workshop
from herdbook.audit.chain import Entry
from herdbook.core.errors import InvalidInputError


def entry(workshop: Workshop, verb: str, subject: str, **details: JsonValue) -> Entry:
    """Return what whoever gives this command does, for the audit.

    Where an issuer calls them otherwise, it says that, too: one robot may be many runs.
    """
    authority = workshop.authority
    if authority.called:
        details = {**details, "by": f"{authority.issuer}: {authority.called}"}
    return Entry(who=workshop.actor, verb=verb, subject=subject, details=details)


def note(workshop: Workshop, verb: str, subject: str, **details: JsonValue) -> None:
    """Write down what is about to be done.

    Raises VerificationError where the audit is not as it was written: then it must not be done.
    """
    workshop.audit.append(entry(workshop, verb, subject, **details), workshop.clock.now())


def require_words(why: str, option: str) -> None:
    """Raise InvalidInputError where somebody says nothing that others could go by later."""
    if not why.strip():
        raise InvalidInputError(f"{option} says nothing", hint="Say why, in words.")
