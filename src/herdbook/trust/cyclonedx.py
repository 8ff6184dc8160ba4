"""Renders a bill of materials as CycloneDX 1.6 JSON (https://cyclonedx.org/docs/1.6/json/)."""

import json
from datetime import UTC
from typing import Any

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component as Part
from cyclonedx.model.component import ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.license import (
    DisjunctiveLicense,
    License,
    LicenseAcknowledgement,
    LicenseExpression,
)
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.spdx import is_supported_id
from packageurl import PackageURL

from herdbook.recipes.model import Variant
from herdbook.trust.bill import Bill, HeldComponent, not_scanned_text

MEDIA_TYPE = "application/vnd.cyclonedx+json"

_ALGORITHMS = {
    "sha1": HashAlgorithm.SHA_1,
    "sha256": HashAlgorithm.SHA_256,
    "sha384": HashAlgorithm.SHA_384,
    "sha512": HashAlgorithm.SHA_512,
}
_TYPES = {
    Variant.CONTAINER: ComponentType.CONTAINER,
    Variant.VM: ComponentType.OPERATING_SYSTEM,
}


def render(bill: Bill) -> bytes:
    """Return the document; equal bills give equal bytes."""
    image = _image(bill)
    parts = [_part(each) for each in bill.held()]
    contained = [Dependency(ref=each.bom_ref) for each in parts]
    bom = Bom(
        serial_number=bill.serial,
        metadata=BomMetaData(
            component=image,
            timestamp=bill.created.astimezone(UTC).replace(microsecond=0),
            tools=ToolRepository(
                components=[Part(type=ComponentType.APPLICATION, name="herdbook")]
            ),
        ),
        components=parts,
        dependencies=[Dependency(ref=image.bom_ref, dependencies=contained), *contained],
    )
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    document["compositions"] = _compositions(bill)
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def _image(bill: Bill) -> Part:
    properties = [
        Property(name="herdbook:variant", value=bill.variant.value),
        *(
            Property(name=f"herdbook:layer:{each.origin}", value=f"{each.layer} {each.title}")
            for each in bill.layers
        ),
    ]
    return Part(
        type=_TYPES[bill.variant],
        name=bill.image,
        version=str(bill.number),
        bom_ref=bill.purl,
        purl=PackageURL.from_string(bill.purl),
        hashes=_hashes(bill.digest),
        description=not_scanned_text(bill) or None,
        properties=properties,
    )


def _part(held: HeldComponent) -> Part:
    component = held.component
    properties = [Property(name="herdbook:layer", value=each.layer) for each in held.layers]
    if component.source:
        source = f"{component.source} {component.source_version}".strip()
        properties.append(Property(name="herdbook:source", value=source))
    return Part(
        type=ComponentType.LIBRARY,
        name=component.name,
        version=component.version,
        bom_ref=component.purl,
        purl=PackageURL.from_string(component.purl),
        licenses=_licences(component.licence),
        hashes=_hashes(component.digest),
        properties=properties,
    )


def _licences(expression: str) -> list[License]:
    """One identifier is named as such, for readers that know no expressions."""
    if not expression:
        return []
    declared = LicenseAcknowledgement.DECLARED
    if is_supported_id(expression):
        return [DisjunctiveLicense(id=expression, acknowledgement=declared)]
    return [LicenseExpression(expression, acknowledgement=declared)]


def _hashes(digest: str) -> list[HashType]:
    algorithm, _, value = digest.partition(":")
    known = _ALGORITHMS.get(algorithm)
    return [HashType(alg=known, content=value)] if known else []


def _compositions(bill: Bill) -> list[dict[str, Any]]:
    """Say whether all is listed, which the library has no model for yet (1.6, `compositions`)."""
    aggregate = "incomplete" if bill.not_scanned else "complete"
    return [{"aggregate": aggregate, "assemblies": [bill.purl]}]
