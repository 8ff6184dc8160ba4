"""What a register tells another one of a version: an artifact that refers to the pushed index.

The version's own documents name its layers uncompressed, and are the same in every register.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from herdbook.catalogue.components import Component, Ecosystem, LayerBill, Origin
from herdbook.catalogue.model import NewVersion, Variant, VariantRecord, Version
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError, VerificationError
from herdbook.images.artifacts import Artifact, artifact
from herdbook.images.documents import CONFIG, INDEX, MANIFEST, Document, render
from herdbook.images.travelling import layers_in, named_in
from herdbook.packages.model import DIGEST_PATTERN
from herdbook.recipes.model import IMAGE_NAME

VERSION = "application/vnd.herdbook.version.v1+json"
PART_ANNOTATION = "io.herdbook.part"
"""Says which part of a version a blob is; the documents among them may come in any order."""

FACTS, DOCUMENT, LOCK, RECIPE, BILLS = "facts", "document", "lock", "recipe", "bills"
_DOCUMENT_BLOB = "application/vnd.herdbook.document.v1+json"
_LONGEST_NAME = 200
_LONGEST_PURL = 500
_FIRST_YEAR, _LAST_YEAR = 1970, 9998
_TEXT = "application/vnd.herdbook.text.v1"


def _in_our_time(moment: datetime) -> datetime:
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:  # beyond, other zones have no such moment
        raise ValueError(moment)
    return moment


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError(text)
    return text


_Words = Annotated[str, AfterValidator(_printable)]


class Facts(BaseModel):
    """What no document says of a version; `image` and `number` are those of its first register.

    `common` says by variant how many of its lowest layers other images have, too.
    """

    model_config = ConfigDict(frozen=True)

    image: str = Field(pattern=IMAGE_NAME, max_length=_LONGEST_NAME)
    number: int = Field(ge=1)
    digest: Digest = Field(pattern=DIGEST_PATTERN)
    build_key: Digest = Field(pattern=DIGEST_PATTERN)
    wishes: Digest | None = Field(None, pattern=DIGEST_PATTERN)
    created_at: Annotated[AwareDatetime, AfterValidator(_in_our_time)]
    may_rebase: bool
    common: Mapping[Variant, int]


class _Component(BaseModel):
    """A component as it is written down, no longer than a register can keep it."""

    model_config = ConfigDict(frozen=True)

    ecosystem: Ecosystem
    name: _Words = Field(min_length=1, max_length=214)
    version: _Words = Field(max_length=200)
    suite: _Words = Field("", max_length=32)
    architecture: _Words = Field("", max_length=16)
    source: _Words = Field("", max_length=214)
    source_version: _Words = Field("", max_length=200)
    licence: _Words = ""
    digest: _Words = Field("", max_length=140)


class _Bill(BaseModel):
    model_config = ConfigDict(frozen=True)

    layer: Digest = Field(pattern=DIGEST_PATTERN)
    origin: Origin
    components: tuple[_Component, ...]


class _Bills(BaseModel):
    bills: tuple[_Bill, ...]


@dataclass(frozen=True)
class Parts:
    """All that an artifact tells of a version."""

    facts: Facts
    documents: Mapping[Digest, bytes]
    lock: str
    recipe: str
    bills: tuple[LayerBill, ...]


def version_artifact(
    subject: Document,
    version: Version,
    documents: Sequence[Document],
    bills: Sequence[LayerBill],
    *,
    may_rebase: bool,
) -> Artifact:
    """Return what another register has to know of a version whose pushed index is `subject`."""
    facts = Facts(
        image=version.image,
        number=version.number,
        digest=version.digest,
        build_key=version.build_key,
        wishes=version.wishes,
        created_at=version.created_at,
        may_rebase=may_rebase,
        common={each.kind: each.common for each in version.variants},
    )
    listed = {"bills": [_written(bill) for bill in sorted(bills, key=lambda each: each.layer)]}
    blobs = [
        (render(VERSION, facts.model_dump(mode="json")), _part(FACTS)),
        *((Document(_DOCUMENT_BLOB, each.content), _part(DOCUMENT)) for each in documents),
        (Document(_TEXT, version.lock.encode()), _part(LOCK)),
        (Document(_TEXT, version.recipe.encode()), _part(RECIPE)),
        (render(_DOCUMENT_BLOB, listed), _part(BILLS)),
    ]
    label = {"org.opencontainers.image.title": version.label}
    return artifact(subject, VERSION, blobs, label)


def read_parts(blobs: Sequence[tuple[str, bytes]]) -> Parts:
    """Return what the blobs of an artifact tell, each given with its part's name.

    Raises VerificationError where a part is missing or cannot be read.
    """
    of_part = {part: content for part, content in blobs if part != DOCUMENT}
    documents = [content for part, content in blobs if part == DOCUMENT]
    try:
        facts = Facts.model_validate_json(of_part[FACTS])
        told = _Bills.model_validate_json(of_part[BILLS])
        lock, recipe = of_part[LOCK].decode(), of_part[RECIPE].decode()
        bills = tuple(_read(each) for each in told.bills)
    except (KeyError, ValidationError, ValueError, TypeError) as error:
        raise VerificationError("What is told of the version cannot be read") from error
    named = {digests.of_bytes(content): content for content in documents}
    return Parts(facts, named, lock, recipe, bills)


def checked_image(name: str) -> str:
    """Return what can be an image's name; raises InvalidInputError for anything else."""
    if re.fullmatch(IMAGE_NAME.strip("^$"), name) is None or len(name) > _LONGEST_NAME:
        raise InvalidInputError(
            f"{name!r} cannot be the name of an image", hint="Write it as shop/web."
        )
    return name


