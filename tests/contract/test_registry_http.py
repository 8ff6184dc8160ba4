"""What the registry driver does where registries break off, forget, refuse and lie."""

import base64
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from herdbook.core import digests
from herdbook.core.errors import InvalidInputError, NetworkError, NotFoundError, VerificationError
from herdbook.core.progress import NoProgress
from herdbook.drivers.registry import HttpRegistry
from herdbook.drivers.registry.memory import Memory
from herdbook.drivers.registry.uploads import CHUNK_BYTES
from herdbook.images.documents import INDEX
from herdbook.images.references import RegistryName, registry_name
from herdbook.images.registries import Parcel, file_parcel

LARGE = os.urandom(1 << 20) * 40
DIGEST = digests.of_bytes(LARGE)
FIRST, SECOND = "first", "second"
LOGIN = base64.b64encode(b"someone:secret").decode()


class Script:
    """A small registry whose faults a test writes down: what it has, was sent, and does wrong.

    `faults` are looked up by method and how often that was asked; each gets the handler, and tells
    whether it has answered instead.
    """

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.upload = bytearray()
        self.asked: list[str] = []
        self.counts: Counter[str] = Counter()
        self.faults: dict[tuple[str, int], Callable[[Handler], bool]] = {}
        self.received_bytes = 0
        self.token = ""
        self.host = ""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def handle_one(self) -> None:
        script, path = self.script, urlsplit(self.path).path
        script.counts[self.command] += 1
        script.asked.append(f"{self.command} {self.path}")
        fault = script.faults.get((self.command, script.counts[self.command]))
        if fault is not None and fault(self):
            return
        if path == "/token":
            self._token()
        elif script.token and self.headers["Authorization"] != f"Bearer {script.token}":
            challenge = f'Bearer realm="http://{script.host}/token",service="a, b"'
            self.answer(401, WWW_Authenticate=challenge)
        elif "/uploads/" in path:
            self._upload()
        elif "/blobs/" in path:
            self._give(script.blobs.get(path.rpartition("/")[2]))
        elif "/manifests/" in path:
            self._give(script.manifests.get(path.rpartition("/")[2]))
        else:
            self.answer(404)

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = handle_one  # noqa: N815 - the library's names

    def _token(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        if self.headers["Authorization"] != f"Basic {LOGIN}":
            self.answer(401)
            return
        assert asked["service"] == ["a, b"]
        assert asked["scope"] == ["repository:shop/web:pull,push"]
        self.answer(200, json.dumps({"token": self.script.token}).encode())

    def _give(self, content: bytes | None) -> None:
        if content is None:
            self.answer(404)
        elif asked := self.headers["Range"]:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            part = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self.answer(206, content[start:], Content_Range=part)
        else:
            self.answer(200, content, Content_Type=INDEX)

    def _upload(self) -> None:
        script = self.script
        if self.command == "POST":
            script.upload.clear()
        elif self.command in ("PATCH", "PUT"):
            self.take(int(self.headers["Content-Length"]))
        if self.command == "PUT":
            digest = parse_qs(urlsplit(self.path).query)["digest"][0]
            if digests.of_bytes(bytes(script.upload)) != digest:
                self.answer(400)
                return
            script.blobs[digest] = bytes(script.upload)
            self.answer(201)
            return
        told = {"Location": "/v2/shop/web/blobs/uploads/one?state=a%2Fb"}
        if script.upload:
            told["Range"] = f"0-{len(script.upload) - 1}"
        self.answer(204 if self.command == "GET" else 202, b"", **told)

    def take(self, size: int) -> None:
        """Keep so many bytes of what is sent."""
        content = self.rfile.read(size)
        self.script.received_bytes += len(content)
        self.script.upload += content


@contextmanager
def serving(script: Script) -> Iterator[RegistryName]:
    handler = type("Scripted", (Handler,), {"script": script})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, daemon=True).start()
        script.host = f"127.0.0.1:{server.server_address[1]}"
        yield registry_name(f"{script.host}/shop/web:1")
        server.shutdown()


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def name(script: Script) -> Iterator[RegistryName]:
    with serving(script) as found:
        yield found


