"""A version comes out of what travels as it went in; anything else is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from versions import MOMENT, digest

from herdbook.catalogue.components import Component, Ecosystem, LayerBill, Origin
from herdbook.catalogue.model import Variant, VariantRecord, Version
from herdbook.catalogue.travelling import (
    BILLS,
    DOCUMENT,
    FACTS,
    PART_ANNOTATION,
    new_version,
    read_parts,
    version_artifact,
)
from herdbook.core.errors import VerificationError
from herdbook.images.compressing import MEDIA_TYPES
from herdbook.images.documents import (
    Document,
    LayerReference,
    Process,
    container_config,
    index,
    machine_config,
    manifest,
)
from herdbook.images.travelling import compression_of, travelling_index, travelling_manifest

LAYERS = (
    LayerReference("one", digest("1"), 10),
    LayerReference("run", digest("2"), 20, inputs=digest("inputs")),
)
CONTAINER = container_config(Process(), LAYERS, MOMENT, "shop/web")
MACHINE = machine_config(Process(), 1 << 29, 1, 0, MOMENT)
MANIFESTS = [manifest(each, LAYERS, {"a": "b"}) for each in (CONTAINER, MACHINE)]
KINDS = (Variant.CONTAINER, Variant.VM)
INDEX = index(
    [
        (each, {"io.herdbook.variant": kind.value})
        for kind, each in zip(KINDS, MANIFESTS, strict=True)
    ]
)
PACKED = {
    each.digest: replace(
        each, digest=digest(f"packed {each.title}"), size=5, media_type=MEDIA_TYPES["zstd"]
    )
    for each in LAYERS
}
BILLS_OF = [
    LayerBill(
        LAYERS[0].digest,
        (Component(Ecosystem.DEBIAN, "bash", "5.2-1", "bookworm", "amd64", licence="GPL-3.0"),),
        Origin.DECLARED,
    ),
    LayerBill(LAYERS[1].digest, (), Origin.NOT_SCANNED),
]
VERSION = Version(
    image="shop/web",
    number=7,
    digest=INDEX.digest,
    build_key=digest("key"),
    created_at=MOMENT,
    lock="lock ö",
    recipe="recipe",
    variants=tuple(
        VariantRecord(kind, each.digest, config.digest, LAYERS, 1)
        for kind, each, config in zip(KINDS, MANIFESTS, (CONTAINER, MACHINE), strict=True)
    ),
    wishes=digest("wishes"),
)


def blobs() -> list[tuple[str, bytes]]:
    """What travels, part by part."""
    documents: list[Document] = [INDEX, *MANIFESTS, CONTAINER, MACHINE]
    made = version_artifact(INDEX, VERSION, documents, BILLS_OF, may_rebase=False)
    content = {each.digest: each.content for each in made.blobs}
    return [
        (each["annotations"][PART_ANNOTATION], content[each["digest"]])
        for each in json.loads(made.manifest.content)["layers"]
    ]


def test_a_version_arrives_as_it_was() -> None:
    new = new_version(read_parts(blobs()), "mirror/web", ("shop/base", 3))
    assert (new.image, new.parent, new.home) == ("mirror/web", ("shop/base", 3), "")
    assert (new.digest, new.build_key, new.wishes) == (
        VERSION.digest,
        VERSION.build_key,
        VERSION.wishes,
    )
    assert (new.lock, new.recipe, new.created_at) == ("lock ö", "recipe", MOMENT)
    assert new.variants == VERSION.variants
    assert set(new.documents) == {INDEX, *MANIFESTS, CONTAINER, MACHINE}
    assert list(new.bills) == sorted(BILLS_OF, key=lambda each: each.layer)
    assert not new.may_rebase


LONGEST = {
    "name": 214,
    "version": 200,
    "suite": 32,
    "architecture": 16,
    "source": 214,
    "source_version": 200,
    "digest": 140,
}


def holding(**told: str) -> dict[str, Any]:
    """The bill of a layer with one component."""
    component = {"ecosystem": "deb", "name": "bash", "version": "5.2-1", **told}
    return {"layer": LAYERS[0].digest, "origin": "declared", "components": [component]}


def test_components_come_as_long_as_they_can_be_kept() -> None:
    parts = [each for each in blobs() if each[0] != BILLS]
    for field, longest in LONGEST.items():
        bills = json.dumps({"bills": [holding(**{field: "x" * longest})]}).encode()
        (bill,) = read_parts([*parts, (BILLS, bills)]).bills
        assert getattr(bill.components[0], field) == "x" * longest


def without(part: str) -> Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]:
    return lambda parts: [each for each in parts if each[0] != part]


def told(part: str, **facts: Any) -> Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]:
    def change(parts: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        return [
            (name, json.dumps(json.loads(content) | facts).encode() if name == part else content)
            for name, content in parts
        ]

    return change


@pytest.mark.parametrize(
    "change",
    [
        without(FACTS),
        without(BILLS),
        without(DOCUMENT),
        lambda parts: parts[:1] + parts[2:],
        told(FACTS, digest=MANIFESTS[0].digest),
        told(FACTS, digest="sha256:x"),
        told(FACTS, image="../x"),
        told(FACTS, number=0),
        told(FACTS, common={}),
        told(FACTS, common={"container": 3, "vm": 1}),
        told(FACTS, common={"container": -1, "vm": 1}),
        told(BILLS, bills=[{"layer": LAYERS[0].digest, "origin": "declared", "components": [{}]}]),
        told(BILLS, bills=[{"layer": "x", "origin": "declared", "components": []}]),
        told(BILLS, bills=None),
        *(
            told(FACTS, created_at=each)
            for each in (
                "0001-01-01T00:00:00+14:00",
                "9999-12-31T23:59:59-14:00",
                "2026-01-01T00:00:00",
            )
        ),
        *(
            told(BILLS, bills=[holding(**{field: text})])
            for field, longest in LONGEST.items()
            for text in ("x" * (longest + 1), "a\x1b[2J")
        ),
        told(BILLS, bills=[holding(name="")]),
        told(BILLS, bills=[holding(name="%" * 200)]),
        told(BILLS, bills=[holding(ecosystem="x")]),
    ],
)
def test_what_does_not_fit_together_is_refused(
    change: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]],
) -> None:
    with pytest.raises(VerificationError):
        new_version(read_parts(change(blobs())), "shop/web", None)


def test_layers_that_travel_as_they_are_change_no_manifest() -> None:
    plain = {each.digest: each for each in LAYERS}
    assert [travelling_manifest(each, plain) for each in MANIFESTS] == MANIFESTS


def test_compressed_layers_take_the_place_of_plain_ones_and_keep_what_is_said_of_them() -> None:
    made = json.loads(travelling_manifest(MANIFESTS[0], PACKED).content)
    plain = json.loads(MANIFESTS[0].content)
    for before, now, layer in zip(plain["layers"], made["layers"], LAYERS, strict=True):
        assert now["digest"] == PACKED[layer.digest].digest
        assert now["mediaType"] == MEDIA_TYPES["zstd"]
        assert now["annotations"] == before["annotations"]
    assert {**made, "layers": 0} == {**plain, "layers": 0}


def test_only_the_container_has_a_platform() -> None:
    made = travelling_index([(kind.value, m) for kind, m in zip(KINDS, MANIFESTS, strict=True)])
    container, machine = json.loads(made.content)["manifests"]
    assert container["platform"] == {"architecture": "amd64", "os": "linux"}
    assert "artifactType" not in container
    assert machine["artifactType"] == "application/vnd.herdbook.machine.v1"
    assert "platform" not in machine
    assert [each["annotations"]["io.herdbook.variant"] for each in (container, machine)] == [
        "container",
        "vm",
    ]


def test_a_layer_of_unknown_kind_is_refused() -> None:
    assert [
        compression_of(replace(LAYERS[0], media_type=each)) for each in MEDIA_TYPES.values()
    ] == [*MEDIA_TYPES]
    with pytest.raises(VerificationError):
        compression_of(replace(LAYERS[0], media_type="text/plain"))
