"""What the port to existing images promises, on a real registry, layouts and archives."""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from base_registry import Registry, registry
from foreign_layers import folder, member, name_image, tar, write_blob, write_layout

from herdbook.core import digests
from herdbook.core.errors import (
    InvalidInputError,
    NetworkError,
    NotFoundError,
    VerificationError,
)
from herdbook.core.progress import NoProgress
from herdbook.drivers import process
from herdbook.drivers.skopeo import SkopeoImages
from herdbook.images.bases import LockedBase
from herdbook.images.documents import MACHINE_CONFIG

pytestmark = pytest.mark.alone  # a registry at a port

LAYERS = [tar([folder("etc"), member("etc/x", b"x" * 3000)]), tar([member("y", b"y")])]
OTHER = [tar([member("z", b"z")])]


@dataclass(frozen=True)
class Here:
    """A recipe's folder, and the driver."""

    folder: Path
    images: SkopeoImages

    def resolve(self, reference: str) -> LockedBase:
        return self.images.resolve(reference, self.folder, NoProgress())

    def fetch(self, locked: LockedBase) -> None:
        self.images.fetch(locked, self.folder, NoProgress())

    def held(self, locked: LockedBase) -> list[bytes]:
        """Fetch, and return configuration and layers as they are kept, each proven."""
        self.fetch(locked)
        names = [locked.config, *(layer.digest for layer in locked.layers)]
        for name in names:
            assert digests.of_file(self.images.kept(name)) == name
        return [self.images.kept(name).read_bytes() for name in names]

    def layout(self, tag: str = "base", layers: list[bytes] = LAYERS) -> Path:
        write_layout(self.folder / "layout", layers, tag=tag)
        return self.folder / "layout"

    def archive(self, kind: str, tag: str = "shop/base:1") -> str:
        self.layout()
        source = f"oci:{self.folder}/layout:base"
        made = process.run(["skopeo", "copy", source, f"{kind}:{self.folder}/{kind}.tar:{tag}"])
        assert made.succeeded, made.errors
        return f"./{kind}.tar"


@pytest.fixture
def here(tmp_path: Path) -> Here:
    place = tmp_path / "a recipe"
    place.mkdir()
    return Here(place, SkopeoImages(tmp_path / "state/bases"))


@pytest.fixture(scope="module")
def shared_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("registry") / "files") as running:
        yield running


@pytest.fixture
def pushed(here: Here, shared_registry: Registry, request: pytest.FixtureRequest) -> str:
    """An image in the registry, in a repository of the test's own."""
    name = f"shop/t{digests.of_bytes(request.node.name.encode())[7:27]}"
    shared_registry.push(f"oci:{here.layout()}:base", f"{name}:1")
    return f"{shared_registry.host}/{name}"


# --- registries


def test_an_image_of_a_registry_is_pinned_and_fetched(here: Here, pushed: str) -> None:
    locked = here.resolve(f"{pushed}:1")
    assert locked.manifest == write_layout(here.folder / "again", LAYERS)
    assert len(here.held(locked)) == 3
    assert locked.reference == f"{pushed}:1"


def test_what_is_kept_needs_no_registry(here: Here, tmp_path: Path) -> None:
    with registry(tmp_path / "files") as running:
        running.push(f"oci:{here.layout()}:base", "x:1")
        locked = here.resolve(f"{running.host}/x:1")
        before = here.held(locked)
    assert here.held(locked) == before
    with pytest.raises(NetworkError, match="connection refused"):
        here.resolve(f"{running.host}/x:1")


def test_a_tag_that_moved_does_not_matter(
    here: Here, pushed: str, shared_registry: Registry
) -> None:
    locked = here.resolve(f"{pushed}:1")
    here.layout("other", OTHER)
    name = pushed.partition("/")[2]
    shared_registry.push(f"oci:{here.folder}/layout:other", f"{name}:1")
    assert here.resolve(f"{pushed}:1").manifest != locked.manifest
    assert len(here.held(locked)) == 3


def test_a_digest_in_the_reference_is_what_counts(here: Here, pushed: str) -> None:
    locked = here.resolve(f"{pushed}:1")
    again = here.resolve(f"{pushed}:whatever@{locked.manifest}")
    assert again.manifest == locked.manifest


def test_an_image_in_dockers_own_format_is_taken(
    here: Here, pushed: str, shared_registry: Registry
) -> None:
    name = pushed.partition("/")[2]
    shared_registry.push(f"oci:{here.folder}/layout:base", f"{name}:docker", "--format", "v2s2")
    locked = here.resolve(f"{pushed}:docker")
    assert locked.layers[0].media_type.startswith("application/vnd.docker.")
    assert here.held(locked) == here.held(here.resolve(f"{pushed}:1"))


