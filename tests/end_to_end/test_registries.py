"""A version that is pushed runs with any client, and comes whole into another register."""

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from base_registry import Registry, registry
from product import Herdbook, Shop, tool
from tiny import Tiny, assert_clear, assert_whole, until

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.drivers.network import HostNetwork

pytestmark = [pytest.mark.root, pytest.mark.archive]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture
def running(files: Path) -> Iterator[Registry]:
    with registry(files) as found:
        yield found


@pytest.fixture
def elsewhere(tmp_path: Path, tiny: Tiny) -> Herdbook:
    """A register that has nothing, where the word of the one that built the smallest counts."""
    found = Herdbook(tmp_path / "elsewhere")
    trust(found, tiny.herdbook, "tiny")
    return found


def trust(here: Herdbook, there: Herdbook, name: str) -> None:
    """Have the word of another builder count."""
    here.state.mkdir(parents=True, exist_ok=True)
    key = here.state.with_name(f"{name}.pub")
    key.write_text(there.must("key", "export"))
    here.must("key", "trust", key, "--name", name)


def raw(reference: str) -> Any:
    return json.loads(tool("skopeo", "inspect", "--raw", "--tls-verify=false", reference))


def blobs_of(host: str, repository: str, tag: str) -> list[Digest]:
    """The digests of the container's layers as they travel."""
    place = f"docker://{host}/{repository}"
    container = raw(f"{place}:{tag}")["manifests"][0]["digest"]
    return [Digest(layer["digest"]) for layer in raw(f"{place}@{container}")["layers"]]


