"""Reads the documents of an existing image: picks its platform and pins what it is made of.

Sources: OCI image specification 1.1; Docker image manifest version 2, schema 2.
"""

import json
from typing import Any

from pydantic import ValidationError

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError, VerificationError
from herdbook.images.bases import BaseLayer, LockedBase
from herdbook.images.documents import ARCHITECTURE, CONFIG, INDEX, MACHINE_CONFIG, MANIFEST

_DOCKER = "application/vnd.docker"
_INDEXES = {INDEX, f"{_DOCKER}.distribution.manifest.list.v2+json"}
_MANIFESTS = {MANIFEST, f"{_DOCKER}.distribution.manifest.v2+json"}
_CONFIGS = {CONFIG, f"{_DOCKER}.container.image.v1+json"}
_LAYERS = ("application/vnd.oci.image.layer.v1.tar", f"{_DOCKER}.image.rootfs.diff.tar")
_PLATFORM = f"linux/{ARCHITECTURE}"


def manifest_in(document: bytes) -> Digest | None:
    """Return the manifest for linux/amd64 that an index names; None where it is a manifest itself.

    Raises InvalidInputError where it is neither or has none for that platform.
    """
    content = _content(document)
    if _is_manifest(content):
        return None
    if not _is_index(content):
        raise InvalidInputError("That is no image of containers: neither a manifest nor an index")
    found = [each for each in content["manifests"] if _platform(each) == _PLATFORM]
    plain = [each for each in found if not each["platform"].get("variant")]
    if not found:
        known = sorted({_platform(each) for each in content["manifests"]} - {"unknown/unknown"})
        raise _not_for_us(", ".join(known) or "nothing")
    return _digest((plain or found)[0])


def config_in(manifest: bytes) -> Digest:
    """Return the configuration that a manifest names; raises InvalidInputError as `pin`."""
    content = _content(manifest)
    config = content.get("config") if _is_manifest(content) else None
    if not isinstance(config, dict):
        raise InvalidInputError("That is no image of containers")
    if config.get("mediaType") == MACHINE_CONFIG:
        raise InvalidInputError(
            "That is the image of a machine, and only one of a container can be built on",
            hint="Name the container variant of the same image.",
        )
    if config.get("mediaType") not in _CONFIGS:
        raise InvalidInputError(f"That is no image of containers but {config.get('mediaType')}")
    return _digest(config)


def pin(reference: str, manifest: bytes, config: bytes) -> LockedBase:
    """Return the record of an image from its two documents.

    Raises InvalidInputError where they are not those of a container image for linux/amd64,
    VerificationError where the configuration is not the one the manifest names.
    """
    named = config_in(manifest)
    if digests.of_bytes(config) != named:
        raise VerificationError("The image's configuration is not what its manifest says")
    if (platform := _platform({"platform": _content(config)})) != _PLATFORM:
        raise _not_for_us(platform)
    layers = _content(manifest).get("layers", [])
    for layer in layers:
        if not str(layer.get("mediaType")).startswith(_LAYERS):
            raise InvalidInputError(f"The image has a layer of type {layer.get('mediaType')!r}")
    try:
        return LockedBase(
            reference=reference,
            manifest=digests.of_bytes(manifest),
            config=named,
            layers=tuple(
                BaseLayer(
                    digest=_digest(layer), size=layer.get("size"), media_type=layer["mediaType"]
                )
                for layer in layers
            ),
        )
    except ValidationError as error:
        raise InvalidInputError(f"The image's manifest cannot be read: {error}") from error


def _content(document: bytes) -> dict[str, Any]:
    try:
        content = json.loads(document)
    except ValueError as error:
        raise InvalidInputError(f"That is no image: {error}") from error
    return content if isinstance(content, dict) else {}


def _is_index(content: dict[str, Any]) -> bool:
    """Tell an index from the rest; OCI lets both kinds of document leave their type out."""
    is_list = isinstance(content.get("manifests"), list)
    return is_list and content.get("mediaType", INDEX) in _INDEXES


def _is_manifest(content: dict[str, Any]) -> bool:
    is_image = "config" in content and content.get("schemaVersion") == 2  # noqa: PLR2004
    return is_image and content.get("mediaType", MANIFEST) in _MANIFESTS


def _platform(descriptor: dict[str, Any]) -> str:
    platform = descriptor.get("platform") or {}
    return f"{platform.get('os', 'unknown')}/{platform.get('architecture', 'unknown')}"


def _digest(descriptor: dict[str, Any]) -> Digest:
    found = digests.parse(str(descriptor.get("digest")))
    if found is None:
        raise InvalidInputError("The image names its parts in a way Herdbook does not know")
    return found


def _not_for_us(platform: str) -> InvalidInputError:
    return InvalidInputError(
        f"The image is not for {_PLATFORM} but for {platform}",
        hint=f"Name another one: images are built for {_PLATFORM}.",
    )
