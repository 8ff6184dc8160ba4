"""A version of an image that runs as machines: signed, rendered already, and nothing in it."""

from locked import package
from versions import MOMENT, digest

from herdbook.actions.render import artefact_folder
from herdbook.actions.vouch_artefacts import vouch_for_artefacts
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock
from herdbook.catalogue.model import NewVersion, Variant, VariantRecord
from herdbook.images import documents
from herdbook.images.documents import MACHINE_CONFIG, render

IMAGE = "shop/machine"

SIZE = {"memory_bytes": 1 << 29, "cpus": 1, "disk_bytes": 1 << 30}
"""What an instance of it has where nobody says otherwise."""

_PARTS = ("kernel", "initrd", "root.erofs")


def _version() -> NewVersion:
    config = render(MACHINE_CONFIG, {**SIZE, "ports": [80], "health_path": ""})
    manifest = documents.manifest(config, [], {})
    index = documents.index([(manifest, {})])
    lock = Lock(inputs=digest(IMAGE), suite="bookworm", packages=(package("base-files"),))
    return NewVersion(
        image=IMAGE,
        digest=index.digest,
        build_key=digest(f"inputs of {IMAGE}"),
        lock=lock.model_dump_json(),
        recipe=IMAGE,
        created_at=MOMENT,
        variants=(VariantRecord(Variant.VM, manifest.digest, config.digest, ()),),
        documents=(index, manifest, config),
    )


MACHINE = _version()


def add_machine(workshop: Workshop) -> None:
    """Add it to a register, with what its machines would boot from."""
    version = workshop.versions.add(MACHINE)
    (variant,) = version.variants
    folder = artefact_folder(workshop, variant)
    folder.mkdir(parents=True)
    for name in _PARTS:
        (folder / name).write_text(name)
    parts = [folder / name for name in _PARTS]
    vouch_for_artefacts(workshop, variant.manifest, folder / "rendered.json", parts)
