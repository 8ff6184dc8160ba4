"""What comes from a registry is just what a builder who counts has signed, in all its parts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from advised_images import NEW_SSL, OLD_SSL, add_holding
from channel_images import add_version
from fleet_workshop import fleet_workshop

from herdbook.actions.attached import told_of_version
from herdbook.actions.check_genuine import why_forged
from herdbook.actions.keep_keys import distrust_key, trust_key
from herdbook.actions.promote import promote
from herdbook.actions.pull import pull
from herdbook.actions.push import push
from herdbook.actions.workshop import Workshop
from herdbook.catalogue.travelling import BILLS, FACTS, LOCK, PART_ANNOTATION, RECIPE, VERSION
from herdbook.core.digests import Digest
from herdbook.core.errors import GateError, VerificationError
from herdbook.core.progress import NoProgress
from herdbook.drivers.fake.registry import FakeRegistry
from herdbook.images.artifacts import Artifact, artifact
from herdbook.images.documents import Document
from herdbook.images.references import RegistryName, registry_name
from herdbook.images.referrers import Referrer
from herdbook.images.registries import document_parcel
from herdbook.images.travelling import named_in
from herdbook.signatures.envelopes import ENVELOPE

PLACE = "registry.example/shop/web:1"
NAME = registry_name(PLACE)


class Hostile(FakeRegistry):
    """A registry whose owner hides what he does not like, and adds what he does."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: set[Digest] = set()

    def referrers(self, name: RegistryName, subject: Digest, kind: str = "") -> list[Referrer]:
        found = super().referrers(name, subject, kind)
        return [each for each in found if each.digest not in self.hidden]

    def content(self, digest: Digest, size: int, folder: Path) -> bytes:
        file = folder / "blob"
        with NoProgress().task("") as task:
            self.pull_blob(NAME, digest, size, file, task)
        return file.read_bytes()

    def tell_otherwise(self, part: str, change: Callable[[bytes], bytes], folder: Path) -> Artifact:
        """Put another artifact in the place of what tells of the version."""
        index = self.manifest(NAME)
        [told] = self.referrers(NAME, index.digest, VERSION)
        blobs = []
        for each in named_in(self.manifest(NAME.at(told.digest)), "layers"):
            content = self.content(each.digest, each.size, folder)
            if each.annotations[PART_ANNOTATION] == part:
                changed = change(content)
                assert changed != content
                content = changed
            blobs.append((Document("application/json", content), each.annotations))
        made = artifact(index, VERSION, blobs)
        with NoProgress().task("") as task:
            for blob in made.blobs:
                self.push_blob(NAME, document_parcel(blob), task)
        self.attach(NAME, index.digest, [made])
        self.hidden.add(told.digest)
        return made


@pytest.fixture
def registry() -> Hostile:
    return Hostile()


@pytest.fixture
def there(tmp_path: Path, registry: Hostile) -> Workshop:
    """Where version 1 was built and pushed, which holds an old openssl."""
    made = replace(fleet_workshop(tmp_path / "there"), registry=registry, actor="anna")
    push(made, add_holding(made, OLD_SSL), PLACE, "gzip")
    return made


@pytest.fixture
def here(tmp_path: Path, there: Workshop, registry: Hostile) -> Workshop:
    """Where nothing was built, and the word of the other builder counts."""
    made = replace(fleet_workshop(tmp_path / "here"), registry=registry, actor="bert")
    trust(made, there, tmp_path)
    return made


def trust(here: Workshop, there: Workshop, folder: Path) -> None:
    file = folder / "builder.pub"
    file.write_text(there.keys.own().pem)
    trust_key(here, file, "berlin", "shop/*")


def test_what_is_pulled_is_what_was_pushed_and_both_are_written_down(
    here: Workshop, there: Workshop
) -> None:
    pulled = pull(here, PLACE)
    assert why_forged(here, pulled.version) == ""
    original = there.versions.find("shop/web")
    assert original
    assert (pulled.version.digest, pulled.version.lock) == (original.digest, original.lock)
    layers = [layer.digest for layer in original.variants[0].layers]
    assert here.components.bills(layers) == there.components.bills(layers)
    assert [each.verb for each in there.audit.records()][-1] == "push"
    assert [each.verb for each in here.audit.records()][-1] == "pull"


@pytest.mark.parametrize(
    ("part", "before", "after"),
    [
        (BILLS, OLD_SSL.version.encode(), NEW_SSL.version.encode()),
        (LOCK, b"base-files", b"base-filez"),
        (RECIPE, b"recipe", b"rezept"),
        (FACTS, b'"may_rebase":false', b'"may_rebase":true'),
        (FACTS, b'"number":1', b'"number":9'),
        (FACTS, b'"image":"shop/web"', b'"image":"shop/wep"'),
        (FACTS, b'"build_key":"sha256:', b'"build_key":"sha256:0000'),
    ],
)
def test_whatever_is_told_otherwise_is_refused_and_nothing_is_kept(
    here: Workshop, registry: Hostile, tmp_path: Path, part: str, before: bytes, after: bytes
) -> None:
    registry.tell_otherwise(part, lambda content: content.replace(before, after), tmp_path)
    with pytest.raises(VerificationError, match="not to be trusted"):
        pull(here, PLACE)
    assert here.versions.find("shop/web") is None
    assert here.versions.find("shop/wep") is None


