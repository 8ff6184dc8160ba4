"""A rebase renders what a build with the new layers would render, to the last byte."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as some

from herdbook.core.digests import Digest, of_bytes
from herdbook.images import documents
from herdbook.images.documents import Document, LayerReference, Process
from herdbook.images.rebasing import Rebase

TITLES = ["openssl", "base", "database", "files", "ö"]
words = some.text(some.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
zones = some.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))
moments = some.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=zones)  # noqa: DTZ001
sizes = some.integers(0, 2**40)


def digest(*parts: object) -> Digest:
    return of_bytes(repr(parts).encode())


processes = some.builds(
    Process,
    command=some.lists(words, max_size=2).map(tuple),
    environment=some.dictionaries(some.sampled_from(["A", "PATH", "CREATED"]), words),
    ports=some.lists(some.integers(1, 65535), max_size=2, unique=True).map(tuple),
    user_id=some.sampled_from([0, 999]),
    group_id=some.sampled_from([0, 999]),
    directory=some.sampled_from(["/", "/srv"]),
    health_path=some.sampled_from(["", "/healthz"]),
)


@dataclass(frozen=True)
class Image:
    """All that a build renders documents from."""

    process: Process
    container: tuple[LayerReference, ...] | None
    machine: tuple[LayerReference, ...] | None
    created: datetime
    title: str
    disk: int

    def render(self) -> tuple[Document, ...]:
        """Render as a build does: the index last."""
        made: list[Document] = []
        manifests: list[tuple[Document, Mapping[str, str]]] = []
        annotations = {
            "org.opencontainers.image.title": self.title,
            documents.CREATED_ANNOTATION: documents.timestamp(self.created),
        }
        for kind, layers in (("container", self.container), ("vm", self.machine)):
            if layers is None:
                continue
            if kind == "container":
                config = documents.container_config(self.process, layers, self.created, self.title)
            else:
                config = documents.machine_config(
                    self.process, 512 << 20, 2, self.disk, self.created
                )
            manifest = documents.manifest(config, layers, annotations)
            manifests.append((manifest, {"io.herdbook.variant": kind}))
            made += [config, manifest]
        return (*made, documents.index(manifests))

    def on(self, replaced: Mapping[Digest, LayerReference], created: datetime) -> "Image":
        """The same image, built with other layers at another time."""

        def put(layers: Sequence[LayerReference] | None) -> tuple[LayerReference, ...] | None:
            if layers is None:
                return None
            return tuple(replaced.get(each.digest, each) for each in layers)

        return replace(
            self, container=put(self.container), machine=put(self.machine), created=created
        )


POOL = [
    LayerReference(title, digest(title), 10 + place, inputs=digest("steps") if not place else None)
    for place, title in enumerate(TITLES)
]
stacks = some.lists(some.sampled_from(POOL), max_size=len(POOL)).map(tuple)
images = some.builds(
    Image,
    process=processes,
    container=some.none() | stacks,
    machine=stacks,
    created=moments,
    title=words,
    disk=sizes,
)


@some.composite
def replacements(draw: some.DrawFn) -> dict[Digest, LayerReference]:
    """New layers in the place of some, of the same titles, as groups of packages keep theirs."""
    chosen = draw(some.lists(some.sampled_from(POOL), unique=True))
    return {
        each.digest: replace(each, digest=digest("new", each.title), size=draw(sizes))
        for each in chosen
    }


@given(images, replacements(), moments)
def test_a_rebase_renders_what_a_build_would(
    image: Image, replaced: dict[Digest, LayerReference], floor: datetime
) -> None:
    created = max(image.created, floor)
    made = Rebase(replaced, floor).of(image.render())
    wanted = image.on(replaced, created).render()
    assert sorted(made.documents, key=lambda each: each.digest) == sorted(
        wanted, key=lambda each: each.digest
    )
    assert made.documents[-1] == wanted[-1]


@given(images, replacements(), moments)
def test_it_says_what_each_document_has_become(
    image: Image, replaced: dict[Digest, LayerReference], floor: datetime
) -> None:
    before = image.render()
    after = image.on(replaced, max(image.created, floor)).render()
    assert Rebase(replaced, floor).of(before).became == {
        old.digest: new.digest for old, new in zip(before, after, strict=True)
    }


@given(images, replacements(), some.data())
def test_documents_that_change_nothing_stay_as_they_are(
    image: Image, replaced: dict[Digest, LayerReference], data: some.DataObject
) -> None:
    """Nor does a second rebase of the same kind change anything."""
    earlier = data.draw(some.timedeltas(timedelta(0), timedelta(days=900)))
    before = image.render()
    made = Rebase({}, image.created - earlier).of(before)
    assert sorted(each.digest for each in made.documents) == sorted(each.digest for each in before)
    rebase = Rebase(replaced, image.created)
    once = rebase.of(before).documents
    assert rebase.of(once).documents == once


@settings(max_examples=20)
@given(images, replacements(), moments)
def test_it_does_not_matter_in_which_order_documents_come(
    image: Image, replaced: dict[Digest, LayerReference], floor: datetime
) -> None:
    rebase = Rebase(replaced, floor)
    made = {
        frozenset(each.digest for each in rebase.of(order).documents)
        for order in permutations(image.render())
    }
    assert len(made) == 1


def test_layers_are_replaced_in_their_places_and_others_kept() -> None:
    new = replace(POOL[1], digest=digest("new"), size=99)
    rebase = Rebase({POOL[1].digest: new}, datetime(2026, 1, 1, tzinfo=UTC))
    assert rebase.layers(POOL[:3]) == (POOL[0], new, POOL[2])
    assert rebase.layers([]) == ()


def test_a_machine_is_no_container_after_a_rebase_either() -> None:
    image = Image(Process(), None, tuple(POOL), datetime(2026, 1, 1, tzinfo=UTC), "web", 0)
    floor = datetime(2026, 2, 3, 4, 5, 6, 7, tzinfo=UTC)
    config, manifest, index = Rebase({}, floor).of(image.render()).documents
    assert config.media_type == documents.MACHINE_CONFIG
    assert json.loads(manifest.content)["artifactType"] == documents.MACHINE
    assert json.loads(index.content)["manifests"][0]["digest"] == manifest.digest
    assert documents.created_of(config) == floor.replace(microsecond=0)
