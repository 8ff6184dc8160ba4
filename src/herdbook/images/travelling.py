"""Renders the documents of a version as it travels: over its compressed layers, for any client.

A runtime that is given the index takes the container, since the VM names no platform; whoever
looks for machines finds it by its artifact type (OCI image specification 1.1, "Image Index").
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import VerificationError
from herdbook.images.compressing import MEDIA_TYPES
from herdbook.images.documents import (
    ARCHITECTURE,
    INDEX,
    INPUTS_ANNOTATION,
    MACHINE,
    Document,
    LayerReference,
    render,
    with_layers,
)

VARIANT_ANNOTATION = "io.herdbook.variant"
_TITLE = "org.opencontainers.image.title"


def travelling_manifest(manifest: Document, packed: Mapping[Digest, LayerReference]) -> Document:
    """Return a manifest over its layers as they travel; `packed` tells how, by plain digest.

    Where all of them travel as they are, it is the manifest itself, byte for byte.
    """
    plain = layers_in(manifest)
    layers = [packed[layer.digest] for layer in plain]
    return manifest if layers == plain else with_layers(manifest, layers)


def travelling_index(variants: Sequence[tuple[str, Document]]) -> Document:
    """Return the index over the manifests of a version, each with the kind of its variant."""
    listed = [_listed(kind, manifest) for kind, manifest in variants]
    return render(INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": listed})


def _listed(kind: str, manifest: Document) -> dict[str, Any]:
    told = {**manifest.descriptor(), "annotations": {VARIANT_ANNOTATION: kind}}
    if json.loads(manifest.content).get("artifactType") == MACHINE:
        return {**told, "artifactType": MACHINE}
    return {**told, "platform": {"architecture": ARCHITECTURE, "os": "linux"}}


def layers_in(manifest: Document) -> list[LayerReference]:
    """Return the layers that a manifest of ours names, the lowest first.

    Raises VerificationError for what is no such manifest: it may come from a registry.
    """
    try:
        return [_layer(each) for each in json.loads(manifest.content)["layers"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise VerificationError(f"{manifest.digest} is no manifest of Herdbook's") from error


@dataclass(frozen=True)
class Named:
    """What a document names besides layers: digest, size, media type and annotations."""

    digest: Digest
    size: int
    media_type: str
    annotations: Mapping[str, str]


def named_in(document: Document, part: str) -> list[Named]:
    """Return what a document names under `config`, `layers` or `manifests`.

    Raises VerificationError where nothing of the kind can be read there.
    """
    try:
        found = json.loads(document.content)[part]
        return [_named(each) for each in (found if isinstance(found, list) else [found])]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise VerificationError(f"{document.digest} names no {part} that can be read") from error


def compression_of(layer: LayerReference) -> str:
    """Return what a layer travels compressed with; raises VerificationError for anything else."""
    for compression, media_type in MEDIA_TYPES.items():
        if layer.media_type == media_type:
            return compression
    raise VerificationError(f"A layer has the unknown media type {layer.media_type!r}")


def _named(told: Mapping[str, Any]) -> Named:
    digest, size = digests.parse(str(told["digest"])), told["size"]
    if digest is None or not isinstance(size, int) or size < 0:
        raise ValueError(told)
    said = {str(name): str(value) for name, value in told.get("annotations", {}).items()}
    return Named(digest, size, str(told["mediaType"]), said)


def _layer(told: Mapping[str, Any]) -> LayerReference:
    named = _named(told)
    written = named.annotations.get(INPUTS_ANNOTATION)
    inputs = digests.parse(written) if written is not None else None
    if written is not None and inputs is None:
        raise ValueError(told)
    title = named.annotations[_TITLE]
    return LayerReference(title, named.digest, named.size, named.media_type, inputs)
