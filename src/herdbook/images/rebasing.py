"""Renders a version's documents with other layers below: what a build with those would render."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from herdbook.core.digests import Digest
from herdbook.images.documents import (
    CONFIG,
    CREATED_ANNOTATION,
    INDEX,
    MACHINE_CONFIG,
    MANIFEST,
    Document,
    LayerReference,
    render,
    timestamp,
)

_ORDER = {CONFIG: 0, MACHINE_CONFIG: 0, MANIFEST: 1, INDEX: 2}
"""Documents name those before them by their digests."""

_Descriptors = dict[Digest, dict[str, Any]]


@dataclass(frozen=True)
class Rebased:
    """A version's new documents; `became` says which digest each old one's is now."""

    documents: tuple[Document, ...]
    became: Mapping[Digest, Digest]


@dataclass(frozen=True)
class Rebase:
    """Which layers stand for which from now on.

    No time in a document is before `floor`, that of the newest index the new layers come from.
    """

    replaced: Mapping[Digest, LayerReference]
    floor: datetime

    def of(self, documents: Iterable[Document]) -> Rebased:
        """Return a version's documents as they are on the new layers, the index last."""
        moment = timestamp(self.floor)
        descriptors: _Descriptors = {}
        became: dict[Digest, Digest] = {}
        made = []
        for document in sorted(documents, key=lambda each: _ORDER[each.media_type]):
            content = json.loads(document.content)
            if document.media_type == INDEX:
                _index(content, descriptors)
            elif document.media_type == MANIFEST:
                self._manifest(content, moment, descriptors)
            else:
                self._config(content, moment)
            new = render(document.media_type, content)
            old, descriptor = document.digest, new.descriptor()
            descriptors[old], became[old] = descriptor, descriptor["digest"]
            made.append(new)
        return Rebased(tuple(made), became)

    def layers(self, layers: Iterable[LayerReference]) -> tuple[LayerReference, ...]:
        """Return a list of layers with the new ones in place."""
        return tuple(
            replace(new, title=layer.title) if (new := self.replaced.get(layer.digest)) else layer
            for layer in layers
        )

    def _config(self, content: dict[str, Any], moment: str) -> None:
        content["created"] = max(content["created"], moment)  # RFC 3339 in UTC sorts by time
        if "rootfs" in content:
            digests = content["rootfs"]["diff_ids"]
            content["rootfs"]["diff_ids"] = [
                self.replaced[each].digest if each in self.replaced else each for each in digests
            ]
            for each in content["history"]:
                each["created"] = content["created"]

    def _manifest(self, content: dict[str, Any], moment: str, descriptors: _Descriptors) -> None:
        content["config"] |= descriptors[content["config"]["digest"]]
        for each in content["layers"]:
            new = self.replaced.get(each["digest"])
            if new is not None:
                each["digest"], each["size"] = new.digest, new.size
        annotations = content["annotations"]
        annotations[CREATED_ANNOTATION] = max(annotations[CREATED_ANNOTATION], moment)


def _index(content: dict[str, Any], descriptors: _Descriptors) -> None:
    for each in content["manifests"]:
        each.update(descriptors[each["digest"]])