def test_one_platform_of_many_is_taken(here: Here, pushed: str, shared_registry: Registry) -> None:
    _write_index(here)
    name = pushed.partition("/")[2]
    shared_registry.push(f"oci:{here.folder}/layout:many", f"{name}:many", "--all")
    assert here.resolve(f"{pushed}:many").manifest == here.resolve(f"{pushed}:1").manifest


def _write_index(here: Here) -> None:
    """Name an index over the image and one for another machine."""
    place = here.layout()
    for_us = json.loads((place / "index.json").read_text())["manifests"][0]
    write_layout(place, OTHER, tag="arm", platform=("linux", "arm64"))
    for_arm = json.loads((place / "index.json").read_text())["manifests"][-1]
    entries = [
        {**_bare(each), "platform": {"os": "linux", "architecture": machine}}
        for each, machine in ((for_arm, "arm64"), (for_us, "amd64"))
    ]
    kind = "application/vnd.oci.image.index.v1+json"
    document = {"schemaVersion": 2, "mediaType": kind, "manifests": entries}
    name_image(place, "many", write_blob(place, kind, document))


def _bare(descriptor: dict[str, object]) -> dict[str, object]:
    return {key: descriptor[key] for key in ("mediaType", "digest", "size")}


def test_other_bytes_in_a_registry_are_refused_and_not_kept(here: Here, tmp_path: Path) -> None:
    with registry(tmp_path / "files") as running:
        running.push(f"oci:{here.layout()}:base", "x:1")
        locked = here.resolve(f"{running.host}/x:1")
        blob = running.blob(locked.layers[1].digest)
        content = bytearray(blob.read_bytes())
        content[-9] ^= 1
        blob.write_bytes(content)
        with pytest.raises(VerificationError, match="Other bytes") as caught:
            here.fetch(locked)
        assert "Nothing of it was used" in caught.value.hint
        assert not here.images.kept(locked.layers[1].digest).exists()


def test_a_layer_the_registry_lost_is_named(here: Here, tmp_path: Path) -> None:
    with registry(tmp_path / "files") as running:
        running.push(f"oci:{here.layout()}:base", "x:1")
        locked = here.resolve(f"{running.host}/x:1")
        running.blob(locked.layers[0].digest).unlink()
        with pytest.raises(NotFoundError, match=locked.layers[0].digest):
            here.fetch(locked)


