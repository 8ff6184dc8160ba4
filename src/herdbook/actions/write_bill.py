"""Writes the bill of materials of a version's variant, from the bills of its layers."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Variant, Version
from herdbook.catalogue.names import variant_of
from herdbook.core.errors import InvalidInputError
from herdbook.core.nearest import did_you_mean
from herdbook.trust.bill import Bill, bill_of, not_scanned_text

FORMS = {"cyclonedx": "herdbook.trust.cyclonedx", "spdx": "herdbook.trust.spdx"}
"""The modules that render a bill; their libraries take long to import, and each is for one form."""


@dataclass(frozen=True)
class WrittenBill:
    """A rendered bill, the number of its components, and what it cannot tell, if anything."""

    content: bytes
    components: int
    not_scanned: str


def write_bill(
    workshop: Workshop, version: Version, kind: Variant | None, form: str
) -> WrittenBill:
    """Render a bill; raises InvalidInputError for an unknown form, NotFoundError for a variant."""
    if form not in FORMS:
        hint = did_you_mean(form, FORMS, f"There are: {', '.join(FORMS)}.")
        raise InvalidInputError(f"{form!r} is not a format", hint=hint)
    bill = bill_for(workshop, version, kind)
    render: Callable[[Bill], bytes] = import_module(FORMS[form]).render
    return WrittenBill(render(bill), len(bill.held()), not_scanned_text(bill))


def bill_for(workshop: Workshop, version: Version, kind: Variant | None) -> Bill:
    """Put a variant's bill together; without a kind, that of the container if there is one."""
    variant = variant_of(version, kind)
    bills = workshop.components.bills(layer.digest for layer in variant.layers)
    return bill_of(version, variant, bills)
