"""Images by the hundred that share layers, with documents as builds render them, and a patch.

A version's `release` says which openssl it holds. A rebase of one of release 1 must be what a build
of release 2 is: so `built` says what to expect of `move_of`.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from herdbook.builds.keys import build_key
from herdbook.campaigns.conditions import Condition, Finding, Way
from herdbook.campaigns.model import Budget, LayerChange, NewCampaign, Proof, Verify
from herdbook.campaigns.model import Change as PackageChange
from herdbook.campaigns.ports import Campaigns, Herd, ImageClass, Move
from herdbook.catalogue.components import Component, Ecosystem, LayerBill, Origin
from herdbook.catalogue.model import NewVersion, Variant, VariantRecord
from herdbook.core.digests import Digest, of_bytes
from herdbook.images import documents
from herdbook.images.documents import Document, LayerReference, Process

MOMENT = datetime(2026, 11, 1, 12, tzinfo=UTC)
BOTH = (Variant.CONTAINER, Variant.VM)
SOURCES = ("openssl",)


def digest(*parts: object) -> Digest:
    """Return a digest that stands for whatever the parts name."""
    return of_bytes(" ".join(map(str, parts)).encode())


def openssl(release: int) -> LayerReference:
    """Return the layer that a patch replaces; that of a later release is larger."""
    return LayerReference("openssl", digest("openssl", release), 5_000 + release)


def release_date(release: int) -> datetime:
    """Return when the indexes of a release were signed: the time in documents."""
    return MOMENT + timedelta(days=release)


def common_layers(group: int, release: int, variant: Variant) -> list[LayerReference]:
    """Return the layers that all images of a group share, dpkg's database the last."""
    runtime = LayerReference(f"runtime{group}", digest("runtime", group), 70_000)
    named = digest("database", group, variant, release)
    database = LayerReference("database", named, 900 + release)
    return [openssl(release), runtime, database]


def bill(release: int) -> LayerBill:
    """Return what the layer of a release of openssl holds."""
    version = f"3.0.{release}"
    held = Component(
        *(Ecosystem.DEBIAN, "libssl3", version, "bookworm", "amd64", "openssl", version)
    )
    return LayerBill(openssl(release).digest, (held,), Origin.DECLARED)


def lock_text(group: int, release: int) -> str:
    """Return what stands for the lock of a group's images."""
    return f"{group} {release} lock"


def arrangement(group: int) -> Digest:
    """Return what stands for how the packages of a group are arranged."""
    return digest("arrangement", group)


def built(
    image: str,
    group: int = 0,
    release: int = 1,
    *,
    variants: Sequence[Variant] = BOTH,
    opaque: bool = False,
    allowed: bool = True,
) -> NewVersion:
    """Return a version of an image; `opaque` says whether an author's steps ran in it.

    Whether a rebase is `allowed` is a wish, which is in the name of a build as all others are.
    """
    wishes = digest("wishes", image, *(() if allowed else ("rebase: never",)))
    records: list[VariantRecord] = []
    rendered: list[Document] = []
    for variant in variants:
        layers = common_layers(group, release, variant)
        common = len(layers)
        steps = digest("steps", image) if opaque else None
        layers.append(LayerReference("files", digest("files", image), 10, inputs=steps))
        made = _documents(image, variant, layers, release_date(release))
        names = made[1].digest, made[0].digest
        records.append(VariantRecord(variant, *names, tuple(layers), common))
        rendered += made
    index = documents.index(
        [
            (made, {"io.herdbook.variant": variant.value})
            for made, variant in zip(rendered[1::2], variants, strict=True)
        ]
    )
    lock = lock_text(group, release)
    return NewVersion(
        image=image,
        digest=index.digest,
        build_key=build_key(wishes, digest(lock), arrangement(group)),
        lock=lock,
        recipe=f"recipe of {image}",
        created_at=MOMENT,
        variants=tuple(records),
        documents=(index, *rendered),
        bills=(bill(release),),
        wishes=wishes,
        home=f"/srv/{group}/catalogue.yaml",
        may_rebase=allowed,
    )


def _documents(
    image: str, variant: Variant, layers: Sequence[LayerReference], created: datetime
) -> list[Document]:
    process = Process(("/srv/web",), {"IMAGE": image}, (8080,), health_path="/healthz")
    if variant is Variant.CONTAINER:
        config = documents.container_config(process, layers, created, image)
    else:
        config = documents.machine_config(process, 512 << 20, 1, 0, created)
    annotations = {
        documents.CREATED_ANNOTATION: documents.timestamp(created),
        "org.opencontainers.image.title": image,
    }
    return [config, documents.manifest(config, layers, annotations)]


def proof(words: str = "it fits", way: Way = Way.REBASE) -> Proof:
    """Return a proof; those of the same words and way are the same."""
    return Proof(
        way=way,
        changes=(PackageChange(name="libssl3", old="3.0.1", new="3.0.2", pocket="bookworm"),),
        findings=(Finding(condition=Condition.RELATIONS, way=way, words=words),),
        layers=(LayerChange(title="openssl", old=openssl(1).digest, new=openssl(2).digest),),
    )


def new_campaign(*sources: str) -> NewCampaign:
    """Return a campaign for some sources, openssl where none are named."""
    planned = {Way.REBASE.value: 3}
    return NewCampaign(sources or SOURCES, (), Budget(), Verify.SAMPLE, MOMENT, planned)


def move_of(of: ImageClass) -> Move:
    """Return what a class becomes by a rebase: what builds of the next release are."""
    group, release = map(int, of.lock.split()[:2])
    replaced = {openssl(release).digest: openssl(release + 1)}
    for variant in of.layers:
        old, new = (common_layers(group, each, variant)[-1] for each in (release, release + 1))
        replaced[old.digest] = new
    lock = lock_text(group, release + 1)
    return Move(
        of=of,
        lock=lock,
        recipe_lock=digest(lock),
        arrangement=arrangement(group),
        replaced=replaced,
        floor=release_date(release + 1),
        proof=proof(f"group {group} fits"),
        bills=(bill(release + 1),),
    )


def moves_of(herd: Herd, release: int = 1) -> list[Move]:
    """Return moves of all classes that hold a release, as far as they may be rebased."""
    found = herd.classes([openssl(release).digest])
    return [move_of(each) for each in found if each.allowed and not each.opaque]


def rebase_all(campaigns: Campaigns, herd: Herd, number: int, *, limit: int) -> Iterable[int]:
    """Work at a campaign as its command does, and yield how many images followed each time."""
    with campaigns.work(number) as alone:
        assert alone, f"another process works at campaign {number}"
        moves = moves_of(herd)
        while count := herd.rebase(number, moves, now=MOMENT, limit=limit):
            yield count
