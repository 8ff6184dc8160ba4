"""Lays out an image of elsewhere for an engine, as it is: no layer is imported."""

import json
import os
from pathlib import Path

from herdbook.actions.workshop import Workshop
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.fleet.instances import ContainerArtefact
from herdbook.images import documents
from herdbook.images.archives import blob_path, oci_layout
from herdbook.images.bases import LockedBase
from herdbook.images.documents import Document, LayerReference

_OCI_LAYERS = {
    "application/vnd.docker.image.rootfs.diff.tar.gzip": f"{documents.LAYER}+gzip",
    "application/vnd.docker.image.rootfs.diff.tar": documents.LAYER,
}
"""What Docker calls layers, and the OCI image specification the same bytes."""


def foreign_artefact(workshop: Workshop, base: LockedBase) -> ContainerArtefact:
    """Return an OCI layout whose blobs are links to those that were fetched.

    Made once: what it holds is there when the server it came from is not.
    """
    layout = foreign_folder(workshop, base) / "layout"
    index = layout / "index.json"
    if not index.exists():
        _lay_out(workshop, base, layout)
    (manifest,) = json.loads(index.read_bytes())["manifests"]
    return ContainerArtefact(layout, Digest(manifest["digest"]))


def foreign_folder(workshop: Workshop, base: LockedBase) -> Path:
    """Return where an image of elsewhere lies among the artefacts."""
    return workshop.artefacts / digests.hexadecimal(base.manifest)


def _lay_out(workshop: Workshop, base: LockedBase, layout: Path) -> None:
    workshop.bases.fetch(base, Path("/"), workshop.progress)
    config = Document(documents.CONFIG, workshop.bases.kept(base.config).read_bytes())
    layers = [
        LayerReference(
            "", each.digest, each.size, _OCI_LAYERS.get(each.media_type, each.media_type)
        )
        for each in base.layers
    ]
    manifest = documents.manifest(config, layers, {})
    with workshop.staging() as staging:
        made = staging / "layout"
        (made / blob_path(manifest.digest)).parent.mkdir(parents=True)
        for digest in {layer.digest for layer in layers}:
            os.link(workshop.bases.kept(digest), made / blob_path(digest))
        for path, content in oci_layout(config, manifest, {}).items():
            (made / path).write_bytes(content)
        layout.parent.mkdir(parents=True, exist_ok=True)
        if not layout.exists():
            made.rename(layout)