@pytest.fixture
def driver(tmp_path: Path) -> HttpRegistry:
    return HttpRegistry(tmp_path / "memory")


@pytest.fixture
def parcel(tmp_path: Path) -> Parcel:
    (tmp_path / "large").write_bytes(LARGE)
    return file_parcel(tmp_path / "large", DIGEST, len(LARGE))


def push(driver: HttpRegistry, name: RegistryName, parcel: Parcel) -> int:
    with NoProgress().task("") as task:
        return driver.push_blob(name, parcel, task)


def pull(driver: HttpRegistry, name: RegistryName, to: Path) -> bytes:
    with NoProgress().task("") as task:
        driver.pull_blob(name, DIGEST, len(LARGE), to, task)
    return to.read_bytes()


def cut(handler: Handler) -> bool:
    """Take a part of a chunk, and hang up."""
    handler.take(CHUNK_BYTES // 2)
    handler.close_connection = True
    handler.connection.close()
    return True


def hang_up(handler: Handler) -> bool:
    handler.close_connection = True
    return True


def half(handler: Handler) -> bool:
    """Give the first half of a blob, and hang up."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(LARGE)))
    handler.end_headers()
    handler.wfile.write(LARGE[: len(LARGE) // 2])
    handler.close_connection = True
    return True


def busy(handler: Handler) -> bool:
    handler.answer(429, Retry_After="1")
    return True


def denied(handler: Handler) -> bool:
    handler.answer(403)
    return True


def forgotten(handler: Handler) -> bool:
    handler.answer(404)
    return True


# --- sending


def test_a_chunk_that_broke_off_goes_on_at_the_byte_where_it_did(
    script: Script, name: RegistryName, driver: HttpRegistry, parcel: Parcel
) -> None:
    script.faults["PATCH", 2] = cut
    push(driver, name, parcel)
    assert script.blobs[DIGEST] == LARGE
    assert script.received_bytes == len(LARGE)


def test_what_the_registry_forgot_is_sent_anew(
    script: Script, name: RegistryName, driver: HttpRegistry, parcel: Parcel
) -> None:
    script.faults |= {("PATCH", 2): cut, ("GET", 1): forgotten}
    push(driver, name, parcel)
    assert script.blobs[DIGEST] == LARGE


def test_another_process_goes_on_with_an_upload(
    script: Script, name: RegistryName, tmp_path: Path, parcel: Parcel
) -> None:
    script.faults |= {("PATCH", 2): forgotten, ("POST", 2): denied}
    with pytest.raises(InvalidInputError):
        push(HttpRegistry(tmp_path / "memory"), name, parcel)
    script.faults.clear()
    Memory(tmp_path / "memory").note_upload(
        name, DIGEST, "/v2/shop/web/blobs/uploads/one?state=a%2Fb"
    )
    script.received_bytes = 0
    push(HttpRegistry(tmp_path / "memory"), name, parcel)
    assert script.blobs[DIGEST] == LARGE
    assert script.received_bytes == len(LARGE) - CHUNK_BYTES


def test_what_is_small_is_sent_at_once(
    script: Script, name: RegistryName, driver: HttpRegistry, tmp_path: Path
) -> None:
    (tmp_path / "small").write_bytes(b"small")
    push(driver, name, file_parcel(tmp_path / "small", digests.of_bytes(b"small"), 5))
    assert script.counts == {"POST": 1, "PUT": 1}


# --- fetching


def test_a_blob_that_broke_off_goes_on_at_the_byte_where_it_did(
    script: Script, name: RegistryName, driver: HttpRegistry, tmp_path: Path
) -> None:
    script.blobs[DIGEST] = LARGE
    script.faults["GET", 1] = half
    assert pull(driver, name, tmp_path / "to") == LARGE
    assert script.counts["GET"] == 2


def test_what_is_in_the_file_already_is_not_asked_for(
    script: Script, name: RegistryName, driver: HttpRegistry, tmp_path: Path
) -> None:
    (tmp_path / "to").write_bytes(LARGE)
    assert pull(driver, name, tmp_path / "to") == LARGE
    assert script.asked == []


def test_a_file_with_something_else_in_it_is_fetched_anew(
    script: Script, name: RegistryName, driver: HttpRegistry, tmp_path: Path
) -> None:
    script.blobs[DIGEST] = LARGE
    (tmp_path / "to").write_bytes(b"something else")
    assert pull(driver, name, tmp_path / "to") == LARGE


@pytest.mark.parametrize("content", [LARGE[:-1] + b"!", LARGE + b"more"])
def test_other_bytes_are_refused_and_not_left_there(
    script: Script, name: RegistryName, driver: HttpRegistry, tmp_path: Path, content: bytes
) -> None:
    script.blobs[DIGEST] = content
    with pytest.raises(VerificationError, match=DIGEST):
        pull(driver, name, tmp_path / "to")
    assert not (tmp_path / "to").exists() or not (tmp_path / "to").read_bytes()


def test_another_manifest_than_the_digest_names_is_refused(
    script: Script, name: RegistryName, driver: HttpRegistry
) -> None:
    script.manifests[DIGEST] = b"{}"
    with pytest.raises(VerificationError, match=DIGEST):
        driver.manifest(name.at(DIGEST))


def test_a_manifest_without_end_is_refused(
    script: Script, name: RegistryName, driver: HttpRegistry
) -> None:
    script.manifests["1"] = LARGE
    with pytest.raises(VerificationError):
        driver.manifest(name)


# --- patience


@pytest.mark.parametrize("fault", [busy, hang_up])
def test_what_passes_is_waited_for(
    script: Script,
    name: RegistryName,
    driver: HttpRegistry,
    fault: Callable[[Handler], bool],
) -> None:
    script.manifests["1"] = b"{}"
    script.faults["GET", 1] = fault
    assert driver.manifest(name).content == b"{}"
    assert script.counts["GET"] == 2


def test_who_never_answers_is_given_up_soon(driver: HttpRegistry, script: Script) -> None:
    with serving(script) as gone:
        pass
    with pytest.raises(NetworkError):
        driver.manifest(gone)


# --- who one is


def logins(folder: Path, host: str) -> list[Path]:
    file = folder / "auth.json"
    file.write_text(json.dumps({"auths": {host: {"auth": LOGIN}}}))
    return [file]


def test_a_login_is_exchanged_for_a_token_which_is_kept_and_renewed(
    script: Script, name: RegistryName, tmp_path: Path, parcel: Parcel
) -> None:
    script.token = FIRST
    driver = HttpRegistry(tmp_path / "memory", logins(tmp_path, script.host))
    push(driver, name, parcel)
    assert sum("/token" in each for each in script.asked) == 1
    script.token = SECOND
    assert driver.has_blob(name, DIGEST)
    assert sum("/token" in each for each in script.asked) == 2


def test_without_a_login_one_is_asked_to_log_in(
    script: Script, name: RegistryName, driver: HttpRegistry, parcel: Parcel
) -> None:
    script.token = FIRST
    with pytest.raises(InvalidInputError) as caught:
        push(driver, name, parcel)
    assert "podman login" in caught.value.hint


def test_a_list_of_referrers_that_is_none_is_refused(
    script: Script, name: RegistryName, driver: HttpRegistry
) -> None:
    script.manifests[f"sha256-{digests.hexadecimal(DIGEST)}"] = b"[]"
    with pytest.raises(VerificationError):
        driver.referrers(name, DIGEST)
    with pytest.raises(NotFoundError):
        driver.manifest(name)