FITTING = ("--network=none", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1000:1000")
"""What a container may be given on any machine: it may not let limits rise."""

# --- any client


@pytest.mark.podman
@pytest.mark.parametrize("compression", ["zstd", "gzip", "none"])
def test_any_client_takes_the_container(
    tiny: Tiny, running: Registry, tmp_path: Path, compression: str
) -> None:
    name = f"{running.host}/t/tiny:{compression}"
    pushed = tiny.herdbook.json("push", "t/tiny", name, "--compression", compression)
    seen = json.loads(tool("skopeo", "inspect", "--tls-verify=false", f"docker://{name}"))
    assert seen["Digest"] == pushed["digest"]
    tool("skopeo", "copy", "--src-tls-verify=false", f"docker://{name}", f"oci:{tmp_path}/copy:1")
    tool("podman", "pull", "--quiet", "--tls-verify=false", name)
    try:
        said = tool("podman", "run", "--rm", *FITTING, name, "/bin/cat", "/etc/os-release")
    finally:
        tool("podman", "rmi", "--force", name)
    assert "bookworm" in said


def test_uncompressed_the_manifests_are_the_versions_own(tiny: Tiny, running: Registry) -> None:
    name = f"{running.host}/t/tiny:plain"
    tiny.herdbook.must("push", "t/tiny", name, "--compression", "none")
    (listed,) = raw(f"docker://{name}")["manifests"]
    assert listed["digest"] == tiny.herdbook.json("show", "t/tiny")["variants"][0]["manifest"]


@pytest.mark.qemu
def test_the_machine_travels_beside_the_container_and_what_they_share_once(
    shop: Shop, running: Registry, elsewhere: Herdbook
) -> None:
    name = f"{running.host}/shop/web"
    shop.herdbook.must("push", "shop/web", name)
    trust(elsewhere, shop.herdbook, "shop")
    container, machine = raw(f"docker://{name}:1")["manifests"]
    assert container["platform"] == {"architecture": "amd64", "os": "linux"}
    assert "platform" not in machine
    assert machine["artifactType"] == "application/vnd.herdbook.machine.v1"
    layers = [
        {layer["digest"] for layer in raw(f"docker://{name}@{each['digest']}")["layers"]}
        for each in (container, machine)
    ]
    assert layers[0] & layers[1]
    assert raw(f"docker://{name}:1") != raw(f"docker://{name}@{container['digest']}")
    assert json.loads(tool("skopeo", "inspect", "--tls-verify=false", f"docker://{name}:1"))[
        "Layers"
    ] == [each["digest"] for each in raw(f"docker://{name}@{container['digest']}")["layers"]]
    pulled = elsewhere.json("pull", f"{name}:1")
    assert pulled["digest"] == shop.built["digest"]
    for command in (["show"], ["sbom"], ["sbom", "--format", "spdx"]):
        here, there = (each.json(*command, "shop/web") for each in (shop.herdbook, elsewhere))
        assert here.pop("created_at", "") == there.pop("created_at", "")
        assert here == there


# --- into another register


def test_a_version_comes_into_another_register_as_it_was(
    tiny: Tiny, running: Registry, elsewhere: Herdbook
) -> None:
    name = f"{running.host}/t/tiny:1"
    tiny.herdbook.must("push", "t/tiny", name)
    pulled = elsewhere.json("pull", name)
    assert (pulled["digest"], pulled["number"], pulled["unchanged"]) == (tiny.digest, 1, False)
    assert elsewhere.json("show", "t/tiny") == tiny.herdbook.json("show", "t/tiny")
    assert elsewhere.json("store", "check")["findings"] == []
    again = elsewhere.json("pull", name)
    assert (again["number"], again["unchanged"], again["pulled_bytes"]) == (1, True, 0)
    other = elsewhere.json("pull", name, "--as", "mirror/tiny")
    assert (other["image"], other["digest"], other["pulled_bytes"]) == (
        "mirror/tiny",
        tiny.digest,
        0,
    )
    assert [each["number"] for each in elsewhere.json("images")] == [1, 1]
    assert not [*(elsewhere.state / "registries/arriving").iterdir()]


def test_what_is_there_is_not_sent_again_also_from_another_repository(
    tiny: Tiny, running: Registry
) -> None:
    first, again, beside = (
        tiny.herdbook.json("push", "t/tiny", f"{running.host}/{name}")
        for name in ("t/one", "t/one", "t/two")
    )
    assert first["sent_bytes"] > 1 << 20
    assert (again["sent_bytes"], again["there_bytes"]) == (0, first["sent_bytes"])
    assert (beside["sent_bytes"], beside["mounted_bytes"]) == (0, first["sent_bytes"])


def test_what_comes_back_from_elsewhere_goes_on_as_the_same_bytes(
    tiny: Tiny, running: Registry, elsewhere: Herdbook
) -> None:
    name = f"{running.host}/t/tiny:1"
    there = tiny.herdbook.json("push", "t/tiny", name)
    elsewhere.must("pull", name)
    back = elsewhere.json("push", "t/tiny", name)
    assert back["digest"] == there["digest"]
    assert back["sent_bytes"] < 100_000  # what this builder has signed, and no layer


# --- what is refused


@pytest.mark.parametrize("which", ["layer", "manifest", "index"])
def test_changed_bytes_are_refused_by_name_and_nothing_is_kept(
    tiny: Tiny, running: Registry, elsewhere: Herdbook, which: str
) -> None:
    name = f"{running.host}/t/tiny:1"
    pushed = tiny.herdbook.json("push", "t/tiny", name)
    changed = {
        "layer": blobs_of(running.host, "t/tiny", "1")[0],
        "manifest": raw(f"docker://{name}")["manifests"][0]["digest"],
        "index": pushed["digest"],
    }[which]
    content = bytearray(running.blob(changed).read_bytes())
    content[len(content) // 2] ^= 1
    running.blob(changed).write_bytes(content)
    result = elsewhere.run("pull", name)
    assert_clear(result, 5, digests.hexadecimal(changed), running.host)
    assert elsewhere.json("images") == []
    assert_whole(elsewhere.state)


def test_what_others_pushed_is_said_to_be_so(
    tiny: Tiny, running: Registry, elsewhere: Herdbook, tmp_path: Path
) -> None:
    tiny.herdbook.must("export", "t/tiny", "--to", tmp_path / "layout")
    running.push(f"oci:{tmp_path}/layout", "t/other:1")
    result = elsewhere.run("pull", f"{running.host}/t/other:1")
    assert_clear(result, 4, "was not pushed by Herdbook", "from: oci:")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["pull", "HOST/t/tiny:none"], 4, "There is no HOST/t/tiny:none"),
        (["pull", "HOST/t/tiny"], 3, "does not say which version"),
        (["pull", "t/tiny:1"], 3, "does not name a registry"),
        (["pull", "HOST/t/tiny:1", "--as", "No Name"], 3, "cannot be the name of an image"),
    ],
)
def test_what_cannot_be_meant_is_said(
    running: Registry, elsewhere: Herdbook, arguments: list[str], status: int, words: str
) -> None:
    said = [each.replace("HOST", running.host) for each in arguments]
    assert_clear(elsewhere.run(*said), status, words.replace("HOST", running.host))


