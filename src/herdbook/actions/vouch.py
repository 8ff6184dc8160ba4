"""Signs what nobody's word counts for: versions from before there were keys, or of a lost key."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain

from herdbook.actions.check_genuine import byte_checks, document_checks, stated_checks
from herdbook.actions.note import entry, require_words
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.components import LayerBill
from herdbook.catalogue.model import Version
from herdbook.core.errors import VerificationError
from herdbook.people.acts import Act
from herdbook.signatures.bills import bill_envelope, bill_statement, check_bill, is_made
from herdbook.signatures.checking import Check, first_fault, is_lacking
from herdbook.signatures.model import Standing
from herdbook.signatures.origins import origins_of


def vouch(workshop: Workshop, version: Version, why: str) -> bool:
    """Sign a version, by the word of whoever gives this command; tell whether that was needed.

    So are the bills of its layers. Raises VerificationError where it is not whole, or where what a
    key that counts has signed was changed: nobody can vouch for that.
    """
    require_role(workshop, Act.SIGN, version.image)
    require_words(why, "--why")
    envelope = workshop.provenances.find(version.image, version.number)
    lacking = is_lacking(workshop.keys.ring(), envelope)
    bills, checks = _bills(workshop, version)
    stated = document_checks if lacking else stated_checks
    _refuse(version, chain(stated(workshop, version), checks, byte_checks(workshop, version)))
    if not lacking and not bills:
        return False
    written = entry(workshop, "sign", version.label, digest=version.digest, why=why)
    workshop.provenances.keep_bills(
        {bill.layer: workshop.keys.sign(partial(_statement, bill)) for bill in bills}
    )
    if lacking or envelope is None:
        cause = f"{workshop.actor} vouches for it: {why}"
        envelope = workshop.keys.state(origins_of(version, version.number, cause))
    workshop.provenances.keep(version.image, version.number, envelope, written)
    return True


def vouch_for_all(workshop: Workshop, why: str) -> Iterator[Version]:
    """Sign every version that nobody who counts has signed, and yield it; raises as `vouch`."""
    require_role(workshop, Act.SIGN)
    require_words(why, "--why")
    keys = workshop.keys.ring().keys
    counting = [each.key.identity for each in keys if each.standing is not Standing.DISTRUSTED]
    for image, number in workshop.provenances.lacking(counting):
        version = workshop.versions.find(image, number)
        if version is not None and vouch(workshop, version, why):
            yield version


def _bills(workshop: Workshop, version: Version) -> tuple[Sequence[LayerBill], Sequence[Check]]:
    """Return the bills of its layers that nobody's word is on, and what was found of the others."""
    layers = {layer.digest for each in version.variants for layer in each.layers}
    ring, signed = workshop.keys.ring(), workshop.provenances.bills(layers)
    unsigned, checks = [], []
    for bill in filter(is_made, workshop.components.bills(sorted(layers))):
        given = signed.get(bill.layer)
        if is_lacking(ring, bill_envelope(bill, given)):
            unsigned.append(bill)
        else:
            checks.append(check_bill(ring, version.image, bill, given))
    return unsigned, checks


def _statement(bill: LayerBill, _identity: str) -> bytes:
    return bill_statement(bill)


def _refuse(version: Version, checks: Iterator[Check]) -> None:
    if fault := first_fault(checks):
        raise VerificationError(
            f"Nobody can vouch for {version.label}: {fault}",
            hint="Take another version, or find out what was done to it: herdbook verify "
            f"{version.label}",
        )
