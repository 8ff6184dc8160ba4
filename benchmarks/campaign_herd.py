"""A register of many images on real layers: a dozen built ones, and clones of each of them."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml
from example import ExampleBench
from older_locks import with_older
from sqlalchemy import func, insert, select

from herdbook.actions.inputs import inputs_of
from herdbook.actions.keep_layers import file_entry
from herdbook.actions.lock import lock_missing
from herdbook.actions.workshop import Workshop
from herdbook.builds.arrangement import arrangement_in
from herdbook.builds.keys import build_key
from herdbook.builds.lock import Lock, lock_path
from herdbook.builds.patching import as_in_recipes
from herdbook.catalogue.components import LayerBill, Origin
from herdbook.catalogue.model import NewVersion, Variant, VariantRecord, Version
from herdbook.core.digests import of_bytes
from herdbook.core.progress import NoProgress
from herdbook.images import documents
from herdbook.images.documents import Document, LayerReference
from herdbook.layers.writing import tar_pieces
from herdbook.packages.model import LockedPackage
from herdbook.recipes.catalogue import recipes_in
from herdbook.recipes.reading import RecipeFile
from herdbook.server.program import open_workshop
from herdbook.server.settings import Settings
from herdbook.store import schema
from herdbook.store.database import open_database

SOURCE = "openssl"
SUITE = "bookworm"
CONTAINERS = ("django", "falcon", "aiohttp", "koa", "hapi", "sinatra", "symfony", "jetty")
MACHINES = ("flask", "express", "rack", "slim")
"""Frameworks of the example: the latter's images are virtual machines, too."""


