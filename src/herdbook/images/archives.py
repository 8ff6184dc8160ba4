"""Which files an OCI layout and a docker-archive consist of, without their bulk."""

from collections.abc import Sequence
from dataclasses import dataclass

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.images.documents import Document, LayerReference


@dataclass(frozen=True)
class LayerFile:
    """A place in an archive that takes the bytes of a layer."""

    path: str
    layer: LayerReference


def oci_layout(
    config: Document, manifest: Document, annotations: dict[str, str]
) -> dict[str, bytes]:
    """Return the small files of an OCI image layout with one manifest; blobs of layers go beside.

    Source: OCI image specification 1.1, "OCI Image Layout Specification".
    """
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{**manifest.descriptor(), "annotations": annotations}],
    }
    return {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": digests.canonical_json(index),
        blob_path(config.digest): config.content,
        blob_path(manifest.digest): manifest.content,
    }


def blob_path(digest: Digest) -> str:
    """Return where a blob lies in an OCI image layout."""
    return f"blobs/sha256/{digests.hexadecimal(digest)}"


def docker_archive(
    config: Document, layers: Sequence[LayerReference], tag: str
) -> tuple[dict[str, bytes], list[LayerFile]]:
    """Return the small files of a docker-archive and the places of its layers.

    Source: Docker image specification 1.2, "Combined Image JSON + Filesystem Changeset Format".
    """
    config_path = f"{digests.hexadecimal(config.digest)}.json"
    files = {layer.digest: f"{digests.hexadecimal(layer.digest)}.tar" for layer in layers}
    manifest = [
        {
            "Config": config_path,
            "RepoTags": [tag],
            "Layers": [files[layer.digest] for layer in layers],
        }
    ]
    small = {config_path: config.content, "manifest.json": digests.canonical_json(manifest)}
    places = [LayerFile(path, _layer(layers, digest)) for digest, path in files.items()]
    return small, places


def _layer(layers: Sequence[LayerReference], digest: Digest) -> LayerReference:
    return next(layer for layer in layers if layer.digest == digest)
