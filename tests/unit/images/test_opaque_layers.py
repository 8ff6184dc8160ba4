"""A layer that programs of the recipe's author wrote is marked, wherever its manifest goes."""

from dataclasses import replace
from datetime import UTC, datetime

from herdbook.core import digests
from herdbook.images import documents
from herdbook.images.documents import LayerReference, Process

PLAIN = LayerReference("files", digests.of_bytes(b"files"), 10)
OPAQUE = LayerReference("run", digests.of_bytes(b"run"), 20, inputs=digests.of_bytes(b"commands"))
CONFIG = documents.container_config(
    Process(), [PLAIN, OPAQUE], datetime(2026, 1, 1, tzinfo=UTC), "t/web"
)
MANIFEST = documents.manifest(CONFIG, [PLAIN, OPAQUE], {})


def test_only_the_opaque_layer_is_marked_with_what_went_into_it() -> None:
    assert documents.opaque_inputs(MANIFEST) == {OPAQUE.digest: OPAQUE.inputs}
    assert b'"io.herdbook.opaque":"true"' in MANIFEST.content


def test_the_mark_stays_when_layers_are_compressed() -> None:
    """A database knows layers by title, digest and size alone; their manifest knows the mark."""
    known = [replace(layer, inputs=None) for layer in (PLAIN, OPAQUE)]
    packed = [replace(layer, media_type="x+gzip", digest=digests.EMPTY) for layer in known]
    compressed = documents.with_layers(MANIFEST, packed)
    assert documents.opaque_inputs(compressed) == {digests.EMPTY: OPAQUE.inputs}
    assert compressed.content.count(b"io.herdbook.opaque") == 1
