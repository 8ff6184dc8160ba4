"""Renders a bill of materials as SPDX 2.3 JSON (https://spdx.github.io/spdx-spec/v2.3/)."""

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC
from functools import lru_cache
from io import StringIO

from license_expression import LicenseExpression
from spdx_tools.spdx.model.actor import Actor, ActorType
from spdx_tools.spdx.model.checksum import Checksum, ChecksumAlgorithm
from spdx_tools.spdx.model.document import CreationInfo, Document
from spdx_tools.spdx.model.extracted_licensing_info import ExtractedLicensingInfo
from spdx_tools.spdx.model.package import (
    ExternalPackageRef,
    ExternalPackageRefCategory,
    Package,
    PackagePurpose,
)
from spdx_tools.spdx.model.relationship import Relationship, RelationshipType
from spdx_tools.spdx.model.spdx_no_assertion import SpdxNoAssertion
from spdx_tools.spdx.model.spdx_none import SpdxNone
from spdx_tools.spdx.writer.json.json_writer import write_document_to_stream

from herdbook.catalogue.components import Component, Origin
from herdbook.recipes.model import Variant
from herdbook.trust.bill import Bill, TitledBill, not_scanned_text
from herdbook.trust.licence_names import licensing

MEDIA_TYPE = "application/spdx+json"

_DOCUMENT = "SPDXRef-DOCUMENT"
_IMAGE = "SPDXRef-Image"
_ALGORITHMS = {
    "sha1": ChecksumAlgorithm.SHA1,
    "sha256": ChecksumAlgorithm.SHA256,
    "sha384": ChecksumAlgorithm.SHA384,
    "sha512": ChecksumAlgorithm.SHA512,
}
_PURPOSES = {
    Variant.CONTAINER: PackagePurpose.CONTAINER,
    Variant.VM: PackagePurpose.OPERATING_SYSTEM,
}
_REFERENCE = re.compile(r"LicenseRef-[A-Za-z0-9.-]+")
_TEXT = (
    "Packages name this licence so; SPDX does not list it. Its text is in the copyright or licence "
    "files of the packages that declare it."
)


def render(bill: Bill) -> bytes:
    """Return the document; equal bills give equal bytes."""
    stream = StringIO()
    write_document_to_stream(document_of(bill), stream, validate=False, drop_duplicates=False)
    return stream.getvalue().encode() + b"\n"


def document_of(bill: Bill) -> Document:
    """Return the document as the library models it, which can validate it.

    The image contains its layers, and a layer its components: several may contain the same one.
    """
    held = bill.held()
    components = [_component(each.component) for each in held]
    return Document(
        creation_info=_creation(bill),
        packages=[_image(bill), *(_layer(each) for each in _layers(bill)), *components],
        relationships=[
            Relationship(_DOCUMENT, RelationshipType.DESCRIBES, _IMAGE),
            *(_contains(_IMAGE, _layer_id(each)) for each in _layers(bill)),
            *(
                _contains(_layer_id(layer), _component_id(each.component))
                for each in held
                for layer in each.layers
            ),
            *(_contains(_layer_id(each), _rest(each)) for each in _layers(bill) if _is_bare(each)),
        ],
        extracted_licensing_info=_extracted([each.component.licence for each in held]),
    )


def _creation(bill: Bill) -> CreationInfo:
    """The namespace is under SPDX's own site, as for all who have none (2.3, 6.5)."""
    name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{bill.image}-{bill.number}-{bill.variant}")
    return CreationInfo(
        spdx_version="SPDX-2.3",
        spdx_id=_DOCUMENT,
        name=bill.label,
        document_namespace=f"https://spdx.org/spdxdocs/herdbook-{name}-{bill.serial}",
        creators=[Actor(ActorType.TOOL, "herdbook")],
        created=bill.created.astimezone(UTC).replace(microsecond=0),
        document_comment=not_scanned_text(bill) or None,
    )


def _layers(bill: Bill) -> list[TitledBill]:
    """The layers, each once."""
    return list({each.layer: each for each in reversed(bill.layers)}.values())[::-1]


def _is_bare(layer: TitledBill) -> bool:
    return layer.origin is Origin.NOT_SCANNED or not layer.components


def _rest(layer: TitledBill) -> SpdxNoAssertion | SpdxNone:
    """What else a layer contains: nobody knows, or nothing (2.3, 11.1)."""
    return SpdxNoAssertion() if layer.origin is Origin.NOT_SCANNED else SpdxNone()


def _contains(whole: str, part: str | SpdxNoAssertion | SpdxNone) -> Relationship:
    return Relationship(whole, RelationshipType.CONTAINS, part)


def _image(bill: Bill) -> Package:
    return _package(
        _IMAGE,
        bill.image,
        version=str(bill.number),
        digest=bill.digest,
        purl=bill.purl,
        purpose=_PURPOSES[bill.variant],
    )


def _layer(layer: TitledBill) -> Package:
    package = _package(
        _layer_id(layer), layer.title, digest=layer.layer, purpose=PackagePurpose.ARCHIVE
    )
    package.comment = f"A layer of the image; its components: {layer.origin}"
    return package


def _component(component: Component) -> Package:
    package = _package(
        _component_id(component),
        component.name,
        version=component.version,
        digest=component.digest,
        purl=component.purl,
        purpose=PackagePurpose.LIBRARY,
    )
    if component.licence:
        package.license_declared = _licence(component.licence)
    if component.source:
        source = f"{component.source} {component.source_version}".strip()
        package.source_info = f"built from the Debian source package {source}"
    return package


def _package(
    spdx_id: str,
    name: str,
    *,
    purpose: PackagePurpose,
    version: str | None = None,
    digest: str = "",
    purl: str = "",
) -> Package:
    algorithm, _, value = digest.partition(":")
    known = _ALGORITHMS.get(algorithm)
    manager = ExternalPackageRefCategory.PACKAGE_MANAGER
    return Package(
        spdx_id=spdx_id,
        name=name,
        version=version,
        download_location=SpdxNoAssertion(),
        supplier=SpdxNoAssertion(),
        files_analyzed=False,
        checksums=[Checksum(known, value)] if known else [],
        license_concluded=SpdxNoAssertion(),
        license_declared=SpdxNoAssertion(),
        copyright_text=SpdxNoAssertion(),
        external_references=[ExternalPackageRef(manager, "purl", purl)] if purl else [],
        primary_package_purpose=purpose,
    )


def _layer_id(layer: TitledBill) -> str:
    return f"SPDXRef-Layer-{layer.layer.partition(':')[2]}"


def _component_id(component: Component) -> str:
    """A name people can read, and what sets it apart: names allow few characters (2.3, 7.2)."""
    readable = re.sub(
        r"[^A-Za-z0-9.]+", "-", f"{component.ecosystem}-{component.name}-{component.version}"
    )
    return f"SPDXRef-{readable}-{hashlib.sha256(component.purl.encode()).hexdigest()[:12]}"


@lru_cache(maxsize=1024)
def _licence(expression: str) -> LicenseExpression:
    return licensing().parse(expression)


def _extracted(expressions: Iterable[str]) -> list[ExtractedLicensingInfo]:
    """Tell of every licence that SPDX does not list (2.3, 10)."""
    names = {name for each in expressions for name in _REFERENCE.findall(each)}
    return [
        ExtractedLicensingInfo(
            license_id=name,
            extracted_text=_TEXT,
            license_name=name.removeprefix("LicenseRef-"),
        )
        for name in sorted(names)
    ]
