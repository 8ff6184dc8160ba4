"""Pushes a version to a registry, where any client finds the container and Herdbook all of it."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from herdbook.actions.attached import attached, attached_to_index, told_of_version
from herdbook.actions.check_genuine import refuse_forged
from herdbook.actions.compress_layers import compress_layers
from herdbook.actions.deliver import Delivered, Delivery
from herdbook.actions.note import note
from herdbook.actions.read_recipe_of import read_recipe_of
from herdbook.actions.require_role import require_role
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.model import Variant, Version
from herdbook.catalogue.travelling import version_artifact
from herdbook.core.digests import Digest
from herdbook.core.errors import ConflictError, InvalidInputError, NotFoundError
from herdbook.images.artifacts import Artifact
from herdbook.images.compressing import media_type
from herdbook.images.documents import Document, LayerReference, render
from herdbook.images.references import RegistryName, registry_name
from herdbook.images.registries import Parcel, document_parcel, file_parcel
from herdbook.images.travelling import named_in, travelling_index, travelling_manifest
from herdbook.people.acts import Act


@dataclass(frozen=True)
class Pushed:
    """Where a version is now, by which digest, and what that took."""

    version: Version
    name: RegistryName
    digest: Digest
    artifacts: int
    delivered: Delivered


def push(workshop: Workshop, version: Version, reference: str, compression: str) -> Pushed:
    """Push a version; its tag is moved last, so that no tag ever names something incomplete.

    Without a tag in the reference it is the version's number. Idempotent, and goes on where an
    earlier attempt was cut off. Raises InvalidInputError for a reference or a compression that
    means nothing, VerificationError where the version is not what its builder signed, and what the
    port to registries raises.
    """
    require_role(workshop, Act.PUSH, version.image)
    media_type(compression)
    name = registry_name(reference)
    if name.digest is not None:
        raise InvalidInputError(
            f"{reference!r} names a digest, which nobody can choose", hint="Name a tag, or none."
        )
    name = name.tagged(name.tag or str(version.number))
    with workshop.layers.lease(version.label):
        refuse_forged(workshop, version)
        note(workshop, "push", version.label, pushed_to=str(name), digest=version.digest)
        return _Pushing(workshop, version, name, compression).run()


@dataclass(frozen=True)
class _Pushing:
    """One version on its way."""

    workshop: Workshop
    version: Version
    name: RegistryName
    compression: str

    def run(self) -> Pushed:
        layers = self._layers()
        documents = self.workshop.versions.document
        plain = {each.kind: documents(each.manifest) for each in self.version.variants}
        configs = [documents(each.config) for each in self.version.variants]
        manifests = {
            kind: travelling_manifest(manifest, layers) for kind, manifest in plain.items()
        }
        index = travelling_index([(kind.value, each) for kind, each in manifests.items()])
        whole = (documents(self.version.digest), *plain.values(), *configs)
        said = self._said(manifests, index, whole)
        delivery = Delivery(self.workshop, self.name)
        delivery.blobs(self._parcels(layers.values(), configs, said))
        self._tell(manifests.values(), said, index)
        return Pushed(
            self.version,
            self.name,
            index.digest,
            sum(len(each) for each in said.values()),
            delivery.total,
        )

    def _layers(self) -> dict[Digest, LayerReference]:
        """Return all layers as they travel, by their own digest."""
        every = {layer.digest: layer for each in self.version.variants for layer in each.layers}
        packed = compress_layers(self.workshop, list(every.values()), self.compression)
        return dict(zip(every, packed, strict=True))

    def _said(
        self, manifests: dict[Variant, Document], index: Document, whole: Sequence[Document]
    ) -> dict[Digest, list[Artifact]]:
        """Return what is said of each manifest and of the index, by its digest."""
        with self.workshop.progress.task("Listing what is said of it"):
            said = {
                manifest.digest: attached(self.workshop, self.version, kind, manifest)
                for kind, manifest in manifests.items()
            }
            every = {layer.digest for each in self.version.variants for layer in each.layers}
            recipe = read_recipe_of(self.workshop, self.version)
            told = version_artifact(
                index,
                self.version,
                whole,
                self.workshop.components.bills(every),
                may_rebase=recipe is not None and recipe.rebase == "automatic",
            )
            whole_said = attached_to_index(self.workshop, self.version, index)
            stated = told_of_version(self.workshop, index, told)
            return {**said, index.digest: [told, stated, *whole_said]}

    def _parcels(
        self,
        layers: Iterable[LayerReference],
        configs: Iterable[Document],
        said: Mapping[Digest, Sequence[Artifact]],
    ) -> Iterator[Parcel]:
        for layer in layers:
            path = self.workshop.layers.path(layer.digest)
            yield file_parcel(path, layer.digest, layer.size)
        small = [blob for found in said.values() for each in found for blob in each.blobs]
        yield from map(document_parcel, [*configs, *small])

    def _tell(
        self,
        manifests: Iterable[Document],
        said: Mapping[Digest, Sequence[Artifact]],
        index: Document,
    ) -> None:
        """Put documents over the blobs, each after what it names, and the tag last."""
        registry = self.workshop.registry
        for manifest in manifests:
            registry.put_manifest(self.name.at(manifest.digest), manifest)
        for subject, artifacts in said.items():
            registry.attach(self.name, subject, artifacts)
            for each in artifacts:
                if each.tag:
                    self._put_beside(self.name.tagged(each.tag), each.manifest)
        registry.put_manifest(self.name.at(index.digest), index)
        for subject, artifacts in said.items():
            self._require_listed(subject, artifacts)
        registry.put_manifest(self.name, index)

    def _put_beside(self, tag: RegistryName, ours: Document) -> None:
        """Put what we signed under a tag; what others signed stays there, as with cosign."""
        registry = self.workshop.registry
        try:
            there = registry.manifest(tag)
        except NotFoundError:
            registry.put_manifest(tag, ours)
            return
        joined = _joined(there, ours)
        if joined != there:
            registry.put_manifest(tag, joined)

    def _require_listed(self, subject: Digest, artifacts: Sequence[Artifact]) -> None:
        """Look once more: a list that is kept under a tag may have been written by others, too."""
        listed = {each.digest for each in self.workshop.registry.referrers(self.name, subject)}
        if not listed >= {each.manifest.digest for each in artifacts}:
            raise ConflictError(
                f"Somebody else took away what {self.name.repository} lists of {subject}",
                hint="Nothing was tagged. Run the same command again.",
            )


def _joined(there: Document, ours: Document) -> Document:
    """Return a manifest with the layers of ours in it; raises VerificationError where it has none.

    Whole descriptors are compared: the same claim may be signed by several keys.
    """
    named_in(there, "layers")
    content = json.loads(there.content)
    layers = content["layers"]
    missing = [each for each in json.loads(ours.content)["layers"] if each not in layers]
    return (
        render(there.media_type, {**content, "layers": [*layers, *missing]}) if missing else there
    )
