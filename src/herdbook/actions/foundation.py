"""What a root stands on before any package is installed: nothing, or another image."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from herdbook.actions.check_genuine import refuse_forged
from herdbook.actions.check_revoked import refuse_revoked
from herdbook.actions.import_base import import_base
from herdbook.actions.keep_layers import content_of, stacked
from herdbook.actions.workshop import Workshop
from herdbook.builds.lock import Lock, LockedParent
from herdbook.builds.placing import resolve
from herdbook.catalogue.model import Variant, Version
from herdbook.channels.model import Level
from herdbook.core.digests import Digest
from herdbook.core.errors import NotFoundError, VerificationError
from herdbook.images.bases import LockedBase
from herdbook.images.documents import LayerReference, Process, created_of, process_of
from herdbook.layers.tree import Tree
from herdbook.packages.control import Control, installed_controls
from herdbook.packages.suites import NO_SUITE

_STATUS = "var/lib/dpkg/status"


@dataclass(frozen=True)
class Foundation:
    """The layers below a variant's own, the process they were made for, and what names them.

    `key` is None where there is nothing below; `suite` is empty where it is no Debian; `created`
    is the time its documents carry. `is_machine` says that it can boot. `no_packages_because` is
    empty where packages can be installed on it.
    """

    workshop: Workshop
    key: Digest | None = None
    layers: Sequence[LayerReference] = ()
    process: Process = field(default_factory=Process)
    suite: str = ""
    created: datetime | None = None
    is_machine: bool = False
    no_packages_because: str = ""

    @cached_property
    def tree(self) -> Tree:
        """What the layers stack up to."""
        return stacked(self.workshop, self.layers)

    @cached_property
    def status(self) -> str:
        """What dpkg knows to be installed (dpkg(1), FILES); nothing where there is no dpkg."""
        path = resolve(self.tree, _STATUS)
        if path not in self.tree:
            return ""
        return content_of(self.workshop, self.layers, path).decode(errors="replace")

    @cached_property
    def controls(self) -> dict[str, Control]:
        """What is installed below, by name."""
        return {control.name: control for control in installed_controls(self.status)}


def foundation_of(workshop: Workshop, lock: Lock, variant: Variant, folder: Path) -> Foundation:
    """Return what a variant of this lock stands on; raises NotFoundError where it is not here.

    `folder` is the recipe's, where a base may lie.
    """
    if lock.base:
        return on_base(workshop, lock.base, folder)
    if lock.parent:
        return on_parent(workshop, parent_version(workshop, lock.parent), variant)
    return Foundation(workshop, suite=lock.suite)


def on_base(workshop: Workshop, base: LockedBase, folder: Path) -> Foundation:
    """Return an existing image as something to stand on, fetched and imported if need be."""
    imported = import_base(workshop, base, folder)
    return Foundation(
        workshop,
        base.manifest,
        imported.layers,
        imported.process,
        imported.suite.name if imported.suite else "",
        imported.created or datetime.fromtimestamp(NO_SUITE.epoch, UTC),
        no_packages_because=imported.no_packages_because,
    )


def on_parent(workshop: Workshop, version: Version, variant: Variant) -> Foundation:
    """Return a version's variant of the same kind, or what a machine can be added to."""
    record = version.variant(variant) or version.variant(Variant.CONTAINER)
    if record is None:
        raise NotFoundError(
            f"{version.label} has no container to make one from",
            hint="Let its recipe have both variants, or give this one `variants: [vm]`.",
        )
    told = version.variant(Variant.CONTAINER) or record
    process = process_of(workshop.versions.document(told.config))
    return Foundation(
        workshop,
        record.manifest,
        record.layers,
        process,
        Lock.model_validate_json(version.lock).suite,
        created_of(workshop.versions.document(record.config)),
        is_machine=record.kind is Variant.VM,
    )


def parent_version(workshop: Workshop, parent: LockedParent) -> Version:
    """Return the version a lock names.

    Raises NotFoundError where it is not here, VerificationError for another one, or for one that
    is not what its builder signed.
    """
    found = workshop.versions.find(parent.image, parent.number)
    if found is None:
        raise NotFoundError(
            f"{parent.image}:{parent.number}, which this image is made from, is not here",
            hint="Build it first, or take the newest: herdbook lock",
        )
    if found.digest != parent.digest:
        raise VerificationError(
            f"{parent.image}:{parent.number} is not the version that was locked",
            hint="It was built from other inputs. Lock again to take it: herdbook lock",
        )
    refuse_revoked(workshop, (found.image, found.number), Level.BUILDS)
    refuse_forged(workshop, found)
    return found