class Herd(ExampleBench):
    """Twelve images of the example, built with the oldest openssl that the archive has.

    `old` and `new` are its versions. The packages of the new one are fetched, too.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.catalogue = folder / "catalogue"
        self.file = self.catalogue / "catalogue.yaml"
        shutil.copytree(Path(__file__).parents[1] / "examples/catalogue", self.catalogue)
        self.recipes = self._restrict()
        print(f"Building {len(self.recipes)} images with an old {SOURCE}, which is not measured")
        lock_missing(self.workshop(), self.recipes, frozen=False)
        paths = {each.recipe.image: lock_path(each, inputs_of(each)) for each in self.recipes}
        for path in sorted(set(paths.values())):
            self.old, self.new = with_older(path, self.state, SOURCE, SUITE)
        self._herdbook("catalogue", "build", self.file)
        self.written = {path: path.read_text() for path in paths.values()}
        self.locks = {image: json.loads(self.written[path]) for image, path in paths.items()}

    def workshop(self, url: str = "") -> Workshop:
        """Open the state that the images were built in."""
        url = url or f"sqlite:///{self.state}/herdbook.db"
        return open_workshop(Settings(self.state, url), NoProgress())

    def _restrict(self) -> list[RecipeFile]:
        content: dict[str, Any] = yaml.safe_load(self.file.read_text())
        content["axes"]["suite"] = {SUITE: {}}
        axes = content["axes"]["framework"]
        for name in MACHINES:
            axes[name]["variants"] = ["vm"]
        languages = {name: axes[name]["only"]["language"] for name in (*CONTAINERS, *MACHINES)}
        content["exclude"] = [{"suite": SUITE}]
        content["include"] = [
            {"suite": SUITE, "language": language, "framework": name}
            for name, language in languages.items()
        ]
        self.file.write_text(yaml.safe_dump(content, sort_keys=False))
        return recipes_in([self.file])

    def fill(self, images: int) -> None:
        """Add clones to the register until it has so many images, each with a layer of its own."""
        workshop = self.workshop()
        made = [
            found for each in self.recipes if (found := workshop.versions.find(each.recipe.image))
        ]
        originals = [_Original(workshop, version) for version in made]
        missing = range(workshop.versions.count_images(), images)
        with workshop.layers.lease("clones"):
            workshop.versions.add_all(
                originals[number % len(originals)].clone(f"team{number:06}") for number in missing
            )

    def put_locks_back(self) -> None:
        """Undo what a campaign did to the locks beside the recipes."""
        for path, written in self.written.items():
            path.write_text(written)

    def prepare_buildah(self, newer: Sequence[LockedPackage]) -> None:
        """Give buildah a base image, with the packages at hand that apt will ask for."""
        for lock in self.locks.values():
            lock["packages"] += [each.model_dump(mode="json") for each in newer]
        self._bases()

    def stranger(self, number: int) -> RecipeFile:
        """Return a recipe like one of ours that buildah has made nothing of, not even its layers.

        `number` says which, and of which of ours; it has a file `team` of its own on top.
        """
        recipe_file = self.recipes[number % len(self.recipes)]
        image = f"stranger{number}"
        self.locks[image] = self.locks[recipe_file.recipe.image]
        made = replace(recipe_file, recipe=recipe_file.recipe.model_copy(update={"image": image}))
        context = self.context(made)
        context.mkdir(parents=True)
        self._write_context(made, context)
        path = context / "Containerfile"
        lines = path.read_text().replace("RUN apt-get", f"RUN : {image} && apt-get")
        path.write_text(f"{lines}COPY team /srv/team\n")
        return made

    def context(self, recipe_file: RecipeFile) -> Path:
        """Return the folder that buildah makes an image from."""
        return self.folder / "contexts" / recipe_file.recipe.image

    def rebuild(self, recipe_file: RecipeFile) -> None:
        """Build an image by buildah."""
        self._buildah(recipe_file)


@dataclass
class _Original:
    """A built version that others are made like, each by another team."""

    workshop: Workshop
    version: Version
    _rendered: dict[Variant, tuple[Document, Document]] = field(init=False)

    def __post_init__(self) -> None:
        find = self.workshop.versions.document
        self._rendered = {
            each.kind: (find(each.config), find(each.manifest)) for each in self.version.variants
        }
        self._lock = Lock.model_validate_json(self.version.lock)

    def clone(self, team: str) -> NewVersion:
        """Return a version as a build would make it from the same recipe with one more file."""
        image = f"{team}/{self.version.image.partition('/')[2]}"
        own = self._own_layer(team)
        made = [self._variant(each, image, own) for each in self.version.variants]
        index = documents.index(
            [(manifest, {"io.herdbook.variant": each.kind.value}) for each, _, manifest in made]
        )
        wishes = of_bytes(image.encode())
        lock = as_in_recipes(self._lock).digest
        return NewVersion(
            image=image,
            digest=index.digest,
            build_key=build_key(wishes, lock, arrangement_in(self._lock).digest),
            lock=self.version.lock,
            recipe=self.version.recipe.replace(self.version.image, image),
            created_at=self.version.created_at,
            variants=tuple(record for record, _, _ in made),
            documents=(*(each for _, *both in made for each in both), index),
            bills=(LayerBill(own.digest, (), Origin.SCANNED),),
            wishes=wishes,
            home=self.version.home,
        )

    def _own_layer(self, team: str) -> LayerReference:
        """Write a layer that no other image has: a file that says whose the image is."""
        content = f"{team}\n".encode()
        entry = file_entry("srv/team", content, 0o644, 0)
        digest, size = self.workshop.layers.write(tar_pieces([entry], lambda _: BytesIO(content)))
        self.workshop.layers.set_tree(digest, {entry.path: entry})
        return LayerReference("files", digest, size)

    def _variant(
        self, record: VariantRecord, image: str, own: LayerReference
    ) -> tuple[VariantRecord, Document, Document]:
        before, manifest = self._rendered[record.kind]
        created, process = documents.created_of(before), documents.process_of(before)
        layers = (*record.layers, own)
        if record.kind is Variant.CONTAINER:
            config = documents.container_config(process, layers, created, image)
        else:
            config = before
        annotations = json.loads(manifest.content)["annotations"]
        annotations["org.opencontainers.image.title"] = image
        rendered = documents.manifest(config, layers, annotations)
        made = replace(record, layers=layers, manifest=rendered.digest, config=config.digest)
        return made, config, rendered


def copy_register(source: str, target: str) -> None:
    """Copy all rows of one database into an empty one."""
    before, after = open_database(source), open_database(target)
    with before.connect() as reader, after.begin() as writer:
        for table in schema.metadata.sorted_tables:
            rows = reader.execution_options(yield_per=1000).execute(table.select())
            for part in rows.mappings().partitions():
                writer.execute(insert(table), [dict(row) for row in part])
            if table.autoincrement_column is not None:
                sequence = func.pg_get_serial_sequence(table.name, "id")
                writer.execute(select(func.setval(sequence, func.max(table.c.id))))
    before.dispose()
    after.dispose()
