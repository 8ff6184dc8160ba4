"""What a recipe calls an existing image is understood, and its documents are pinned or refused."""

import json
from typing import Any

import pytest

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import InvalidInputError, VerificationError
from herdbook.images.documents import MACHINE_CONFIG
from herdbook.images.pinning import config_in, manifest_in, pin
from herdbook.images.references import LocalPath, RegistryName, parse_reference

SOME = Digest("sha256:" + "1" * 64)
OTHER = Digest("sha256:" + "2" * 64)
OCI = "application/vnd.oci.image"
DOCKER = "application/vnd.docker"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("debian", RegistryName("debian", "docker.io")),
        ("debian:bookworm-slim", RegistryName("debian", "docker.io", "bookworm-slim")),
        ("shop/base:1", RegistryName("shop/base", "docker.io", "1")),
        ("localhost/x", RegistryName("localhost/x", "localhost")),
        ("localhost:5000/a/b:1", RegistryName("localhost:5000/a/b", "localhost:5000", "1")),
        ("[::1]:5000/a", RegistryName("[::1]:5000/a", "[::1]:5000")),
        (f"quay.io/a@{SOME}", RegistryName("quay.io/a", "quay.io", digest=SOME)),
        (f"quay.io/a:1@{SOME}", RegistryName("quay.io/a", "quay.io", "1", SOME)),
        ("./base", LocalPath("./base")),
        ("./base.tar:shop/base:1", LocalPath("./base.tar", "shop/base:1")),
        ("/srv/base", LocalPath("/srv/base")),
    ],
)
def test_references_are_read(text: str, wanted: RegistryName | LocalPath) -> None:
    assert parse_reference(text) == wanted


def test_a_digest_beside_a_tag_is_what_counts() -> None:
    assert str(parse_reference(f"quay.io/a:1@{SOME}")) == f"quay.io/a@{SOME}"


@pytest.mark.parametrize(
    "text", ["", "Bad:x", "a//b", "a:b:c", "-x", "docker://a", "a@sha256:12", "a b", "a:ä"]
)
def test_what_names_no_image_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="names no image"):
        parse_reference(text)


@pytest.mark.parametrize(
    ("host", "is_here"),
    [("localhost", True), ("127.0.0.1:5000", True), ("[::1]:80", True)]
    + [(host, False) for host in ("localhost.example.org", "127.example.org", "10.0.0.1:5000")],
)
def test_only_this_machines_registry_may_lack_a_certificate(host: str, is_here: bool) -> None:  # noqa: FBT001
    name = parse_reference(f"{host}/a")
    assert isinstance(name, RegistryName)
    assert name.is_on_this_machine is is_here


def entry(digest: str, system: str = "linux", machine: str = "amd64", **more: str) -> Any:
    return {"digest": digest, "platform": {"os": system, "architecture": machine, **more}}


def index(*entries: Any, kind: str = f"{OCI}.index.v1+json") -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": entries}).encode()


def test_the_platform_is_picked_from_an_index() -> None:
    arm = entry(OTHER, machine="arm64")
    for kind in (f"{OCI}.index.v1+json", f"{DOCKER}.distribution.manifest.list.v2+json"):
        assert manifest_in(index(arm, entry(SOME), kind=kind)) == SOME
    assert manifest_in(index(entry(OTHER, variant="v3"), entry(SOME))) == SOME


def test_an_index_without_the_platform_says_what_it_has() -> None:
    attestation = entry(OTHER, "unknown", "unknown")
    with pytest.raises(InvalidInputError, match=r"linux/arm64$"):
        manifest_in(index(entry(SOME, machine="arm64"), attestation))


CONFIG = json.dumps({"os": "linux", "architecture": "amd64"}).encode()


def manifest(**more: Any) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": f"{OCI}.manifest.v1+json",
        "config": {"mediaType": f"{OCI}.config.v1+json", "digest": digests.of_bytes(CONFIG)},
        "layers": [{"mediaType": f"{OCI}.layer.v1.tar+zstd", "digest": SOME, "size": 5}],
        **more,
    }


def rendered(content: object) -> bytes:
    return json.dumps(content).encode()


def test_an_image_is_pinned_by_all_its_digests() -> None:
    document = rendered(manifest())
    assert manifest_in(document) is None
    locked = pin("debian", document, CONFIG)
    assert locked.model_dump() == {
        "reference": "debian",
        "manifest": digests.of_bytes(document),
        "config": digests.of_bytes(CONFIG),
        "layers": ({"digest": SOME, "size": 5, "media_type": f"{OCI}.layer.v1.tar+zstd"},),
    }


@pytest.mark.parametrize(
    "document",
    [
        b"<html>",
        b"[]",
        rendered({"schemaVersion": 1, "fsLayers": []}),
        rendered(manifest(config=None)),
        rendered(manifest(config={"mediaType": "application/vnd.oci.empty.v1+json"})),
        rendered(manifest(config={"mediaType": MACHINE_CONFIG, "digest": SOME})),
        rendered(manifest(layers=[{"mediaType": "text/plain", "digest": SOME, "size": 5}])),
        rendered(manifest(layers=[{"mediaType": f"{OCI}.layer.v1.tar", "digest": "x", "size": 5}])),
        rendered(
            manifest(layers=[{"mediaType": f"{OCI}.layer.v1.tar", "digest": SOME, "size": -1}])
        ),
    ],
)
def test_what_is_no_image_of_containers_is_refused(document: bytes) -> None:
    with pytest.raises(InvalidInputError):
        pin("x", document, CONFIG)


def test_a_machines_image_is_told_apart() -> None:
    with pytest.raises(InvalidInputError, match="image of a machine"):
        config_in(rendered(manifest(config={"mediaType": MACHINE_CONFIG, "digest": SOME})))


def test_another_configuration_is_refused() -> None:
    with pytest.raises(VerificationError):
        pin("x", rendered(manifest()), CONFIG + b" ")


def test_an_image_for_another_machine_is_refused() -> None:
    config = rendered({"os": "linux", "architecture": "riscv64"})
    named = {"mediaType": f"{OCI}.config.v1+json", "digest": digests.of_bytes(config)}
    with pytest.raises(InvalidInputError, match="linux/riscv64"):
        pin("x", rendered(manifest(config=named)), config)