def test_without_a_registry_that_is_said_soon(tiny: Tiny, elsewhere: Herdbook) -> None:
    host = f"127.0.0.1:{HostNetwork().free_port()}"
    for result in (
        elsewhere.run("pull", f"{host}/t/tiny:1"),
        tiny.herdbook.run("push", "t/tiny", f"{host}/t/tiny"),
    ):
        assert_clear(result, 7, f"The registry {host} cannot be reached", "onnection refused")


def test_without_a_login_that_is_said(tiny: Tiny, files: Path) -> None:
    with registry(files, login=True) as closed:
        result = tiny.herdbook.run("push", "t/tiny", f"{closed.host}/t/tiny")
        assert_clear(result, 3, "does not let you push", f"podman login {closed.host}")


# --- cut off


def uploading(files: Path) -> bool:
    """Whether a registry is in the middle of what it is sent."""
    found = files.glob("docker/registry/v2/repositories/*/*/_uploads/*/data")
    return any(path.stat().st_size > 1 << 20 for path in found if path.exists())


def arriving(state: Path) -> bool:
    return any(state.glob("registries/arriving/*"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_push_that_was_cut_off_tags_nothing_and_goes_on(
    tiny: Tiny, running: Registry, files: Path, elsewhere: Herdbook, number: signal.Signals
) -> None:
    command = ["push", "t/tiny", f"{running.host}/t/tiny:1", "--compression", "none"]
    with tiny.herdbook.running(*command) as program:
        until(lambda: uploading(files), program)
        program.send_signal(number)
        program.wait(10)
    assert_clear(elsewhere.run("pull", f"{running.host}/t/tiny:1"), 4, "There is no")
    tiny.herdbook.must(*command)
    assert elsewhere.json("pull", f"{running.host}/t/tiny:1")["digest"] == tiny.digest


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_pull_that_was_cut_off_keeps_no_version_and_goes_on(
    tiny: Tiny, running: Registry, elsewhere: Herdbook, number: signal.Signals
) -> None:
    name = f"{running.host}/t/tiny:1"
    tiny.herdbook.must("push", "t/tiny", name, "--compression", "none")
    with elsewhere.running("pull", name) as program:
        until(lambda: arriving(elsewhere.state), program)
        program.send_signal(number)
        program.wait(10)
    assert elsewhere.json("images") == []
    assert_whole(elsewhere.state)
    assert elsewhere.json("pull", name)["digest"] == tiny.digest
    assert_whole(elsewhere.state)


def test_a_registry_that_is_restarted_in_the_middle_gets_the_rest(
    tiny: Tiny, files: Path, elsewhere: Herdbook
) -> None:
    port = HostNetwork().free_port()
    name = f"127.0.0.1:{port}/t/tiny:1"
    with ExitStack() as stack:
        first = stack.enter_context(ExitStack())
        first.enter_context(registry(files, port=port))
        command = ["push", "t/tiny", name, "--compression", "none"]
        program = stack.enter_context(tiny.herdbook.running(*command))
        until(lambda: uploading(files), program)
        first.close()
        stack.enter_context(registry(files, port=port))
        _, said = program.communicate(timeout=60)
        assert program.returncode == 0, said
        assert elsewhere.json("pull", name)["digest"] == tiny.digest
