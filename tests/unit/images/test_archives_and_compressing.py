"""Images travel in the archives that other tools know, compressed the same way every time."""

import gzip
import json
from io import BytesIO

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as some

from herdbook.core.digests import PIECE_BYTES, of_bytes
from herdbook.core.errors import InvalidInputError, VerificationError
from herdbook.images.archives import blob_path, docker_archive, oci_layout
from herdbook.images.compressing import (
    MEDIA_TYPES,
    compressed,
    compressor_for,
    decompressed,
    media_type,
)
from herdbook.images.documents import CONFIG, MANIFEST, Document, LayerReference

CONFIGURATION, MANIFESTO = Document(CONFIG, b'{"a":1}'), Document(MANIFEST, b'{"b":2}')


def test_an_oci_layout_leads_from_its_index_to_the_manifest() -> None:
    files = oci_layout(CONFIGURATION, MANIFESTO, {"org.opencontainers.image.ref.name": "web"})
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (only,) = json.loads(files["index.json"])["manifests"]
    assert files[blob_path(only["digest"])] == MANIFESTO.content
    assert files[blob_path(CONFIGURATION.digest)] == CONFIGURATION.content
    assert only["annotations"] == {"org.opencontainers.image.ref.name": "web"}
    assert len(files) == 4


def test_blobs_lie_under_their_digits() -> None:
    assert blob_path(of_bytes(b"")).startswith("blobs/sha256/e3b0c442")


def test_a_docker_archive_names_its_layers_in_order_and_holds_each_once() -> None:
    one, two = (LayerReference(name, of_bytes(name.encode()), 1) for name in ("one", "two"))
    small, places = docker_archive(CONFIGURATION, [one, two, one], "shop/web:3")
    (only,) = json.loads(small["manifest.json"])
    assert small[only["Config"]] == CONFIGURATION.content
    assert only["RepoTags"] == ["shop/web:3"]
    by_path = {place.path: place.layer for place in places}
    assert [by_path[path] for path in only["Layers"]] == [one, two, one]
    assert len(places) == 2


@given(some.lists(some.binary(max_size=99)))
def test_what_was_compressed_is_uncompressed_by_other_programs(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert b"".join(compressed(pieces, compressor_for("none", 1))) == whole
    assert gzip.decompress(b"".join(compressed(pieces, compressor_for("gzip", 1)))) == whole
    opened = zstandard.ZstdDecompressor().decompressobj()
    assert opened.decompress(b"".join(compressed(pieces, compressor_for("zstd", 1)))) == whole


@pytest.mark.parametrize("compression", sorted(MEDIA_TYPES))
def test_the_same_bytes_give_the_same_bytes(compression: str) -> None:
    pieces = [b"x" * 1000, b"y" * 1000]
    once = b"".join(compressed(pieces, compressor_for(compression, 1)))
    assert b"".join(compressed(iter(pieces), compressor_for(compression, 1))) == once


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_how_the_bytes_are_cut_into_pieces_makes_no_difference(compression: str) -> None:
    whole = b"".join(b"%d\n" % number for number in range(60_000))
    once = b"".join(compressed([whole], compressor_for(compression, 1)))
    for size in (1000, 70_001):
        pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
        assert b"".join(compressed(pieces, compressor_for(compression, 1))) == once


@pytest.mark.parametrize("compression", sorted(MEDIA_TYPES))
def test_what_was_compressed_is_decompressed(compression: str) -> None:
    whole = bytes(3_000_000)
    stream = BytesIO(b"".join(compressed([whole], compressor_for(compression, 1))))
    pieces = list(decompressed(stream, compression))
    assert b"".join(pieces) == whole
    assert max(map(len, pieces)) <= PIECE_BYTES


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_what_is_damaged_is_told_or_comes_out_shorter(compression: str) -> None:
    """Never an error of a library's; the digest tells the rest."""
    whole = b"".join(b"%d\n" % number for number in range(60_000))
    small = b"".join(compressed([whole], compressor_for(compression, 1)))
    for broken in (b"junk" * 9, b"\0" + small[1:], small[:-9]):
        try:
            found = b"".join(decompressed(BytesIO(broken), compression))
        except VerificationError:
            continue
        assert found != whole


def test_a_compressor_is_named_by_all_that_decides_its_bytes() -> None:
    named = [compressor_for(name, 1) for name in ("gzip", "zstd")]
    assert [each.compression for each in named] == ["gzip", "zstd"]
    assert all(each.level and each.library[-1].isdigit() for each in named)
    with pytest.raises(InvalidInputError):
        compressor_for("br", 1)


def test_small_layers_which_change_alone_are_compressed_harder() -> None:
    small, large = (compressor_for("zstd", size) for size in (8 << 20, 100 << 20))
    assert small.level > large.level
    lines = [b"%d: %d\n" % (number, number * number) for number in range(60_000)]
    assert len(b"".join(compressed(lines, small))) < len(b"".join(compressed(lines, large)))


def test_a_gzip_carries_no_time_and_no_name() -> None:
    head = b"".join(compressed([b"x"], compressor_for("gzip", 1)))[:10]
    assert head[:4] == b"\x1f\x8b\x08\x00"
    assert head[4:8] == bytes(4)


def test_compressions_have_the_media_types_of_the_specification() -> None:
    base = "application/vnd.oci.image.layer.v1.tar"
    assert media_type("none") == base
    assert (media_type("gzip"), media_type("zstd")) == (f"{base}+gzip", f"{base}+zstd")


def test_an_unknown_compression_is_told_with_the_nearest() -> None:
    with pytest.raises(InvalidInputError) as caught:
        media_type("gzipp")
    assert caught.value.hint == "Did you mean 'gzip'?"
    with pytest.raises(InvalidInputError) as caught:
        media_type("br")
    assert "zstd" in caught.value.hint
