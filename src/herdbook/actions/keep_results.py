"""Keeps what came of trying versions, signed, and says which of it is to be believed."""

from herdbook.actions.note import entry
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.channels.results import Result, read_result, result_statement
from herdbook.core import digests
from herdbook.core.errors import VerificationError
from herdbook.signatures.checking import check_signature
from herdbook.signatures.envelopes import Envelope

_TEST = "test"


def keep_result(workshop: Workshop, result: Result) -> None:
    """Keep a result, signed, in place of what was known before of the same."""
    envelope = workshop.keys.sign(lambda _: result_statement(result))
    written = entry(
        workshop,
        _TEST,
        result.subject,
        passed=result.passed,
        failed=list(result.failed),
        digest=result.digest,
        statement=digests.of_bytes(envelope.payload),
    )
    workshop.channels.keep_result(result, envelope, written)


def results_of(workshop: Workshop, version: Version, twin: int = 0) -> list[Result]:
    """Return what is known of a version that somebody's word is on whose word counts.

    What was put back past Herdbook is left out: the audit knows which result is the newest. What
    is known of its `twin`, a version of that number with the same digest, is known of it, too; of
    the same thing, the newest comes last.
    """
    found = (
        _believed(workshop, version, number, each)
        for number in dict.fromkeys((twin or version.number, version.number))
        for each in workshop.channels.results((version.image, number))
    )
    return sorted((each for each in found if each is not None), key=lambda each: each.at)


def _believed(
    workshop: Workshop, version: Version, number: int, envelope: Envelope
) -> Result | None:
    if check_signature(workshop.keys.ring(), version.image, envelope).fault:
        return None
    try:
        result = read_result(envelope)
    except VerificationError:
        return None
    if (*result.made, result.digest) != (version.image, number, version.digest):
        return None
    newest = workshop.audit.newest_about(result.subject, (_TEST,))
    stated = digests.of_bytes(envelope.payload)
    return result if newest and newest.details.get("statement") == stated else None
