"""Images are pulled from the server itself by the tools that people pull images with."""

import hashlib
import http.client
import json
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from applications import wait_for
from product import Herdbook, tool
from tiny import Tiny, assert_clear, copied_state

from herdbook.core import digests
from herdbook.drivers.network import HostNetwork

pytestmark = [pytest.mark.root, pytest.mark.archive]

CONFLICT, INVALID, ENGINE = 10, 3, 12

RECIPE = """\
image: shop/web
from: debian:bookworm
files: [{from: word, to: /etc/word}]
service: {command: [cat, /etc/word]}
variants: [container, vm]
"""
LIMITS = [  # where root has few privileges, Podman's own cannot be set
    f"--ulimit={name}={min(4096, resource.getrlimit(number)[1])}"
    for name, number in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC))
]
IN_BACKGROUND = """
from herdbook.server.serve import ensure_served
from herdbook.server.settings import load_settings
print(ensure_served(load_settings()))
"""


@dataclass(frozen=True)
class View:
    """A state with shop/web:1 (production) and :2, and another image; and where it is served."""

    herdbook: Herdbook
    port: int

    @property
    def place(self) -> str:
        return f"localhost:{self.port}"

    def name(self, reference: str) -> str:
        """What people write to pull from it: of a digest, a tag or nothing but the image."""
        return f"{self.place}/{reference}"

    @contextmanager
    def served(self) -> Iterator["subprocess.Popen[str]"]:
        """Run the server until the block ends."""
        with self.herdbook.running("serve", "--listen", f"127.0.0.1:{self.port}") as program:
            wait_for(lambda: self.status("/v2/") == 200, 60, "it answers")
            yield program

    def ask(
        self, path: str, method: str = "GET", **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers=named)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def status(self, path: str, method: str = "GET") -> int:
        try:
            return self.ask(path, method)[0].status
        except (OSError, http.client.HTTPException):
            return 0

    def code(self, path: str, method: str = "GET") -> str:
        """The code of a refusal."""
        answer, content = self.ask(path, method)
        assert answer.headers["content-type"] == "application/json"
        (error,) = json.loads(content)["errors"]
        return f"{answer.status} {error['code']}"

    def variant(self, kind: str, number: int = 2) -> dict[str, Any]:
        shown = self.herdbook.json("show", f"shop/web:{number}")
        return dict(next(each for each in shown["variants"] if each["kind"] == kind))

    def largest_layer(self) -> dict[str, Any]:
        layers = self.variant("container")["layers"]
        return dict(max(layers, key=lambda each: int(each["size_bytes"])))

    def revoke_second(self) -> None:
        reason = ("--reason", "leaks a password")
        self.herdbook.must("revoke", "shop/web:2", *reason, "--restarts", "now")

    def skopeo(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Skopeo, which is told of plain HTTP by an option of each command."""
        return subprocess.run(
            ["skopeo", *words], capture_output=True, text=True, check=False, timeout=120
        )


@pytest.fixture(scope="module")
def built(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> View:
    """Build it once, on what the smallest image has left."""
    folder = tmp_path_factory.mktemp("view")
    herdbook, recipe = copied_state(tiny.state, folder), folder / "web.yaml"
    recipe.write_text(RECIPE)
    for number in (1, 2):
        (folder / "word").write_text(f"v{number}\n")
        herdbook.must("build", recipe)
    return View(herdbook, HostNetwork().free_port())


@pytest.fixture(scope="module")
def running(built: View) -> Iterator[View]:
    """The same, served for all tests that do not end the server."""
    with built.served():
        yield built


@pytest.fixture
def view(running: View) -> View:
    """The same as at the beginning: production is version 1, and nothing is revoked."""
    for each in running.herdbook.json("revocations"):
        running.herdbook.must("reinstate", f"{each['image']}:{each['version']}")
    running.herdbook.must("promote", "shop/web:1", "production")
    return running


# --- Podman


@pytest.fixture
def podman(view: View) -> Iterator[View]:
    """Podman, which accepts it over HTTP, and keeps nothing of it."""
    view.herdbook.must("registry", "trust")
    try:
        yield view
    finally:
        view.herdbook.must("registry", "trust", "--remove")
        names = tool("podman", "images", "--format", "{{.Repository}}:{{.Tag}}").split()
        for name in names:
            if name.startswith(view.place):
                tool("podman", "rmi", "--force", name)


@pytest.mark.podman
def test_podman_pulls_and_runs_what_a_channel_means(podman: View) -> None:
    """The container of two variants that say the same of themselves, and later the next version."""
    name = podman.name("shop/web:production")
    for number in (1, 2):
        podman.herdbook.must("promote", f"shop/web:{number}", "production")
        tool("podman", "pull", name)
        assert tool("podman", "run", "--rm", *LIMITS, name) == f"v{number}\n"
        (inspected,) = json.loads(tool("podman", "inspect", name))
        manifest = podman.variant("container", number)["manifest"]
        assert any(manifest in each for each in inspected["RepoDigests"])


@pytest.mark.podman
def test_podman_is_told_why_a_revoked_version_is_refused(podman: View) -> None:
    podman.herdbook.must(
        "revoke", "shop/web:2", "--reason", "leaks a password", "--restarts", "now"
    )
    for reference in ("shop/web:2", f"shop/web@{podman.variant('container')['manifest']}"):
        result = subprocess.run(
            ["podman", "pull", podman.name(reference)], capture_output=True, text=True, check=False
        )
        assert result.returncode
        assert "shop/web:2 is revoked: leaks a password" in result.stderr


@pytest.mark.podman
def test_podman_asks_for_tls_until_it_is_told_to_trust(view: View) -> None:
    assert view.herdbook.json("registry")["trusted"] is False
    command = ["podman", "pull", view.name("shop/web:1")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "HTTPS client" in result.stderr
    told = view.herdbook.json("registry", "trust")
    assert Path(told["file"]).read_text().count("insecure = true") == 2
    try:
        assert view.herdbook.json("registry")["trusted"] is True
        assert view.herdbook.json("registry", "trust")["changed"] is False
    finally:
        removed = view.herdbook.json("registry", "trust", "--remove")
    assert (removed["changed"], Path(told["file"]).exists()) == (True, False)
    assert view.herdbook.json("registry")["trusted"] is False


# --- Skopeo


def test_skopeo_sees_tags_and_copies_by_tag_and_digest(view: View, tmp_path: Path) -> None:
    listed = view.skopeo("list-tags", "--tls-verify=false", f"docker://{view.name('shop/web')}")
    assert json.loads(listed.stdout)["Tags"] == ["1", "2", "latest", "production"]
    version, container = view.herdbook.json("show", "shop/web:1"), view.variant("container", 1)
    tagged = f"docker://{view.name('shop/web:production')}"
    seen = view.skopeo("inspect", "--tls-verify=false", tagged)
    assert json.loads(seen.stdout)["Digest"] == version["digest"]
    assert json.loads(seen.stdout)["Layers"] == [each["digest"] for each in container["layers"]]
    for name, reference in (("tag", ":production"), ("digest", f"@{container['manifest']}")):
        source, target = view.name(f"shop/web{reference}"), f"dir:{tmp_path}/{name}"
        copied = view.skopeo("copy", "--src-tls-verify=false", f"docker://{source}", target)
        assert copied.returncode == 0, copied.stderr
        manifest = tmp_path / name / "manifest.json"
        assert digests.of_file(manifest) == container["manifest"]


def test_skopeo_copies_both_variants_with_the_versions_digest(view: View, tmp_path: Path) -> None:
    source, target = f"docker://{view.name('shop/web:2')}", f"oci:{tmp_path}/layout:2"
    kept = ("--all", "--preserve-digests")  # else Skopeo compresses what it writes into layouts
    copied = view.skopeo("copy", *kept, "--src-tls-verify=false", source, target)
    assert copied.returncode == 0, copied.stderr
    (described,) = json.loads((tmp_path / "layout/index.json").read_text())["manifests"]
    assert described["digest"] == view.herdbook.json("show", "shop/web:2")["digest"]


def test_the_first_variant_for_a_platform_is_the_container(view: View) -> None:
    """Clients take the first of those that fit."""
    index = json.loads(view.ask("/v2/shop/web/manifests/2")[1])
    platforms = [each["platform"] for each in index["manifests"]]
    assert platforms == [{"architecture": "amd64", "os": "linux"}] * 2
    assert index["manifests"][0]["digest"] == view.variant("container")["manifest"]


def test_a_revoked_version_is_refused_by_tag_and_digest_and_its_channel_falls_back(
    view: View,
) -> None:
    view.herdbook.must("promote", "shop/web:2", "production")
    variant, digest = view.variant("container"), view.herdbook.json("show", "shop/web:2")["digest"]
    own = next(each["digest"] for each in variant["layers"] if each["title"] == "files")
    view.revoke_second()
    for path in (
        *(f"manifests/{each}" for each in ("2", "latest", digest, variant["manifest"])),
        f"blobs/{own}",
        f"referrers/{variant['manifest']}",
    ):
        answer, content = view.ask(f"/v2/shop/web/{path}")
        (error,) = json.loads(content)["errors"]
        assert (answer.status, error["code"]) == (403, "DENIED"), path
        assert error["message"] == "shop/web:2 is revoked: leaks a password"
    answer, _ = view.ask("/v2/shop/web/manifests/production", "HEAD")
    first = view.herdbook.json("show", "shop/web:1")["digest"]
    assert answer.headers["docker-content-digest"] == first
    tags = json.loads(view.ask("/v2/shop/web/tags/list")[1])["tags"]
    assert tags == ["1", "production"]
    shared = variant["layers"][0]["digest"]
    assert view.status(f"/v2/shop/web/blobs/{shared}", "HEAD") == 200


# --- what is said of a version


def test_bills_are_found_from_the_manifest_they_are_about(view: View) -> None:
    manifest = view.variant("container")["manifest"]
    kind = "application/vnd.cyclonedx+json"
    answer, content = view.ask(f"/v2/shop/web/referrers/{manifest}?artifactType={quote(kind)}")
    assert answer.headers["oci-filters-applied"] == "artifactType"
    (found,) = json.loads(content)["manifests"]
    assert found["artifactType"] == kind
    artifact = json.loads(view.ask(f"/v2/shop/web/manifests/{found['digest']}")[1])
    assert artifact["subject"]["digest"] == manifest
    bill = view.ask(f"/v2/shop/web/blobs/{artifact['layers'][0]['digest']}")[1]
    assert digests.of_bytes(bill) == artifact["layers"][0]["digest"]
    assert json.loads(bill)["bomFormat"] == "CycloneDX"
    every = view.ask(f"/v2/shop/web/referrers/{manifest}")[1]
    tagged = view.ask(f"/v2/shop/web/manifests/{manifest.replace(':', '-')}")[1]
    assert every == tagged
    kinds = [each["artifactType"] for each in json.loads(every)["manifests"]]
    assert [each for each in kinds if "cyclonedx" in each or "spdx" in each] == [
        kind,
        "application/spdx+json",
    ]
    assert len(kinds) == 4  # with the signature, and where it comes from
    assert view.status(f"/v2/t/tiny/manifests/{found['digest']}") == 404


# --- bare requests


def test_a_blob_is_given_whole_in_part_or_not_at_all(running: View) -> None:
    layer = running.largest_layer()
    path, size = f"/v2/shop/web/blobs/{layer['digest']}", layer["size_bytes"]
    whole, content = running.ask(path)
    assert (whole.status, digests.of_bytes(content)) == (200, layer["digest"])
    head, nothing = running.ask(path, "HEAD")
    assert (head.status, head.headers["content-length"], nothing) == (200, str(size), b"")
    for wanted, part in (
        ("bytes=0-9", content[:10]),
        (f"bytes={size - 7}-", content[-7:]),
        ("bytes=-5", content[-5:]),
        ("bytes=600000-1500000", content[600000:1500001]),
    ):
        answer, found = running.ask(path, Range=wanted)
        assert (answer.status, found) == (206, part), wanted
    assert running.ask(path, Range=f"bytes={size}-")[0].status == 416
    assert running.ask(path, If_None_Match=head.headers["etag"])[0].status == 304


def test_what_belongs_to_another_image_is_not_given_out(running: View) -> None:
    own = [*running.variant("container")["layers"], *running.variant("vm")["layers"]]
    only = next(each["digest"] for each in own if each["title"] == "files")
    config = json.loads(
        running.ask(f"/v2/shop/web/manifests/{running.variant('container')['manifest']}")[1]
    )["config"]["digest"]
    assert running.status(f"/v2/shop/web/blobs/{only}", "HEAD") == 200
    assert running.status(f"/v2/shop/web/blobs/{config}", "HEAD") == 200
    for digest in (only, config):
        assert running.code(f"/v2/t/tiny/blobs/{digest}") == "404 BLOB_UNKNOWN"
        assert running.code(f"/v2/t/other/blobs/{digest}") == "404 NAME_UNKNOWN"
    manifest = running.herdbook.json("show", "t/tiny")["variants"][0]["manifest"]
    assert running.status(f"/v2/t/tiny/manifests/{manifest}") == 200
    assert running.code(f"/v2/shop/web/manifests/{manifest}") == "404 MANIFEST_UNKNOWN"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v2/shop/web/manifests/none", "404 MANIFEST_UNKNOWN"),
        ("/v2/shop/web/manifests/99", "404 MANIFEST_UNKNOWN"),
        ("/v2/shop/web/manifests/99999999999999999999", "404 MANIFEST_UNKNOWN"),
        ("/v2/shop/web/manifests/sha256-" + "0" * 64, "404 MANIFEST_UNKNOWN"),
        ("/v2/shop/web/manifests/a%20b", "404 MANIFEST_UNKNOWN"),
        ("/v2/shop/web/manifests/%00", "404 MANIFEST_UNKNOWN"),
        ("/v2/Shop/manifests/1", "400 NAME_INVALID"),
        ("/v2/shop//web/manifests/1", "400 NAME_INVALID"),
        ("/v2/" + "a" * 300 + "/manifests/1", "400 NAME_INVALID"),
        ("/v2/../../etc/manifests/1", "400 NAME_INVALID"),
        ("/v2/%2e%2e/%2e%2e/etc/blobs/sha256:" + "0" * 64, "400 NAME_INVALID"),
        ("/v2/shop/web/blobs/sha256:..%2f..%2fherdbook.db", "404 NOT_FOUND"),
        ("/v2/shop/web/blobs/..", "400 DIGEST_INVALID"),
        ("/v2/shop/web/blobs/sha256:abc", "400 DIGEST_INVALID"),
        ("/v2/shop/web/blobs/sha512:" + "0" * 128, "400 DIGEST_INVALID"),
        ("/v2/shop/web/blobs/sha256:" + "0" * 64, "404 BLOB_UNKNOWN"),
        ("/v2/shop/web/referrers/sha256:" + "z" * 64, "400 DIGEST_INVALID"),
        ("/v2/none/referrers/sha256:" + "0" * 64, "404 NAME_UNKNOWN"),
        ("/v2/none/tags/list", "404 NAME_UNKNOWN"),
        ("/v2/shop/web/tags/list?n=-1", "400 PAGINATION_NUMBER_INVALID"),
        ("/herdbook.db", "404 NOT_FOUND"),
        ("/docs", "404 NOT_FOUND"),
    ],
)
def test_what_is_no_name_or_not_there_is_refused_in_the_form_that_clients_read(
    running: View, path: str, code: str
) -> None:
    assert running.code(path) == code


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/shop/web/blobs/uploads/"),
        ("PUT", "/v2/shop/web/manifests/1"),
        ("DELETE", "/v2/shop/web/manifests/1"),
        ("PATCH", "/v2/shop/web/tags/list"),
        ("POST", "/v2/"),
    ],
)
def test_nothing_can_be_written(running: View, method: str, path: str) -> None:
    assert running.code(path, method) == "405 UNSUPPORTED"


def test_names_come_in_pages(view: View) -> None:
    answer, content = view.ask("/v2/shop/web/tags/list?n=3")
    assert json.loads(content)["tags"] == ["1", "2", "latest"]
    link = answer.headers["link"].partition(">")[0].removeprefix("<")
    answer, content = view.ask(link)
    assert json.loads(content)["tags"] == ["production"]
    assert "link" not in answer.headers
    assert json.loads(view.ask("/v2/shop/web/tags/list?n=0")[1])["tags"] == []
    names, link = list[str](), "/v2/_catalog?n=1"
    while link:
        answer, content = view.ask(link)
        names += json.loads(content)["repositories"]
        link = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
    assert names == sorted(names)
    assert {"shop/web", "t/tiny"} <= set(names)  # others may have built more in the same state
    assert json.loads(view.ask("/v2/_catalog")[1])["repositories"] == names


def test_a_page_of_anybodys_cannot_read_it_through_a_browser(running: View) -> None:
    """Which it brings to this machine under a name of its own."""
    assert running.ask("/v2/", Host="evil.example")[0].status == 421
    assert running.ask("/v2/", Host=f"localhost:{running.port}")[0].status == 200


def test_a_request_without_end_is_cut_off(running: View) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as client:
        client.sendall(b"GET /v2/")
        with suppress(OSError):  # reset in the midst of what we still send
            client.sendall(b"a" * (1 << 20) + b" HTTP/1.1\r\n\r\n")
        answered = b""
        with suppress(OSError):
            answered = client.recv(4096)
        assert not answered.startswith(b"HTTP/1.1 2")
    assert running.status("/v2/") == 200


# --- the server


@contextmanager
def downloading(view: View, layer: dict[str, Any]) -> Iterator[http.client.HTTPResponse]:
    """A client in the middle of a layer, that takes no more of it for now."""
    connection = http.client.HTTPConnection("127.0.0.1", view.port, timeout=30)
    connection.request("GET", f"/v2/shop/web/blobs/{layer['digest']}")
    try:
        yield connection.getresponse()
    finally:
        connection.close()


def test_a_download_goes_on_at_the_server_that_comes_after_one_that_was_killed(
    built: View,
) -> None:
    view = replace(built, port=HostNetwork().free_port())
    view = replace(view, herdbook=_copied(built, "killed"))
    layer = view.largest_layer()
    with view.served() as program, downloading(view, layer) as answer:
        begun = answer.read(1 << 20)
        program.kill()
        program.wait()
        with pytest.raises((http.client.IncompleteRead, OSError)):
            answer.read()
    with view.served():
        path = f"/v2/shop/web/blobs/{layer['digest']}"
        rest, content = view.ask(path, Range=f"bytes={len(begun)}-")
        assert rest.status == 206
        assert hashlib.sha256(begun + content).hexdigest() == layer["digest"].partition(":")[2]


def test_the_server_ends_promptly_in_the_middle_of_a_download(built: View) -> None:
    view = replace(built, port=HostNetwork().free_port(), herdbook=_copied(built, "ending"))
    with view.served() as program, downloading(view, view.largest_layer()) as answer:
        answer.read(1 << 20)
        began = time.monotonic()
        program.send_signal(signal.SIGTERM)
        said, trouble = program.communicate(timeout=30)
        assert time.monotonic() - began < 5
    assert program.returncode == 0
    assert "the server ends" in said
    assert trouble == ""
    assert view.herdbook.json("registry")["served"] is False


def test_slow_clients_hold_nobody_up(built: View) -> None:
    view = replace(built, port=HostNetwork().free_port(), herdbook=_copied(built, "slow"))
    layer = view.largest_layer()
    with view.served(), ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(downloading(view, layer))
        began = time.monotonic()
        assert view.status("/v2/shop/web/manifests/2") == 200
        assert time.monotonic() - began < 1


def test_a_taken_address_ends_serve_and_not_the_server_in_the_background(
    built: View,
) -> None:
    herdbook = _copied(built, "taken")
    with socket.create_server(("127.0.0.1", 0)) as other:
        place = f"127.0.0.1:{other.getsockname()[1]}"
        refused = herdbook.run("serve", "--listen", place)
        assert_clear(refused, CONFLICT, f"{place} is taken", "listen at another port")
        behind = replace(herdbook, settings={"HERDBOOK_LISTEN": place})
        _start_in_background(behind)
        try:
            assert f"registry view: {place} is taken" in (herdbook.state / "server.log").read_text()
            told = behind.json("registry")
            assert (told["served"], told["address"]) == (False, None)
            assert "is taken" in told["trouble"]
            assert "is taken" in behind.must("registry")
        finally:
            assert "has ended" in herdbook.must("serve", "--stop")


def test_the_server_in_the_background_serves_where_the_setting_says(built: View) -> None:
    view = replace(built, port=HostNetwork().free_port())
    herdbook = replace(
        _copied(built, "behind"), settings={"HERDBOOK_LISTEN": f"127.0.0.1:{view.port}"}
    )
    _start_in_background(herdbook)
    try:
        assert view.status("/v2/") == 200
        assert herdbook.json("registry")["address"] == view.place
        assert f"podman pull {view.place}/IMAGE" in herdbook.must("registry")
    finally:
        herdbook.must("serve", "--stop")
    assert view.status("/v2/") == 0


def test_others_are_served_with_a_certificate_only(built: View, tmp_path: Path) -> None:
    herdbook, port = _copied(built, "sealed"), HostNetwork().free_port()
    refused = herdbook.run("serve", "--listen", f"0.0.0.0:{port}")
    assert_clear(refused, INVALID, "in the clear", "--certificate")
    certificate, key = tmp_path / "ca.crt", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=herdbook", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    tool(*made, *names, "-keyout", key, "-out", certificate)
    wrong = herdbook.run(
        *("serve", "--listen", f"0.0.0.0:{port}", "--certificate", key, "--key", certificate)
    )
    assert_clear(wrong, INVALID, "certificate")
    options = ("--listen", f"0.0.0.0:{port}", "--certificate", certificate, "--key", key)
    with herdbook.running("serve", *options):
        wait_for(lambda: bool(herdbook.json("registry")["served"]), 60, "it answers")
        assert herdbook.json("registry")["tls"] is True
        name = f"docker://localhost:{port}/shop/web:2"
        seen = json.loads(tool("skopeo", "inspect", f"--cert-dir={tmp_path}", name))
        assert seen["Digest"] == herdbook.json("show", "shop/web:2")["digest"]
        assert_clear(herdbook.run("registry", "trust"), INVALID, "TLS")


def test_nothing_is_served_unless_it_is_asked_for(built: View) -> None:
    herdbook = _copied(built, "off")
    told = herdbook.json("registry")
    assert told == {
        "served": False, "address": None, "tls": False, "trusted": None, "trouble": None,
        "login": False,
    }  # fmt: skip
    assert "herdbook serve --listen" in herdbook.must("registry")
    assert_clear(herdbook.run("registry", "trust"), ENGINE, "gives out no images")
    assert_clear(herdbook.run("serve", "--listen", "5000"), INVALID, "ADDRESS:PORT")


def _copied(view: View, name: str) -> Herdbook:
    """The same in a state of its own: another server tends that."""
    state = view.herdbook.state
    copy = state.with_name(name)
    if not copy.exists():
        copy.mkdir()
        tool("cp", "-al", state / "blobs", copy)
        shutil.copytree(state / "keys", copy / "keys")
        for each in ("herdbook.db", "audit.key"):
            if (state / each).exists():
                shutil.copy(state / each, copy)
    return Herdbook(copy)


def _start_in_background(herdbook: Herdbook) -> None:
    subprocess.run(
        [sys.executable, "-c", IN_BACKGROUND], env=herdbook.environment(), check=True, timeout=60
    )
