"""Others can check what we sign, we what others sign, and nothing that was changed starts."""

import base64
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from base_registry import Registry, registry
from cosign import Cosign, fetch_cosign
from product import Herdbook, Shop
from tiny import Tiny, assert_clear

from herdbook.core import digests
from herdbook.signatures.keys import public_key

pytestmark = [pytest.mark.root, pytest.mark.archive]

OFFLINE = ("--insecure-ignore-tlog=true", "--allow-http-registry")


@pytest.fixture(scope="module")
def cosign(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Cosign:
    return fetch_cosign(tiny.state / "archive", tmp_path_factory.mktemp("cosign"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("registry") / "files") as found:
        yield found


@pytest.fixture
def key(tiny: Tiny, tmp_path: Path) -> Path:
    file = tmp_path / "builder.pub"
    file.write_text(tiny.herdbook.must("key", "export"))
    return file


@pytest.fixture
def elsewhere(tmp_path: Path) -> Herdbook:
    """A register that has nothing, and trusts nobody."""
    return Herdbook(tmp_path / "elsewhere")


# --- cosign checks what we sign


@pytest.mark.parametrize("compression", ["zstd", "none"])
def test_cosign_verifies_a_version_and_its_container_and_where_they_come_from(
    tiny: Tiny, running: Registry, cosign: Cosign, key: Path, compression: str
) -> None:
    name = f"{running.host}/t/tiny-{compression}"
    pushed = tiny.herdbook.json("push", "t/tiny", f"{name}:1", "--compression", compression)
    index = json.loads(running.blob(pushed["digest"]).read_bytes())
    for reference in (f"{name}:1", f"{name}@{index['manifests'][0]['digest']}"):
        [verified] = json.loads(cosign.must("verify", "--key", key, *OFFLINE, reference))
        assert verified["critical"]["identity"]["docker-reference"] == "t/tiny"
        attested = cosign.must(
            *("verify-attestation", "--key", key, "--type", "slsaprovenance1"),
            *(*OFFLINE, reference),
        )
        statement = json.loads(base64.b64decode(json.loads(attested)["payload"]))
        assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
        definition = statement["predicate"]["buildDefinition"]
        assert definition["externalParameters"]["image"] == "t/tiny"
        dependencies = {each["name"]: each["digest"] for each in definition["resolvedDependencies"]}
        assert "lock" in dependencies
        assert any(each.startswith("InRelease ") for each in dependencies)


def test_cosign_refuses_another_key(
    tiny: Tiny, running: Registry, cosign: Cosign, elsewhere: Herdbook, tmp_path: Path
) -> None:
    name = f"{running.host}/t/other-key:1"
    tiny.herdbook.must("push", "t/tiny", name)
    other = tmp_path / "other.pub"
    other.write_text(elsewhere.must("key", "export"))
    for command in (["verify"], ["verify-attestation", "--type", "slsaprovenance1"]):
        assert cosign.run(*command, "--key", other, *OFFLINE, name).returncode != 0


def test_cosign_verifies_what_was_exported(
    tiny: Tiny, cosign: Cosign, key: Path, tmp_path: Path
) -> None:
    file = tmp_path / "tiny.tar"
    written = tiny.herdbook.json("export", "t/tiny", "--format", "docker", "--to", file, "--sign")
    command = ("verify-blob", "--key", key, "--signature", written["signature"])
    cosign.must(*command, "--insecure-ignore-tlog=true", file)
    with file.open("ab") as stream:
        stream.write(b"!")
    assert cosign.run(*command, "--insecure-ignore-tlog=true", file).returncode != 0


# --- we check what cosign signs


def test_what_cosign_signs_is_checked_with_its_key(cosign: Cosign, tmp_path: Path) -> None:
    cosign.must("generate-key-pair", "--output-key-prefix", tmp_path / "theirs")
    file = tmp_path / "file"
    file.write_bytes(b"something")
    signature = cosign.must(
        *("sign-blob", "--yes", "--tlog-upload=false", "--key", tmp_path / "theirs.key"), file
    )
    theirs = public_key((tmp_path / "theirs.pub").read_text())
    assert theirs.verifies(base64.b64decode(signature), b"something")
    assert not theirs.verifies(base64.b64decode(signature), b"something else")


# --- what comes from a registry


def test_nothing_is_pulled_that_nobody_who_counts_has_signed(
    tiny: Tiny, running: Registry, elsewhere: Herdbook, key: Path
) -> None:
    name = f"{running.host}/t/trust:1"
    tiny.herdbook.must("push", "t/tiny", name)
    result = elsewhere.run("pull", name)
    assert_clear(result, 5, "not to be trusted", "not in the ring", "herdbook key trust")
    elsewhere.must("key", "trust", key, "--name", "bank", "--images", "bank/*")
    assert_clear(elsewhere.run("pull", name), 5, "counts for bank/* only")
    elsewhere.must("key", "distrust", "bank", "--why", "not theirs")
    assert_clear(elsewhere.run("pull", name), 5, "distrusted")
    assert elsewhere.json("images") == []


def test_what_is_pulled_is_signed_here_with_where_it_came_from(
    tiny: Tiny, running: Registry, elsewhere: Herdbook, key: Path
) -> None:
    name = f"{running.host}/t/pulled:1"
    tiny.herdbook.must("push", "t/tiny", name)
    elsewhere.must("key", "trust", key, "--name", "tiny", "--images", "t/*")
    assert_clear(elsewhere.run("pull", name, "--as", "bank/tiny"), 5, "counts for t/* only")
    elsewhere.must("pull", name)
    assert elsewhere.json("verify", "t/tiny")["genuine"]
    stated = json.loads(elsewhere.must("provenance", "t/tiny"))
    cause = stated["predicate"]["buildDefinition"]["internalParameters"]["cause"]
    assert cause == f"pulled from {name}, where tiny signed it as t/tiny:1"


# --- what was changed


@contextmanager
def changed(file: Path) -> Iterator[None]:
    """Turn a bit in the middle of a file for a while."""

    def turn() -> None:
        with file.open("r+b") as stream:
            stream.seek(file.stat().st_size // 2)
            byte = stream.read(1)[0]
            stream.seek(-1, 1)
            stream.write(bytes([byte ^ 1]))

    turn()
    try:
        yield
    finally:
        turn()


def test_a_layer_that_was_changed_is_named_and_goes_nowhere(tiny: Tiny, running: Registry) -> None:
    found = tiny.herdbook.json("verify", "t/tiny")
    assert found["genuine"]
    layer = tiny.herdbook.json("show", "t/tiny")["variants"][0]["layers"][0]
    blob = tiny.state / "blobs/sha256" / digests.hexadecimal(layer["digest"])
    with changed(blob):
        part = f"layer {layer['title']}"
        result = tiny.herdbook.run("verify", "t/tiny")
        assert_clear(result, 5, part)
        assert_clear(tiny.herdbook.run("promote", "t/tiny", "production"), 15, part)
        assert_clear(tiny.herdbook.run("push", "t/tiny", f"{running.host}/t/no:1"), 5, part)
    assert tiny.herdbook.json("verify", "t/tiny")["genuine"]


@pytest.mark.qemu
@pytest.mark.parametrize("part", ["kernel", "initrd", "root.erofs", "disk.raw"])
def test_a_machine_does_not_boot_from_what_was_changed(
    shop: Shop, tmp_path: Path, part: str
) -> None:
    raw = tmp_path / "shop.raw"
    shop.herdbook.must("export", "shop/web", "--format", "raw", "--to", raw)
    raw.unlink()
    [disk] = (shop.herdbook.state / "artefacts").glob("*/disk.raw")
    options = ["--disk"] if part == "disk.raw" else []
    with changed(disk.with_name(part)):
        result = shop.herdbook.run("run", "shop/web", "--variant", "vm", *options)
        assert_clear(result, 5, "was changed", part)
    assert shop.herdbook.json("ps") == []


def test_what_nobody_has_signed_does_not_start(tiny: Tiny, tmp_path: Path) -> None:
    anew = tiny.anew(tmp_path)
    anew.built()
    with closing(sqlite3.connect(anew.state / "herdbook.db")) as connection, connection:
        connection.execute("DELETE FROM provenances")
    result = anew.herdbook.run("run", "t/tiny")
    assert_clear(result, 5, "nobody has signed", "herdbook verify t/tiny:1")
    anew.herdbook.must("sign", "--all", "--why", "built before there were keys")
    assert anew.herdbook.json("verify", "t/tiny")["genuine"]
