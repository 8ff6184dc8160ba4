"""Renders the JSON documents of an image (OCI image specification 1.1), canonically."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from herdbook.core import digests
from herdbook.core.digests import Digest

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
MACHINE = "application/vnd.herdbook.machine.v1"
MACHINE_CONFIG = "application/vnd.herdbook.machine.config.v1+json"

HEALTH_LABEL = "io.herdbook.health"
"""Where a container says at which path it can be asked whether it is well."""

PORTS_LABEL = "io.herdbook.ports"
"""The ports in the recipe's order, the one to ask first: `ExposedPorts` has no order."""

OPAQUE_ANNOTATION = "io.herdbook.opaque"
"""Marks a layer whose content nobody can foretell from what went into it."""

INPUTS_ANNOTATION = "io.herdbook.inputs"
"""The digest of all that went into such a layer."""

CREATED_ANNOTATION = "org.opencontainers.image.created"

ARCHITECTURE = "amd64"
SERVICE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class LayerReference:
    """A layer as a document names it: what it is for, its digest and its size in bytes.

    `inputs` names all that went into an opaque layer, one that programs of the recipe's author
    wrote: nobody can tell what it holds but by running them again.
    """

    title: str
    digest: Digest
    size: int
    media_type: str = LAYER
    inputs: Digest | None = None


@dataclass(frozen=True)
class Process:
    """The service as both variants run it, every path absolute."""

    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    user_id: int = 0
    group_id: int = 0
    directory: str = "/"
    health_path: str = ""


@dataclass(frozen=True)
class Document:
    """A rendered document; its digest is its name."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> Digest:
        """The document's name."""
        return digests.of_bytes(self.content)

    def descriptor(self) -> dict[str, Any]:
        """Return how other documents refer to it (OCI content descriptor)."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content)}


def container_config(
    process: Process,
    layers: Sequence[LayerReference],
    created: datetime,
    title: str,
) -> Document:
    """Render a container's configuration; `created` is the lock's time, never the build's."""
    labels = {"org.opencontainers.image.title": title}
    if process.ports:
        labels[PORTS_LABEL] = ",".join(map(str, process.ports))
    if process.health_path:
        labels[HEALTH_LABEL] = process.health_path
    config: dict[str, Any] = {
        "Env": [f"{name}={value}" for name, value in sorted(process.environment.items())],
        "WorkingDir": process.directory,
        "Labels": labels,
        "StopSignal": "SIGTERM",
    }
    if process.command:
        config["Entrypoint"] = list(process.command)
    if process.ports:
        config["ExposedPorts"] = {f"{port}/tcp": {} for port in process.ports}
    if process.user_id:
        config["User"] = f"{process.user_id}:{process.group_id}"
    moment = timestamp(created)
    return render(
        CONFIG,
        {
            "architecture": ARCHITECTURE,
            "os": "linux",
            "created": moment,
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
            "history": [
                {"created": moment, "created_by": f"herdbook {layer.title}"} for layer in layers
            ],
        },
    )


def created_of(config: Document) -> datetime:
    """Return the time that a configuration carries."""
    return datetime.fromisoformat(json.loads(config.content)["created"])


def process_of(config: Document) -> Process:
    """Return the process that a configuration of Herdbook's says it runs.

    That of a machine tells ports and health only: the rest is in its unit.
    """
    content = json.loads(config.content)
    if config.media_type == MACHINE_CONFIG:
        return Process(ports=tuple(content["ports"]), health_path=content["health_path"])
    content = content["config"]
    labels = content["Labels"]
    user, _, group = content.get("User", "0:0").partition(":")
    return Process(
        command=tuple(content.get("Entrypoint", ())),
        environment=dict(line.split("=", 1) for line in content["Env"]),
        ports=tuple(map(int, filter(None, labels.get(PORTS_LABEL, "").split(",")))),
        user_id=int(user),
        group_id=int(group),
        directory=content["WorkingDir"],
        health_path=labels.get(HEALTH_LABEL, ""),
    )


def machine_config(
    process: Process, memory_bytes: int, cpus: int, disk_bytes: int, created: datetime
) -> Document:
    """Render what a VM's engine must know before it can start it."""
    return render(
        MACHINE_CONFIG,
        {
            "architecture": ARCHITECTURE,
            "created": timestamp(created),
            "memory_bytes": memory_bytes,
            "cpus": cpus,
            "disk_bytes": disk_bytes,
            "ports": list(process.ports),
            "health_path": process.health_path,
        },
    )


def manifest(
    config: Document,
    layers: Sequence[LayerReference],
    annotations: Mapping[str, str],
) -> Document:
    """Render a manifest.

    That of a VM carries an artifact type, so that no runtime takes it for a container.
    """
    content: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.descriptor(),
        "layers": [_layer(layer) for layer in layers],
        "annotations": dict(sorted(annotations.items())),
    }
    if config.media_type == MACHINE_CONFIG:
        content["artifactType"] = MACHINE
    return render(MANIFEST, content)


def with_layers(manifest: Document, layers: Sequence[LayerReference]) -> Document:
    """Return a manifest whose layers are the same content in another compression."""
    content = json.loads(manifest.content)
    marks = [before["annotations"] for before in content["layers"]]
    described = [
        {**_layer(layer), "annotations": mark} for layer, mark in zip(layers, marks, strict=True)
    ]
    return render(MANIFEST, {**content, "layers": described})


def opaque_inputs(manifest: Document) -> dict[Digest, Digest]:
    """Return what each opaque layer of a manifest was made from, by the layer's digest."""
    return {
        layer["digest"]: layer["annotations"][INPUTS_ANNOTATION]
        for layer in json.loads(manifest.content)["layers"]
        if OPAQUE_ANNOTATION in layer["annotations"]
    }


def _layer(layer: LayerReference) -> dict[str, Any]:
    annotations = {"org.opencontainers.image.title": layer.title}
    if layer.inputs is not None:
        annotations |= {OPAQUE_ANNOTATION: "true", INPUTS_ANNOTATION: layer.inputs}
    return {
        "mediaType": layer.media_type,
        "digest": layer.digest,
        "size": layer.size,
        "annotations": annotations,
    }


def index(manifests: Sequence[tuple[Document, Mapping[str, str]]]) -> Document:
    """Render an index over manifests, each with annotations of its own."""
    return render(
        INDEX,
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [
                {
                    **document.descriptor(),
                    "platform": {"architecture": ARCHITECTURE, "os": "linux"},
                    "annotations": dict(sorted(annotations.items())),
                }
                for document, annotations in manifests
            ],
        },
    )


def timestamp(moment: datetime) -> str:
    """Render a time as RFC 3339 in UTC, in whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def render(media_type: str, content: object) -> Document:
    """Render a document canonically: equal contents give equal bytes."""
    return Document(media_type, digests.canonical_json(content))
