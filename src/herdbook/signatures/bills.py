"""States what a layer holds, so that its bill can be signed: once, however many images have it."""

from herdbook.catalogue.components import LayerBill, Origin
from herdbook.core import digests
from herdbook.signatures.checking import Check, check_signature
from herdbook.signatures.envelopes import Envelope
from herdbook.signatures.model import Ring
from herdbook.signatures.statements import statement

BILL = "urn:herdbook:bill:1"
"""The type of a statement that a layer holds certain components."""


def bill_statement(bill: LayerBill) -> bytes:
    """Return what is signed of a bill; a component's package URL stands for all its fields."""
    held = {each.purl: [each.licence, each.digest] for each in reversed(bill.components)}
    predicate = {"origin": bill.origin.value, "components": dict(sorted(held.items()))}
    return statement({"layer": bill.layer}, BILL, predicate)


def is_made(bill: LayerBill) -> bool:
    """Tell whether somebody has looked what a layer holds."""
    return bill.origin is not Origin.NOT_SCANNED


def bill_envelope(bill: LayerBill, signed: tuple[str, bytes] | None) -> Envelope | None:
    """Return a bill as somebody of that identity has signed it; None where nobody has."""
    return Envelope(bill_statement(bill), *signed) if signed else None


def check_bill(ring: Ring, image: str, bill: LayerBill, signed: tuple[str, bytes] | None) -> Check:
    """Say whether a bill is as it was signed; one that was never made says nothing to be wrong."""
    part = f"bill of the layer {digests.short(bill.layer)}"
    if not is_made(bill):
        return Check(part, "somebody has signed one, and it is gone" if signed else "")
    return Check(part, check_signature(ring, image, bill_envelope(bill, signed)).fault)
