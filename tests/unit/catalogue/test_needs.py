"""Which versions may go, and what those that stay need."""

from base64 import b64encode
from dataclasses import replace

from versions import digest, new_version

from herdbook.catalogue.model import Variant, Version
from herdbook.catalogue.needs import in_use, named_by_others, needs_of, surplus, unneeded
from herdbook.catalogue.ports import CompressedLayer
from herdbook.catalogue.stock import Held, Lease, Shelf
from herdbook.core.digests import hexadecimal
from herdbook.images.compressing import Compressor


def version(image: str, number: int, lock: str = "") -> Version:
    new = new_version(image, f"{image} {number}", variants=(Variant.CONTAINER,))
    return Version(
        image, number, new.digest, new.build_key, new.created_at, lock, new.recipe, new.variants
    )


WEB = [version("web", number) for number in (1, 2, 3, 7)]
BASE = [version("base", number) for number in (1, 2, 3)]


def labels(versions: list[Version]) -> list[str]:
    return [each.label for each in versions]


def test_all_but_the_newest_of_each_image_are_surplus() -> None:
    assert labels(surplus([*WEB, *BASE], 1, ())) == [
        "base:1",
        "base:2",
        "web:1",
        "web:2",
        "web:3",
    ]
    assert labels(surplus([*reversed(WEB), *BASE], 3, ())) == ["web:1"]
    assert surplus(WEB, 4, ()) == []
    assert surplus([], 1, ()) == []


def test_what_is_used_stays_and_does_not_count_for_another() -> None:
    assert labels(surplus(WEB, 1, {"web:1"})) == ["web:2", "web:3"]


def test_what_a_staying_version_is_made_from_stays() -> None:
    """Through any number of images; those made from what goes go together with it."""
    child = version("child", 1, lock=f'"digest": "{BASE[0].digest}"')
    assert labels(surplus([*BASE, child], 1, ())) == ["base:2"]
    middle = [version("middle", 1, lock=BASE[0].digest), version("middle", 2)]
    leaf = [version("leaf", 1, lock=middle[0].digest), version("leaf", 2)]
    assert labels(surplus([*BASE, *middle, leaf[0]], 1, ())) == ["base:2"]
    everything = [*BASE, *middle, *leaf]
    assert labels(surplus(everything, 1, ())) == ["base:1", "base:2", "leaf:1", "middle:1"]
    assert named_by_others(everything, [middle[0]]) == {"middle:1"}
    assert named_by_others(everything, [middle[0], leaf[0]]) == set()


def test_who_uses_a_version_is_told() -> None:
    leases = [Lease("web", 0), Lease("base:1", 0), Lease("other", 0)]
    assert in_use(
        [*WEB, *BASE], leases, dict.fromkeys(["web:2", "gone:1"], "an instance runs it")
    ) == {
        "web:2": "an instance runs it",
        "web:7": "other work is under way with it",
        "base:1": "other work is under way with it",
    }


def test_needs_are_layers_what_they_were_compressed_to_and_what_locks_name() -> None:
    integrity = f"sha512-{b64encode(bytes(64)).decode()}"
    lock = f'{{"sha256": "{digest("deb")}", "integrity": "{integrity}", "other": 7}}'
    one = version("web", 1, lock=lock)
    lowest, _ = (layer.digest for layer in one.variants[0].layers)
    gzip = Compressor("gzip", 6, "zlib 1")
    compressed = [
        CompressedLayer(lowest, gzip, digest("small"), 1),
        CompressedLayer(digest("unneeded"), gzip, digest("small unneeded"), 1),
    ]
    needs = needs_of([one], compressed, ["artefact"])
    layers = {hexadecimal(layer.digest) for layer in one.variants[0].layers}
    assert needs[Shelf.TREES] == layers
    assert needs[Shelf.BLOBS] == layers | {hexadecimal(digest("small"))}
    assert needs[Shelf.PACKAGES] == {hexadecimal(digest("deb")) + ".deb"}
    assert needs[Shelf.WHEELS] == {hexadecimal(digest("deb"))}
    assert needs[Shelf.BASES] == {hexadecimal(digest("deb"))}
    assert needs[Shelf.NODE] == {f"sha512-{'00' * 64}.tgz"}
    assert needs[Shelf.ARTEFACTS] == {"artefact"}
    assert needs.keys() == set(Shelf)


def test_only_what_is_neither_needed_nor_used_since_goes() -> None:
    held = [Held("needed", 1, 1), Held("used", 1, 5), Held("old", 1, 4)]
    assert unneeded(held, {"needed"}, 5) == [held[2]]
    assert unneeded([replace(held[2], used_at=6)], (), 5) == []
