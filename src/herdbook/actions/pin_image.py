"""Pins the image of a service: the version that a name means now, or an image of elsewhere."""

import json
from pathlib import Path

from herdbook.actions.check_genuine import refuse_forged
from herdbook.actions.check_revoked import refuse_revoked
from herdbook.actions.name_version import version_meant
from herdbook.actions.render import machine_settings
from herdbook.actions.run import service_of
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Version
from herdbook.channels.model import Level
from herdbook.compose.model import Service
from herdbook.compose.wishes import Kind, WishedImage
from herdbook.core.digests import Digest
from herdbook.core.errors import HerdbookError, InvalidInputError, NotFoundError
from herdbook.fleet.translating import ImageFacts
from herdbook.recipes.model import Variant


def pin_image(workshop: Workshop, service: Service, folder: Path) -> ImageFacts:
    """Return the image that a service is to run, pinned by digest.

    Raises NotFoundError or InvalidInputError where there is none, or none of the wanted kind.
    """
    wished = service.herdbook.image
    if wished is not None:
        return _own(workshop, service, wished)
    if service.image is None:
        raise InvalidInputError(
            f"{service.name} says of no image that it is to run",
            hint="Write `image`, or `x-herdbook: {image: NAME}`.",
            where=service.where,
        )
    if service.herdbook.kind is Kind.VM:
        raise InvalidInputError(
            f"{service.name} is a machine, and {service.image} an image for containers",
            hint="Name an image of Herdbook's: x-herdbook: {kind: vm, image: NAME}",
            where=service.where,
        )
    return _foreign(workshop, service.image, folder)


def _own(workshop: Workshop, service: Service, wished: WishedImage) -> ImageFacts:
    version = _wished(workshop, service, wished)
    kind = Variant(service.herdbook.kind.value)
    variant = version.variant(kind)
    if variant is None:
        raise NotFoundError(
            f"{version.label} has no {kind} variant, which {service.name} is to run",
            hint=f"It has: {', '.join(each.kind for each in version.variants)}.",
            where=service.where,
        )
    facts = service_of(workshop, variant)
    size = machine_settings(workshop, variant) if kind is Variant.VM else {}
    return ImageFacts(
        kind,
        version.image,
        version.number,
        version.digest,
        ports=facts.ports,
        health_path=facts.health_path,
        memory_bytes=size.get("memory_bytes", 0),
        cpus=size.get("cpus", 0),
        disk_bytes=size.get("disk_bytes", 0),
    )


def _wished(workshop: Workshop, service: Service, wished: WishedImage) -> Version:
    """Return the version that is meant now.

    Raises RevokedError for one that is revoked, VerificationError for one that is forged.
    """
    number = "" if wished.number is None else f":{wished.number}"
    channel = "" if wished.channel is None else f"@{wished.channel}"
    try:
        version = version_meant(workshop, f"{wished.name}{number}{channel}")
        refuse_revoked(workshop, (version.image, version.number), Level.RELEASES)
        refuse_forged(workshop, version)
    except HerdbookError as error:
        error.where = error.where or service.where
        raise
    return version


def _foreign(workshop: Workshop, reference: str, folder: Path) -> ImageFacts:
    base = workshop.bases.resolve(reference, folder, workshop.progress)
    workshop.bases.fetch(base, folder, workshop.progress)
    config = json.loads(workshop.bases.kept(base.config).read_bytes()).get("config") or {}
    exposed = [name.partition("/") for name in config.get("ExposedPorts") or {}]
    numbers = [int(port) for port, _, kind in exposed if kind in {"", "tcp"} and port.isdecimal()]
    return ImageFacts(
        Variant.CONTAINER,
        reference,
        0,
        Digest(base.manifest),
        base=base,
        ports=tuple(sorted(numbers)),
    )
