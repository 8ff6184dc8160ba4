"""An image's documents say what the OCI image specification 1.1 asks for, the same every time."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from herdbook.core.digests import of_bytes
from herdbook.images import documents
from herdbook.images.documents import Document, LayerReference, Process

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 999_999, tzinfo=UTC)
LAYERS = [
    LayerReference("packages", of_bytes(b"one"), 10),
    LayerReference("run", of_bytes(b"two"), 2**33),
]
PROCESS = Process(
    command=("/usr/bin/python3", "-m", "web"),
    environment={"PORT": "8080", "A": "x=y"},
    ports=(8080, 9090),
    user_id=10_000,
    group_id=10_001,
    directory="/srv/web",
    health_path="/healthz",
)


def content(document: Document) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document.content)
    return found


def container(process: Process = PROCESS) -> dict[str, Any]:
    return content(documents.container_config(process, LAYERS, MOMENT, "shop/web"))


def test_a_container_knows_how_its_service_runs() -> None:
    config = container()["config"]
    assert config["Entrypoint"] == ["/usr/bin/python3", "-m", "web"]
    assert config["Env"] == ["A=x=y", "PORT=8080"]
    assert config["ExposedPorts"] == {"8080/tcp": {}, "9090/tcp": {}}
    assert (config["User"], config["WorkingDir"]) == ("10000:10001", "/srv/web")
    assert config["StopSignal"] == "SIGTERM"
    assert config["Labels"] == {
        "org.opencontainers.image.title": "shop/web",
        documents.HEALTH_LABEL: "/healthz",
        documents.PORTS_LABEL: "8080,9090",
    }


def test_what_a_recipe_does_not_say_is_not_said() -> None:
    config = container(Process())["config"]
    assert not {"Entrypoint", "ExposedPorts", "User", "Cmd"} & set(config)
    assert documents.HEALTH_LABEL not in config["Labels"]


def test_a_container_lists_its_layers_from_the_lowest() -> None:
    found = container()
    assert found["rootfs"] == {"type": "layers", "diff_ids": [each.digest for each in LAYERS]}
    assert [each["created_by"] for each in found["history"]] == [
        "herdbook packages",
        "herdbook run",
    ]
    assert (found["architecture"], found["os"]) == ("amd64", "linux")
    assert found["created"] == "2026-01-02T03:04:05Z"


def test_a_machine_knows_its_hardware() -> None:
    document = documents.machine_config(PROCESS, 512 << 20, 2, 4 << 30, MOMENT)
    assert document.media_type == documents.MACHINE_CONFIG
    found = content(document)
    assert (found["memory_bytes"], found["cpus"], found["disk_bytes"]) == (512 << 20, 2, 4 << 30)
    assert (found["ports"], found["health_path"]) == ([8080, 9090], "/healthz")


@pytest.mark.parametrize("vm", [False, True])
def test_a_manifest_names_its_parts_by_digest_and_size(vm: bool) -> None:  # noqa: FBT001
    made = documents.container_config(PROCESS, LAYERS, MOMENT, "shop/web")
    config = documents.machine_config(PROCESS, 1, 1, 0, MOMENT) if vm else made
    manifest = documents.manifest(config, LAYERS, {"b": "2", "a": "1"})
    found = content(manifest)
    assert (found["schemaVersion"], found["mediaType"]) == (2, documents.MANIFEST)
    assert found["config"] == {
        "mediaType": config.media_type,
        "digest": of_bytes(config.content),
        "size": len(config.content),
    }
    assert [(each["digest"], each["size"]) for each in found["layers"]] == [
        (each.digest, each.size) for each in LAYERS
    ]
    assert found.get("artifactType") == (documents.MACHINE if vm else None)
    assert found["annotations"] == {"a": "1", "b": "2"}
    assert manifest.descriptor() == {
        "mediaType": documents.MANIFEST,
        "digest": manifest.digest,
        "size": len(manifest.content),
    }


def test_another_compression_changes_the_layers_of_a_manifest_only() -> None:
    config = documents.container_config(PROCESS, LAYERS, MOMENT, "shop/web")
    manifest = documents.manifest(config, LAYERS, {"a": "1"})
    smaller = [
        LayerReference(each.title, of_bytes(each.digest.encode()), 1, f"{documents.LAYER}+gzip")
        for each in LAYERS
    ]
    before, after = content(manifest), content(documents.with_layers(manifest, smaller))
    assert [each["mediaType"] for each in after["layers"]] == [f"{documents.LAYER}+gzip"] * 2
    assert {**before, "layers": None} == {**after, "layers": None}


def test_an_index_names_each_variant() -> None:
    config = documents.container_config(PROCESS, LAYERS, MOMENT, "shop/web")
    manifest = documents.manifest(config, LAYERS, {})
    found = content(documents.index([(manifest, {"io.herdbook.variant": "container"})]))
    assert (found["schemaVersion"], found["mediaType"]) == (2, documents.INDEX)
    (only,) = found["manifests"]
    assert only["digest"] == manifest.digest
    assert only["platform"] == {"architecture": "amd64", "os": "linux"}
    assert only["annotations"] == {"io.herdbook.variant": "container"}


def test_equal_wishes_give_equal_bytes() -> None:
    other = Process(**{**vars(PROCESS), "environment": {"A": "x=y", "PORT": "8080"}})
    one = documents.container_config(PROCESS, LAYERS, MOMENT, "shop/web")
    assert documents.container_config(other, LAYERS, MOMENT, "shop/web").digest == one.digest
    assert b" " not in documents.manifest(one, [], {}).content


def test_times_are_told_in_utc() -> None:
    zone = timezone(timedelta(hours=2))
    assert documents.timestamp(MOMENT.astimezone(zone)) == "2026-01-02T03:04:05Z"
