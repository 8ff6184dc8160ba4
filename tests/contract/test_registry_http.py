"""What the registry driver does where registries break off, forget, refuse and lie."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scripted_registry import LOGIN, Handler, Script, serving
from urllib3.exceptions import HTTPError

from herdbook.core import digests
from herdbook.core.errors import InvalidInputError, NetworkError, NotFoundError, VerificationError
from herdbook.core.progress import NoProgress
from herdbook.drivers.http.connections import Connections
from herdbook.drivers.registry import HttpRegistry
from herdbook.drivers.registry.memory import Memory
from herdbook.drivers.registry.uploads import CHUNK_BYTES
from herdbook.images.references import RegistryName
from herdbook.images.registries import Parcel, file_parcel

LARGE = os.urandom(1 << 20) * 40
DIGEST = digests.of_bytes(LARGE)
FIRST, SECOND = "first", "second"


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
    return begun(handler, len(LARGE) // 2)


def nearly_all(handler: Handler) -> bool:
    return begun(handler, len(LARGE) - 1)


def begun(handler: Handler, size: int) -> bool:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(LARGE)))
    handler.end_headers()
    handler.wfile.write(LARGE[:size])
    handler.close_connection = True
    return True


def whole(handler: Handler) -> bool:
    """Give all of a blob, whatever part was asked for."""
    handler.answer(200, LARGE)
    return True


def no_such_part(handler: Handler) -> bool:
    handler.answer(416)
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


def test_a_registry_that_knows_no_parts_gives_all_of_a_blob_anew(
    script: Script, name: RegistryName, driver: HttpRegistry, tmp_path: Path
) -> None:
    script.faults |= {("GET", 1): nearly_all, ("GET", 2): whole}
    assert pull(driver, name, tmp_path / "to") == LARGE
    assert script.counts["GET"] == 2


def test_what_a_registry_gives_no_more_of_is_fetched_anew(
    script: Script, name: RegistryName, driver: HttpRegistry, tmp_path: Path
) -> None:
    script.blobs[DIGEST] = LARGE
    script.faults |= {("GET", 1): half, ("GET", 2): no_such_part}
    assert pull(driver, name, tmp_path / "to") == LARGE
    assert script.counts["GET"] == 3


def test_a_blob_that_never_gets_further_is_given_up(
    script: Script, name: RegistryName, driver: HttpRegistry, tmp_path: Path
) -> None:
    script.faults |= {("GET", each): (half, no_such_part)[each % 2] for each in range(30)}
    with pytest.raises(NetworkError):
        pull(driver, name, tmp_path / "to")


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


@pytest.mark.parametrize(
    "content", [LARGE[:-1] + bytes([LARGE[-1] ^ 1]), LARGE + b"more"], ids=["other", "more"]
)
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


# --- what no registry answers that means well


NESTED = b'{"errors":' + b"[" * 60_000
NO_ADDRESS = "http://[bad"


def answering(status: int, content: bytes = b"", **headers: str) -> Callable[[Handler], bool]:
    """Return a fault that gives this answer."""

    def fault(handler: Handler) -> bool:
        handler.answer(status, content, **headers)
        return True

    return fault


def test_words_that_nobody_can_read_are_left_out(
    script: Script, name: RegistryName, driver: HttpRegistry
) -> None:
    script.faults["GET", 1] = answering(403, NESTED)
    with pytest.raises(InvalidInputError, match="does not let you pull"):
        driver.manifest(name)


def test_a_token_that_nobody_can_read_is_none(
    script: Script, name: RegistryName, driver: HttpRegistry
) -> None:
    script.token = FIRST
    script.faults["GET", 2] = answering(200, NESTED)
    with pytest.raises(InvalidInputError, match="no token"):
        driver.manifest(name)


def test_an_authority_without_an_address_is_refused(
    script: Script, name: RegistryName, driver: HttpRegistry
) -> None:
    script.faults["GET", 1] = answering(401, WWW_Authenticate=f'Bearer realm="{NO_ADDRESS}"')
    with pytest.raises(InvalidInputError, match="unprotected"):
        driver.manifest(name)


def test_an_upload_without_an_address_is_given_up(
    script: Script, name: RegistryName, driver: HttpRegistry, parcel: Parcel
) -> None:
    script.faults["POST", 1] = answering(202, Location=NO_ADDRESS)
    with pytest.raises(NetworkError, match="an address that is none"):
        push(driver, name, parcel)


def test_a_list_that_goes_on_nowhere_is_given_up(
    script: Script, name: RegistryName, driver: HttpRegistry
) -> None:
    more = f'<{NO_ADDRESS}>; rel="next"'
    script.faults["GET", 1] = answering(200, b'{"tags":["1"]}', Link=more)
    with pytest.raises(NetworkError, match="an address that is none"):
        driver.tags(name)


def test_tags_that_are_no_list_are_none(
    script: Script, name: RegistryName, driver: HttpRegistry
) -> None:
    script.faults["GET", 1] = answering(200, b'{"tags":5}')
    with pytest.raises(NetworkError, match="no list of tags"):
        driver.tags(name)


def test_nobody_is_sent_on_to_no_address(script: Script, name: RegistryName) -> None:
    script.faults["GET", 1] = answering(302, Location=NO_ADDRESS)
    with pytest.raises(HTTPError):
        Connections({}, None).get(f"http://{name.host}/v2/", {})


def test_a_part_that_begins_beyond_all_numbers_is_another_one(
    script: Script, name: RegistryName, driver: HttpRegistry, tmp_path: Path
) -> None:
    script.blobs[DIGEST] = LARGE
    beyond = f"bytes {'9' * 5000}-1/*"
    script.faults |= {("GET", 1): half, ("GET", 2): answering(206, Content_Range=beyond)}
    assert pull(driver, name, tmp_path / "to") == LARGE


def test_what_is_said_to_be_a_digest_and_is_none_is_not_repeated(
    script: Script, name: RegistryName, driver: HttpRegistry
) -> None:
    script.faults |= {
        ("GET", 1): answering(200, b"{}", Docker_Content_Digest="\x1b[2Jgone"),
        ("GET", 2): answering(200, b"{}", Docker_Content_Digest=DIGEST),
    }
    assert driver.manifest(name).content == b"{}"
    with pytest.raises(VerificationError, match=DIGEST):
        driver.manifest(name)
