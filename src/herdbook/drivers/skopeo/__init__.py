"""Existing images through skopeo: registries, OCI layouts and archives alike."""

from herdbook.drivers.skopeo.images import SkopeoImages

__all__ = ["SkopeoImages"]
