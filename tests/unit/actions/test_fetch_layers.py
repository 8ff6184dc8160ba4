"""Of a layer that is not what it stands for, nothing stays, and no more comes than there can be."""

from dataclasses import replace
from pathlib import Path

import pytest
from channel_images import add_version
from fleet_workshop import fleet_workshop

from herdbook.actions.fetch_layers import Travelling, fetch_layers
from herdbook.actions.workshop import Workshop
from herdbook.core import digests
from herdbook.core.errors import NotFoundError, VerificationError
from herdbook.core.progress import NoProgress
from herdbook.drivers.fake.registry import FakeRegistry
from herdbook.images.compressing import compressed, compressor_for
from herdbook.images.documents import LAYER, Document, LayerReference
from herdbook.images.references import registry_name
from herdbook.images.registries import document_parcel

NAME = registry_name("registry.example/shop/web:1")
OVERHEAD = 64 << 10


@pytest.fixture
def here(tmp_path: Path) -> Workshop:
    return replace(fleet_workshop(tmp_path / "here"), registry=FakeRegistry())


@pytest.fixture
def wanted(tmp_path: Path) -> tuple[LayerReference, bytes]:
    """A layer of another workshop, and its bytes."""
    there = fleet_workshop(tmp_path / "there")
    (layer,) = add_version(there).variants[0].layers
    return layer, there.layers.path(layer.digest).read_bytes()


def given(here: Workshop, content: bytes) -> LayerReference:
    """Return a blob that the registry has."""
    document = Document(LAYER, content)
    with NoProgress().task("") as task:
        here.registry.push_blob(NAME, document_parcel(document), task)
    return LayerReference("files", document.digest, len(content))


def arrived(here: Workshop) -> list[Path]:
    return [*here.transfers.iterdir()] if here.transfers.exists() else []


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_a_layer_comes_in_any_compression(
    here: Workshop, wanted: tuple[LayerReference, bytes], compression: str
) -> None:
    layer, content = wanted
    packed = b"".join(compressed([content], compressor_for(compression, len(content))))
    suffix = "" if compression == "none" else f"+{compression}"
    blob = replace(given(here, packed), media_type=f"{LAYER}{suffix}")
    assert fetch_layers(here, NAME, [Travelling(layer, blob)]) == (len(packed), 0)
    assert here.layers.path(layer.digest).read_bytes() == content
    assert not arrived(here)


def test_what_is_larger_than_any_compression_of_a_layer_is_not_fetched(
    here: Workshop, wanted: tuple[LayerReference, bytes]
) -> None:
    layer, _ = wanted
    most = layer.size + layer.size // 100 + OVERHEAD
    blob = LayerReference("files", digests.of_bytes(b"nobody has it"), most)
    with pytest.raises(NotFoundError):
        fetch_layers(here, NAME, [Travelling(layer, blob)])
    with pytest.raises(VerificationError, match="larger than it can be"):
        fetch_layers(here, NAME, [Travelling(layer, replace(blob, size=most + 1))])
    assert not arrived(here)


@pytest.mark.parametrize("change", [b"!", b"and more"])
@pytest.mark.parametrize("suffix", ["", "+gzip", "+xz"])
def test_of_what_is_not_the_layer_nothing_stays(
    here: Workshop, wanted: tuple[LayerReference, bytes], change: bytes, suffix: str
) -> None:
    layer, content = wanted
    blob = replace(given(here, content + change), media_type=f"{LAYER}{suffix}")
    with pytest.raises(VerificationError):
        fetch_layers(here, NAME, [Travelling(layer, blob)])
    assert not here.layers.has(layer.digest)
    assert not arrived(here)
