"""Signs what nobody's word counts for: versions from before there were keys, or of a lost key."""

from collections.abc import Iterator
from itertools import chain

from herdbook.actions.check_genuine import byte_checks, document_checks
from herdbook.actions.note import entry, require_words
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.core.errors import VerificationError
from herdbook.signatures.checking import Check, check_signature, is_lacking
from herdbook.signatures.origins import origins_of


def vouch(workshop: Workshop, version: Version, why: str) -> bool:
    """Sign a version, by the word of whoever gives this command; tell whether that was needed.

    Raises VerificationError where it is not whole, or where what a key that counts has signed was
    changed: nobody can vouch for that.
    """
    require_words(why, "--why")
    ring = workshop.keys.ring()
    envelope = workshop.provenances.find(version.image, version.number)
    signature = check_signature(ring, version.image, envelope)
    if not signature.fault:
        return False
    checks = chain(document_checks(workshop, version), byte_checks(workshop, version))
    if not is_lacking(ring, envelope):
        checks = chain([signature], checks)
    _refuse(version, checks)
    cause = f"{workshop.actor} vouches for it: {why}"
    stated = workshop.keys.state(origins_of(version, version.number, cause))
    written = entry(workshop, "sign", version.label, digest=version.digest, why=why)
    workshop.provenances.keep(version.image, version.number, stated, written)
    return True


def vouch_for_all(workshop: Workshop, why: str) -> Iterator[Version]:
    """Sign every version that nobody has signed, and yield it; raises as `vouch`."""
    for image, number in workshop.provenances.lacking():
        version = workshop.versions.find(image, number)
        if version is not None and vouch(workshop, version, why):
            yield version


def _refuse(version: Version, checks: Iterator[Check]) -> None:
    for each in checks:
        if each.fault:
            raise VerificationError(
                f"Nobody can vouch for {version.label}: {each.part}: {each.fault}",
                hint="Build it again: herdbook build",
            )