def test_an_unknown_tag_is_answered_with_the_nearest(here: Here, pushed: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        here.resolve(f"{pushed}:11")
    assert "'1'" in caught.value.hint


def test_an_unknown_repository_is_not_found(here: Here, shared_registry: Registry) -> None:
    with pytest.raises(NotFoundError):
        here.resolve(f"{shared_registry.host}/nowhere")


def test_a_registry_that_wants_a_login_is_told_apart(here: Here, tmp_path: Path) -> None:
    with registry(tmp_path / "files", login=True) as running:
        with pytest.raises(NotFoundError) as caught:
            here.resolve(f"{running.host}/x:1")
        assert f"skopeo login {running.host}" in caught.value.hint


def test_a_registry_that_cannot_be_found_is_a_network_error(here: Here) -> None:
    with pytest.raises(NetworkError, match=r"no-such-host\.invalid") as caught:
        here.resolve("no-such-host.invalid/x:1")
    assert "try again" in caught.value.hint


def test_a_folder_named_without_its_dot_is_hinted_at(here: Here) -> None:
    here.layout()
    with pytest.raises(NetworkError) as caught:
        here.resolve("layout")
    assert "oci:./layout" in caught.value.hint


def test_the_hosts_policy_for_signatures_holds(
    here: Here, pushed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = here.resolve(f"{pushed}:1")
    policy = tmp_path / "home/.config/containers/policy.json"
    policy.parent.mkdir(parents=True)
    policy.write_text('{"default": [{"type": "reject"}]}')
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with pytest.raises(VerificationError, match="policy for signatures") as caught:
        here.fetch(locked)
    assert "policy.json" in caught.value.hint


# --- layouts and archives


def test_a_layout_is_taken_as_it_is(here: Here) -> None:
    here.layout()
    locked = here.resolve("./layout")
    assert locked.manifest == write_layout(here.folder / "again", LAYERS)
    shutil.rmtree(here.folder / "layout")
    assert len(here.held(locked)) == 3


@pytest.mark.parametrize("kind", ["docker-archive", "oci-archive"])
def test_archives_are_taken_and_kept(here: Here, kind: str) -> None:
    reference = here.archive(kind)
    locked = here.resolve(reference)
    assert here.resolve(f"{reference}:shop/base:1").layers == locked.layers
    (here.folder / reference).unlink()
    assert len(here.held(locked)) == 3


@pytest.mark.parametrize("kind", ["docker-archive", "oci-archive"])
def test_archives_are_read_again_where_nothing_is_kept(
    here: Here, kind: str, tmp_path: Path
) -> None:
    locked = here.resolve(here.archive(kind))
    elsewhere = Here(here.folder, SkopeoImages(tmp_path / "elsewhere"))
    assert elsewhere.held(locked) == here.held(locked)


def test_one_platform_of_a_layouts_index_is_taken(here: Here) -> None:
    _write_index(here)
    assert here.resolve("./layout:many").manifest == here.resolve("./layout:base").manifest


def test_several_images_in_a_layout_want_a_name(here: Here) -> None:
    here.layout()
    here.layout("other", OTHER)
    with pytest.raises(InvalidInputError) as caught:
        here.resolve("./layout")
    assert "oci:./layout:TAG" in caught.value.hint
    assert len(here.resolve("./layout:other").layers) == 1
    with pytest.raises(NotFoundError):
        here.resolve("./layout:nothing")


def test_a_layouts_tag_that_moved_does_not_matter(here: Here, tmp_path: Path) -> None:
    here.layout()
    locked = here.resolve("./layout")
    here.layout("base", OTHER)
    elsewhere = Here(here.folder, SkopeoImages(tmp_path / "elsewhere"))
    assert len(elsewhere.held(locked)) == 3


def test_a_layout_that_no_longer_has_the_image_says_to_lock_again(
    here: Here, tmp_path: Path
) -> None:
    here.layout()
    locked = here.resolve("./layout")
    shutil.rmtree(here.folder / "layout")
    here.layout("base", OTHER)
    elsewhere = Here(here.folder, SkopeoImages(tmp_path / "elsewhere"))
    with pytest.raises(VerificationError) as caught:
        elsewhere.fetch(locked)
    assert "herdbook lock" in caught.value.hint


def test_other_bytes_in_a_layout_are_refused(here: Here) -> None:
    place = here.layout()
    manifest = json.loads((place / "index.json").read_text())["manifests"][0]["digest"]
    layer = json.loads(_file(place, manifest).read_text())["layers"][0]["digest"]
    _file(place, layer).write_bytes(b"x" * _file(place, layer).stat().st_size)
    with pytest.raises(VerificationError):
        here.resolve("./layout")


def _file(place: Path, digest: str) -> Path:
    return place / "blobs" / digest.replace(":", "/")


@pytest.mark.parametrize("reference", ["../elsewhere", "/tmp", "./link"])
def test_paths_do_not_leave_the_recipes_folder(here: Here, reference: str) -> None:
    (here.folder / "link").symlink_to("..")
    with pytest.raises(InvalidInputError, match="leads out"):
        here.resolve(reference)


def test_a_missing_path_is_answered_with_the_nearest(here: Here) -> None:
    here.layout()
    with pytest.raises(NotFoundError) as caught:
        here.resolve("./layuot")
    assert "'./layout'" in caught.value.hint


@pytest.mark.parametrize("name", ["folder", "text", "tar"])
def test_what_is_no_image_is_refused(here: Here, name: str) -> None:
    (here.folder / "folder").mkdir()
    (here.folder / "text").write_text("x" * 2000)
    (here.folder / "tar").write_bytes(LAYERS[0])
    with pytest.raises(InvalidInputError) as caught:
        here.resolve(f"./{name}")
    assert caught.value.hint


def test_a_machines_image_is_refused(here: Here) -> None:
    place = here.folder / "layout"
    kind = "application/vnd.oci.image.manifest.v1+json"
    config = write_blob(place, MACHINE_CONFIG, {"architecture": "amd64"})
    layer = write_blob(place, "application/vnd.oci.image.layer.v1.tar", LAYERS[0])
    document = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer]}
    name_image(place, "vm", write_blob(place, kind, document))
    with pytest.raises(InvalidInputError, match="machine"):
        here.resolve("./layout")


def test_an_image_for_another_machine_is_refused(here: Here) -> None:
    write_layout(here.folder / "layout", OTHER, platform=("linux", "arm64"))
    with pytest.raises(InvalidInputError, match="linux/arm64"):
        here.resolve("./layout")


# --- keeping


def test_damaged_kept_bytes_are_found_and_fetched_again(here: Here, pushed: str) -> None:
    locked = here.resolve(f"{pushed}:1")
    before = here.held(locked)
    kept = here.images.kept(locked.layers[0].digest)
    kept.write_bytes(kept.read_bytes()[:-1])
    assert here.held(locked) == before


def test_two_at_once_do_not_disturb_each_other(here: Here, pushed: str) -> None:
    locked = here.resolve(f"{pushed}:1")
    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(lambda _: here.held(locked), range(4))
    assert others == [first] * 3


def test_nothing_but_what_is_kept_stays_behind(here: Here, pushed: str) -> None:
    locked = here.resolve(f"{pushed}:1")
    here.fetch(locked)
    write_layout(here.folder / "arm", OTHER, platform=("linux", "arm64"))
    with pytest.raises(InvalidInputError):
        here.resolve("./arm")
    names = {path.name for path in here.images.directory.iterdir()}
    assert names == {
        digests.hexadecimal(each)
        for each in (locked.config, *(layer.digest for layer in locked.layers))
    }