def new_version(parts: Parts, image: str, parent: tuple[str, int] | None) -> NewVersion:
    """Return a version for a register, from what another one told of it.

    Raises VerificationError where the documents do not fit together.
    """
    index = _document(parts, parts.facts.digest, INDEX)
    kept = {index.digest: index}
    variants = []
    for listed in named_in(index, "manifests"):
        manifest = _document(parts, listed.digest, MANIFEST)
        (config,) = named_in(manifest, "config")
        kept[manifest.digest] = manifest
        kept[config.digest] = _document(parts, config.digest, config.media_type)
        variants.append(_variant(parts.facts, listed.annotations, manifest, kept[config.digest]))
    _require_ordered(variants)
    layers = {layer.digest for variant in variants for layer in variant.layers}
    return NewVersion(
        image=image,
        digest=index.digest,
        build_key=parts.facts.build_key,
        lock=parts.lock,
        recipe=parts.recipe,
        created_at=parts.facts.created_at,
        variants=tuple(variants),
        documents=tuple(kept.values()),
        parent=parent,
        bills=tuple(bill for bill in parts.bills if bill.layer in layers),
        wishes=parts.facts.wishes,
        may_rebase=parts.facts.may_rebase,
    )


def _variant(
    facts: Facts, annotations: Mapping[str, str], manifest: Document, config: Document
) -> VariantRecord:
    layers = tuple(layers_in(manifest))
    try:
        kind = Variant(annotations["io.herdbook.variant"])
        common = facts.common[kind]
    except (KeyError, ValueError) as error:
        raise VerificationError("The version has a variant of no known kind") from error
    if not 0 <= common <= len(layers):
        raise VerificationError(f"The {kind} does not have {common} layers")
    if config.media_type == CONFIG:
        _require_same_layers(config, layers)
    return VariantRecord(kind, manifest.digest, config.digest, layers, common)


def _require_same_layers(config: Document, layers: Sequence[object]) -> None:
    try:
        said = json.loads(config.content)["rootfs"]["diff_ids"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise VerificationError("The container's configuration cannot be read") from error
    if said != [getattr(layer, "digest", None) for layer in layers]:
        raise VerificationError("The container's configuration names other layers")


def _require_ordered(variants: Sequence[VariantRecord]) -> None:
    order = [list(Variant).index(each.kind) for each in variants]
    if not order or any(before >= after for before, after in pairwise(order)):
        raise VerificationError("The version does not have each of its variants once")


def _document(parts: Parts, digest: Digest, media_type: str) -> Document:
    if digest not in parts.documents:
        raise VerificationError(f"The version's document {digest} is missing")
    return Document(media_type, parts.documents[digest])


def _part(name: str) -> dict[str, str]:
    return {PART_ANNOTATION: name}


def _written(bill: LayerBill) -> dict[str, object]:
    components = [
        {each.name: str(getattr(component, each.name)) for each in fields(Component)}
        for component in bill.components
    ]
    told = [{name: value for name, value in each.items() if value} for each in components]
    return {"layer": bill.layer, "origin": bill.origin.value, "components": told}


def _read(told: _Bill) -> LayerBill:
    components = tuple(Component(**dict(each)) for each in told.components)
    for each in components:
        if len(each.purl) > _LONGEST_PURL:
            raise ValueError(each)
    return LayerBill(told.layer, components, told.origin)