def test_what_others_add_beside_it_is_left_aside(
    here: Workshop, registry: Hostile, tmp_path: Path
) -> None:
    registry.tell_otherwise(LOCK, lambda content: content + b" ", tmp_path)
    registry.hidden.clear()
    assert "base-files" in pull(here, PLACE).version.lock


def test_a_stranger_cannot_sign_it(here: Workshop, registry: Hostile, tmp_path: Path) -> None:
    stranger = replace(fleet_workshop(tmp_path / "stranger"), registry=registry)
    add_holding(stranger, NEW_SSL)  # else it would be the very same version
    push(stranger, add_holding(stranger, NEW_SSL), PLACE, "gzip")
    with pytest.raises(VerificationError, match="not in the ring"):
        pull(here, PLACE)


def test_the_statements_of_another_version_do_not_do(
    here: Workshop, there: Workshop, registry: Hostile
) -> None:
    """What was signed of an older version is laid beside a newer one."""
    older = registry.manifest(NAME)
    push(there, add_holding(there, NEW_SSL), PLACE, "gzip")
    newer = registry.manifest(NAME)
    for each in registry.referrers(NAME, newer.digest):
        registry.hidden.add(each.digest)
    for each in registry.referrers(NAME, older.digest):
        manifest = registry.manifest(NAME.at(each.digest))
        registry.attach(NAME, newer.digest, [Artifact(each.kind, manifest, (), {})])
    with pytest.raises(VerificationError):
        pull(here, PLACE)
    assert here.versions.find("shop/web") is None


def test_without_statements_nobody_has_signed_it(here: Workshop, registry: Hostile) -> None:
    index = registry.manifest(NAME)
    for each in registry.referrers(NAME, index.digest, ENVELOPE):
        registry.hidden.add(each.digest)
    with pytest.raises(VerificationError, match="nobody has signed") as raised:
        pull(here, PLACE)
    assert "herdbook key trust" in raised.value.hint


def test_a_key_counts_for_the_image_there_and_here(here: Workshop) -> None:
    with pytest.raises(VerificationError, match=r"counts for shop/\* only"):
        pull(here, PLACE, "bank/web")
    assert pull(here, PLACE, "shop/copy").version.image == "shop/copy"


def test_what_was_pulled_is_distrusted_with_the_key_that_signed_it_there(here: Workshop) -> None:
    pulled = pull(here, PLACE)
    distrust_key(here, "berlin", "that machine was broken into")
    assert why_forged(here, pulled.version).startswith("signer: it came from elsewhere")
    with pytest.raises(GateError, match="does not count any more"):
        promote(here, "shop/web:1", "production")


def test_an_older_version_is_not_taken_for_the_one_that_a_tag_names(
    here: Workshop, registry: Hostile
) -> None:
    registry.put_manifest(NAME.tagged("2"), registry.manifest(NAME))
    with pytest.raises(VerificationError, match="names version 1"):
        pull(here, "registry.example/shop/web:2")
    registry.put_manifest(NAME.tagged("stable"), registry.manifest(NAME))
    assert pull(here, "registry.example/shop/web:stable").version.number == 1


def test_one_key_cannot_tell_of_what_another_one_has_signed(
    here: Workshop, registry: Hostile, tmp_path: Path
) -> None:
    """Also where it counts, but for other images."""
    other = replace(fleet_workshop(tmp_path / "other"), registry=registry)
    (tmp_path / "other.pub").write_text(other.keys.own().pem)
    trust_key(here, tmp_path / "other.pub", "bank", "bank/*")
    told = registry.tell_otherwise(LOCK, lambda content: content + b" ", tmp_path)
    index = registry.manifest(NAME)
    said = told_of_version(other, index, told)
    with NoProgress().task("") as task:
        for blob in said.blobs:
            registry.push_blob(NAME, document_parcel(blob), task)
    registry.attach(NAME, index.digest, [said])
    with pytest.raises(VerificationError, match="another one what is told of it"):
        pull(here, PLACE)


def test_what_is_pulled_may_be_here_before_what_it_was_made_from(
    here: Workshop, there: Workshop
) -> None:
    child = add_version(there, "shop/child", ("shop/web", 1))
    push(there, child, "registry.example/shop/child:1", "gzip")
    pulled = pull(here, "registry.example/shop/child:1").version
    assert here.versions.lineage("shop/child", 1) == [("shop/child", 1)]
    pull(here, PLACE)
    assert why_forged(here, pulled) == ""
