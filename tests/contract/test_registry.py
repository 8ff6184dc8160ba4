"""What the port to registries promises, on a real one, on one that wants a login, and on the fake.

What only the real ones can show (chunks, broken connections, lies) is in test_registry_http.py.
"""

import base64
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from base_registry import registry

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.errors import NotFoundError
from herdbook.core.progress import NoProgress
from herdbook.drivers.fake.registry import FakeRegistry
from herdbook.drivers.registry import HttpRegistry
from herdbook.images.artifacts import Artifact, artifact
from herdbook.images.documents import CONFIG, INDEX, MANIFEST, Document, render
from herdbook.images.references import RegistryName, registry_name
from herdbook.images.registries import Parcel, Registry, document_parcel, file_parcel

pytestmark = pytest.mark.alone  # a registry at a port

_NUMBERS = count(1)
LARGE = os.urandom(1 << 20) * 20 + b"end"


@dataclass(frozen=True)
class Bench:
    """A driver, and the host of a registry."""

    registry: Registry
    host: str

    def repository(self, tag: str = "") -> RegistryName:
        """A repository of the test's own."""
        name = registry_name(f"{self.host}/shop/t{next(_NUMBERS)}")
        return name.tagged(tag) if tag else name

    def push(self, name: RegistryName, parcel: Parcel) -> int:
        with NoProgress().task("") as task:
            return self.registry.push_blob(name, parcel, task)

    def pull(self, name: RegistryName, digest: Digest, size: int, to: Path) -> bytes:
        with NoProgress().task("") as task:
            self.registry.pull_blob(name, digest, size, to, task)
        return to.read_bytes()

    def image(self, name: RegistryName, seed: str = "1") -> Document:
        """Put a manifest, and the configuration that it needs."""
        config = render(CONFIG, {"seed": seed})
        self.push(name, document_parcel(config))
        content = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config.descriptor()}
        manifest = render(MANIFEST, {**content, "layers": []})
        self.registry.put_manifest(name, manifest)
        return manifest

    def artifact(self, name: RegistryName, subject: Document, seed: str, kind: str) -> Artifact:
        """Return an artifact whose blobs are there."""
        made = artifact(subject, kind, [(render("text/plain", seed), {})], {"seed": seed})
        for blob in made.blobs:
            self.push(name, document_parcel(blob))
        return made


@pytest.fixture(scope="module", params=["real", "login", "fake"])
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("registry")
    if request.param == "fake":
        yield Bench(FakeRegistry(), "127.0.0.1:5000")
        return
    people = {"someone": "secret"} if request.param == "login" else {}
    with registry(folder / "files", people=people) as running:
        logins = folder / "auth.json"
        said = base64.b64encode(b"someone:secret").decode()
        logins.write_text(json.dumps({"auths": {running.host: {"auth": said}}}))
        yield Bench(HttpRegistry(folder / "memory", [folder / "none.json", logins]), running.host)


def test_a_manifest_is_read_by_tag_and_by_digest(bench: Bench) -> None:
    name = bench.repository("1")
    made = bench.image(name)
    assert bench.registry.manifest(name) == made
    assert bench.registry.manifest(name.at(made.digest)) == made


def test_a_manifest_without_a_tag_is_there_by_its_digest_alone(bench: Bench) -> None:
    name = bench.repository()
    made = bench.image(name)
    bench.image(name.tagged("some"), "other")
    assert bench.registry.manifest(name.at(made.digest)) == made
    assert bench.registry.tags(name) == ["some"]


def test_a_tag_moves(bench: Bench) -> None:
    name = bench.repository("latest")
    bench.image(name, "1")
    second = bench.image(name, "2")
    assert bench.registry.manifest(name) == second


def test_tags_are_listed_in_order(bench: Bench) -> None:
    name = bench.repository()
    for tag in ("2", "10", "1"):
        bench.image(name.tagged(tag))
    assert bench.registry.tags(name) == ["1", "10", "2"]


def test_an_index_names_manifests_that_are_there(bench: Bench) -> None:
    name = bench.repository("all")
    inner = bench.image(name.tagged(""))
    content = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [inner.descriptor()]}
    whole = render(INDEX, content)
    bench.registry.put_manifest(name, whole)
    assert bench.registry.manifest(name) == whole


def test_what_is_not_there_is_said_to_be_not_there(bench: Bench, tmp_path: Path) -> None:
    name, absent = bench.repository("1"), digests.of_bytes(b"absent")
    for ask in (
        lambda: bench.registry.manifest(name),
        lambda: bench.registry.manifest(name.at(absent)),
        lambda: bench.registry.tags(bench.repository()),
        lambda: bench.pull(name, absent, 6, tmp_path / "absent"),
    ):
        with pytest.raises(NotFoundError):
            ask()
    assert not bench.registry.has_blob(name, absent)
    assert bench.registry.referrers(name, absent) == []


def test_blobs_of_any_size_come_back_as_they_were(bench: Bench, tmp_path: Path) -> None:
    name = bench.repository()
    for number, content in enumerate((b"", b"x", LARGE)):
        source = tmp_path / f"source{number}"
        source.write_bytes(content)
        digest = digests.of_bytes(content)
        assert bench.push(name, file_parcel(source, digest, len(content))) == len(content)
        assert bench.registry.has_blob(name, digest)
        assert bench.pull(name, digest, len(content), tmp_path / f"to{number}") == content


def test_a_blob_is_mounted_from_another_repository_that_it_was_sent_to(bench: Bench) -> None:
    name, other = bench.repository(), bench.repository()
    blob = document_parcel(render("text/plain", f"{name}"))
    assert not bench.registry.mount_blob(other, blob.digest)
    bench.push(name, blob)
    assert bench.registry.mount_blob(other, blob.digest)
    assert bench.registry.has_blob(other, blob.digest)


def test_what_refers_to_a_manifest_is_listed_by_kind(bench: Bench) -> None:
    name = bench.repository("1")
    subject = bench.image(name)
    bill = bench.artifact(name, subject, "bill", "text/bill")
    seal = bench.artifact(name, subject, "seal", "text/seal")
    bench.registry.attach(name, subject.digest, [bill])
    bench.registry.attach(name, subject.digest, [seal, bill])
    found = bench.registry.referrers(name, subject.digest)
    assert [each.digest for each in found] == [bill.manifest.digest, seal.manifest.digest]
    (only,) = bench.registry.referrers(name, subject.digest, "text/seal")
    assert (only.kind, only.digest) == ("text/seal", seal.manifest.digest)
    assert only.annotations == {"seed": "seal"}
    assert bench.registry.manifest(name.at(only.digest)) == seal.manifest


def test_what_many_attach_at_once_is_all_listed(bench: Bench) -> None:
    name = bench.repository("1")
    subject = bench.image(name)
    made = [bench.artifact(name, subject, f"{number}", "text/x") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        work = [pool.submit(bench.registry.attach, name, subject.digest, [each]) for each in made]
        for each in work:
            each.result()
    found = {each.digest for each in bench.registry.referrers(name, subject.digest)}
    assert found == {each.manifest.digest for each in made}
