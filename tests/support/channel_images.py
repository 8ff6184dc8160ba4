"""Versions to promote, revoke, release and make others from: they hold one small file."""

from dataclasses import replace
from io import BytesIO

from locked import package
from sqlalchemy import Engine
from trees import file, tree
from versions import MOMENT, digest

from herdbook.actions.set_rules import set_rules
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock, LockedParent
from herdbook.catalogue.model import NewVersion, Variant, VariantRecord, Version
from herdbook.channels.model import Level, Made
from herdbook.core.errors import NotFoundError
from herdbook.images import documents
from herdbook.images.documents import CONFIG, LayerReference, render
from herdbook.layers.writing import tar_pieces
from herdbook.store.audit import SqlAudit
from herdbook.store.channels import SqlChannels
from herdbook.store.provenances import SqlProvenances
from herdbook.store.versions import SqlVersions

EVERY_LEVEL = tuple(Level)


def in_database(workshop: Workshop, engine: Engine, audit: SqlAudit) -> Workshop:
    """Return a workshop whose versions and channels are kept in another database."""
    return replace(
        workshop,
        versions=SqlVersions(engine, workshop.keys),
        provenances=SqlProvenances(engine, audit, workshop.clock),
        audit=audit,
        channels=SqlChannels(engine, audit, workshop.keys),
    )


_CONFIGURATION = {
    "created": MOMENT.isoformat(),
    "config": {"Env": [], "Labels": {}, "WorkingDir": "/", "User": "1000:1000"},
}


def add_version(workshop: Workshop, image: str = "shop/web", parent: Made | None = None) -> Version:
    """Add the next version of an image."""
    return workshop.versions.add(whole_version(workshop, image, parent))


def whole_version(
    workshop: Workshop, image: str = "shop/web", parent: Made | None = None, content: str = ""
) -> NewVersion:
    """Return the next version of an image; its one layer, of that content, is in the store."""
    seed = f"{image} {_next(workshop, image)} {parent}"
    layer = _layer(workshop, content or seed)
    rootfs = {"type": "layers", "diff_ids": [layer.digest]}
    config = render(CONFIG, {**_CONFIGURATION, "rootfs": rootfs, "seed": seed})
    manifest = documents.manifest(config, [layer], {})
    index = documents.index([(manifest, {"io.herdbook.variant": "container"})])
    record = VariantRecord(Variant.CONTAINER, manifest.digest, config.digest, (layer,))
    return NewVersion(
        image=image,
        digest=index.digest,
        build_key=digest(f"inputs {seed}"),
        lock=_lock(workshop, seed, parent).model_dump_json(),
        recipe=f"recipe {seed}",
        created_at=MOMENT,
        variants=(record,),
        documents=(index, manifest, config),
        parent=parent,
    )


def add_versions(workshop: Workshop, count: int, image: str = "shop/web") -> list[Version]:
    """Add so many versions of an image, the oldest first."""
    return [add_version(workshop, image) for _ in range(count)]


def put_rules(workshop: Workshop, text: str) -> None:
    """Put the rules in force that a file would hold."""
    with workshop.staging() as folder:
        path = folder / "channels.yaml"
        path.write_text(text)
        set_rules(workshop, path)


def verbs(workshop: Workshop) -> list[str]:
    """Return what the audit says was done, in order."""
    return [f"{each.verb} {each.subject}" for each in workshop.audit.records()]


def _next(workshop: Workshop, image: str) -> int:
    newest = workshop.versions.find(image)
    return newest.number + 1 if newest else 1


def _lock(workshop: Workshop, seed: str, parent: Made | None) -> Lock:
    below = None
    if parent is not None:
        found = workshop.versions.find(*parent)
        if found is None:
            raise NotFoundError(f"There is no {parent}")
        below = LockedParent(image=found.image, number=found.number, digest=found.digest)
    packages = () if below else (package("base-files"),)
    return Lock(inputs=digest(seed), suite="bookworm", packages=packages, parent=below)


def _layer(workshop: Workshop, seed: str) -> LayerReference:
    content = seed.encode()
    held = tree(file("srv/what", content))
    found, size = workshop.layers.write(tar_pieces(held.values(), lambda _: BytesIO(content)))
    workshop.layers.set_tree(found, held)
    return LayerReference("files", found, size)
