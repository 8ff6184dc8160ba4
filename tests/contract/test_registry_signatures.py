"""What a push signs stands beside what others signed, where clients that ask no lists look."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from advised_images import OLD_SSL, add_holding
from base_registry import registry
from fleet_workshop import fleet_workshop

from herdbook.actions.push import push
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.core.errors import VerificationError
from herdbook.core.progress import NoProgress
from herdbook.drivers.fake.registry import FakeRegistry
from herdbook.drivers.registry import HttpRegistry
from herdbook.images.artifacts import referrers_tag
from herdbook.images.documents import CONFIG, MANIFEST, Document, render
from herdbook.images.references import RegistryName, registry_name
from herdbook.images.registries import document_parcel
from herdbook.images.travelling import named_in
from herdbook.signatures.cosign import SIMPLE_SIGNING

pytestmark = pytest.mark.alone  # a registry at a port

BY = "dev.cosignproject.cosign/signature"
ENDINGS = ("sig", "att")


@pytest.fixture(params=["real", "fake"])
def pushing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Workshop, str]]:
    """A workshop that pushes into a registry, and the place for a version there."""
    workshop = replace(fleet_workshop(tmp_path / "state"), actor="anna")
    if request.param == "fake":
        yield replace(workshop, registry=FakeRegistry()), "registry.example/shop/web:1"
        return
    with registry(tmp_path / "files") as running:
        made = HttpRegistry(tmp_path / "memory")
        yield replace(workshop, registry=made), f"{running.host}/shop/web:1"


def signed_places(workshop: Workshop, name: RegistryName) -> list[RegistryName]:
    """Return the tags of what is signed of an index and its manifests."""
    index = workshop.registry.manifest(name)
    subjects = [index.digest, *(each.digest for each in named_in(index, "manifests"))]
    return [name.tagged(f"{referrers_tag(each)}.{end}") for each in subjects for end in ENDINGS]


def put_foreign(workshop: Workshop, place: RegistryName, content: bytes) -> Document:
    """Put what somebody else signed, as cosign does; other tools than ours wrote it."""
    config = render(CONFIG, {"rootfs": {"type": "layers", "diff_ids": []}})
    claim = Document(SIMPLE_SIGNING, content)
    with NoProgress().task("") as task:
        for blob in (config, claim):
            workshop.registry.push_blob(place, document_parcel(blob), task)
    layer = {**claim.descriptor(), "annotations": {BY: "c29tZWJvZHkgZWxzZSdz"}}
    told = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config.descriptor()}
    manifest = Document(MANIFEST, json.dumps({**told, "layers": [layer]}, indent=1).encode())
    workshop.registry.put_manifest(place, manifest)
    return manifest


def layers(document: Document) -> list[dict[str, object]]:
    found = json.loads(document.content)["layers"]
    assert isinstance(found, list)
    return found


def pushed_at(pushing: tuple[Workshop, str]) -> tuple[Workshop, Version, list[RegistryName]]:
    workshop, place = pushing
    version = add_holding(workshop, OLD_SSL)
    push(workshop, version, place, "gzip")
    return workshop, version, signed_places(workshop, registry_name(place))


def test_what_others_signed_stays_and_ours_comes_beside_it_once(
    pushing: tuple[Workshop, str],
) -> None:
    workshop, version, places = pushed_at(pushing)
    assert len(places) == 4
    ours = [workshop.registry.manifest(each) for each in places]
    foreign = [put_foreign(workshop, each, str(each).encode()) for each in places]
    push(workshop, version, pushing[1], "gzip")
    joined = [workshop.registry.manifest(each) for each in places]
    for mine, theirs, both in zip(ours, foreign, joined, strict=True):
        assert layers(both) == [*layers(theirs), *layers(mine)]
        assert json.loads(both.content)["config"] == json.loads(theirs.content)["config"]
    push(workshop, version, pushing[1], "gzip")
    assert [workshop.registry.manifest(each) for each in places] == joined


def test_the_same_claim_may_be_signed_by_several(pushing: tuple[Workshop, str]) -> None:
    workshop, version, places = pushed_at(pushing)
    ours = workshop.registry.manifest(places[0])
    (claim,) = named_in(ours, "layers")
    with workshop.staging() as folder, NoProgress().task("") as task:
        workshop.registry.pull_blob(places[0], claim.digest, claim.size, folder / "claim", task)
        foreign = put_foreign(workshop, places[0], (folder / "claim").read_bytes())
    push(workshop, version, pushing[1], "gzip")
    both = layers(workshop.registry.manifest(places[0]))
    assert both == [*layers(foreign), *layers(ours)]
    assert len({str(each["digest"]) for each in both}) == 1


def test_pushed_again_what_we_signed_stays_as_it_is(pushing: tuple[Workshop, str]) -> None:
    workshop, version, places = pushed_at(pushing)
    before = [workshop.registry.manifest(each) for each in places]
    push(workshop, version, pushing[1], "gzip")
    assert [workshop.registry.manifest(each) for each in places] == before


def test_what_is_no_list_of_signatures_is_not_replaced(pushing: tuple[Workshop, str]) -> None:
    workshop, version, places = pushed_at(pushing)
    index = workshop.registry.manifest(registry_name(pushing[1]))
    workshop.registry.put_manifest(places[0], index)
    with pytest.raises(VerificationError, match="names no layers"):
        push(workshop, version, pushing[1], "gzip")
    assert workshop.registry.manifest(places[0]) == index
