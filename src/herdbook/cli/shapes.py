"""The JSON shapes of results, as docs/json.md promises them."""

from typing import Any

from herdbook.catalogue.model import VariantRecord, Version
from herdbook.fleet.instances import Seen
from herdbook.fleet.records import Instance
from herdbook.images.documents import timestamp


def version_shape(version: Version) -> dict[str, Any]:
    """Return a version."""
    return {
        "image": version.image,
        "number": version.number,
        "digest": version.digest,
        "created_at": timestamp(version.created_at),
        "variants": [variant_shape(variant) for variant in version.variants],
    }


def variant_shape(variant: VariantRecord) -> dict[str, Any]:
    """Return a variant with its layers, the lowest first."""
    return {
        "kind": variant.kind.value,
        "manifest": variant.manifest,
        "size_bytes": variant.size_bytes,
        "layers": [
            {"title": layer.title, "digest": layer.digest, "size_bytes": layer.size}
            for layer in variant.layers
        ],
    }


def instance_shape(
    seen: Seen, ready: bool | None, record: Instance | None = None
) -> dict[str, Any]:
    """Return an instance; `ready` is null where the recipe has no health check.

    With the `record` of an instance of an application, what it is for is told, too.
    """
    return {
        "name": seen.name,
        "engine": seen.engine,
        "accelerator": seen.accelerator or None,
        "state": seen.state.value,
        "ready": ready,
        "reason": seen.reason or None,
        "image": seen.origin.image,
        "number": seen.origin.number,
        "digest": seen.origin.digest,
        "started_at": timestamp(seen.started_at),
        "ports": [
            {
                "instance_port": port.instance_port,
                "address": port.host_address,
                "port": port.host_port,
            }
            for port in seen.ports
        ],
        "application": seen.owner or None,
        "service": record.component if record else None,
        "slot": record.slot if record else None,
        "release": record.release if record else None,
        "role": record.role.value if record else None,
        "addresses": [str(each) for each in record.addresses.values()] if record else [],
    }
