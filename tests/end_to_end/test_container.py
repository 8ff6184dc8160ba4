"""Promises of the container variant: other tools read it, and it runs."""

import json
import tempfile
from pathlib import Path

import pytest
from fetching import fetch
from product import Shop, container_named, tool

pytestmark = [pytest.mark.root, pytest.mark.archive, pytest.mark.podman]


@pytest.fixture(scope="module")
def layout(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export the example as an OCI layout."""
    target = tmp_path_factory.mktemp("export") / "layout"
    shop.herdbook.must("export", "shop/web", "--to", target)
    return target


def test_the_exported_manifest_is_the_version_own(shop: Shop, layout: Path) -> None:
    index = json.loads((layout / "index.json").read_text())
    container = next(each for each in shop.built["variants"] if each["kind"] == "container")
    assert index["manifests"][0]["digest"] == container["manifest"]


def test_an_export_shares_nothing_with_the_store(layout: Path) -> None:
    """Whoever owns the export cannot reach the store's bytes through it."""
    blobs = list((layout / "blobs/sha256").iterdir())
    assert {blob.stat().st_nlink for blob in blobs} == {1}


def test_skopeo_reads_the_layout(layout: Path) -> None:
    inspected = json.loads(tool("skopeo", "inspect", f"oci:{layout}"))
    assert inspected["Labels"]["org.opencontainers.image.title"] == "shop/web"
    config = json.loads(tool("skopeo", "inspect", "--config", f"oci:{layout}"))["config"]
    assert config["Entrypoint"] == ["/opt/venv/bin/python3", "-m", "web"]
    assert config["ExposedPorts"] == {"8080/tcp": {}}
    assert config["User"] == "10000:10000"


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_skopeo_finds_the_same_layers_in_a_compressed_layout(
    shop: Shop, layout: Path, tmp_path: Path, compression: str
) -> None:
    target = tmp_path / "layout"
    shop.herdbook.must("export", "shop/web", "--to", target, "--compression", compression)
    plain = json.loads(tool("skopeo", "inspect", "--config", f"oci:{layout}"))
    packed = json.loads(tool("skopeo", "inspect", "--config", f"oci:{target}"))
    assert packed == plain
    copied = tmp_path / "copied"  # skopeo checks every digest of what it copies
    tool("skopeo", "copy", "--insecure-policy", f"oci:{target}", f"dir:{copied}")


def test_umoci_unpacks_the_layout_to_the_files_of_the_image(layout: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    tool("umoci", "unpack", "--image", f"{layout}:1", bundle)
    root = bundle / "rootfs"
    assert (root / "bin").is_symlink()
    assert (root / "usr/bin/passwd").stat().st_mode & 0o4000
    assert "web:x:10000:10000" in (root / "etc/passwd").read_text()
    assert (root / "srv/shop/web/application.py").is_file()


def test_buildah_and_podman_take_the_exports(shop: Shop, layout: Path, tmp_path: Path) -> None:
    folder = tempfile.mkdtemp(dir="/tmp")  # Podman allows its run root 50 characters
    storage = ("--root", f"{folder}/storage", "--runroot", f"{folder}/run")
    tool("buildah", *storage, "pull", "-q", f"oci:{layout}")
    archive = tmp_path / "shop.tar"
    shop.herdbook.must("export", "shop/web", "--format", "docker", "--to", archive)
    loaded = tool("podman", *storage, "load", "-q", "-i", archive)
    assert "shop/web:1" in loaded
    tool("buildah", *storage, "rmi", "--all", "--force")


def test_the_docker_archive_is_the_same_every_time(shop: Shop, tmp_path: Path) -> None:
    targets = [tmp_path / "one.tar", tmp_path / "two.tar"]
    for target in targets:
        shop.herdbook.must("export", "shop/web", "--format", "docker", "--to", target)
    assert targets[0].read_bytes() == targets[1].read_bytes()


def test_a_container_runs_answers_and_goes(shop: Shop) -> None:
    herdbook = shop.herdbook
    started = herdbook.json("run", "shop/web", "--env", "SHOP_NAME=It's ours, 100 %")
    assert started["ready"]
    port = started["ports"][0]["port"]
    answer = json.loads(fetch(f"http://127.0.0.1:{port}/"))
    assert answer["shop"] == "It's ours, 100 %"
    listed = {each["name"]: each for each in herdbook.json("ps")}
    assert listed[started["name"]]["ready"]
    assert herdbook.run("run", "shop/web", "--name", started["name"]).returncode == 10
    herdbook.must("stop", started["name"])
    assert started["name"] not in {each["name"] for each in herdbook.json("ps")}
    assert herdbook.run("logs", started["name"]).returncode == 4


def test_dpkg_is_whole_inside_a_running_container(shop: Shop) -> None:
    """The database knows every package, every file is as shipped, apt can plan an installation."""
    herdbook = shop.herdbook
    name = herdbook.json("run", "shop/web")["name"]
    container = container_named(name)
    execute = ("podman", "exec", "--user", "0", container)
    assert tool(*execute, "dpkg", "--audit") == ""
    assert "python3" in tool(*execute, "dpkg-query", "-W", "-f", "${Package}\n")
    assert tool(*execute, "dpkg", "-V") == ""
    assert "0 newly installed" in tool(*execute, "apt-get", "-s", "install", "python3")
    herdbook.must("stop", name)
