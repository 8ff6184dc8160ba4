"""What the port to npm packages promises: nothing but the locked bytes, each fetched once."""

import base64
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from npm import integrity, packed
from npm_registry import Registry, served

from herdbook.builds.locked_node import LockedNode, LockedNodePackage
from herdbook.core.errors import HerdbookError, InvalidInputError, NetworkError, VerificationError
from herdbook.core.progress import NoProgress
from herdbook.drivers.npm import NpmNodePackages


def package(name: str, content: bytes, path: str = "") -> LockedNodePackage:
    return LockedNodePackage(
        path=path or f"node_modules/{name}",
        name=name,
        version="1.0.0",
        integrity=integrity(content),
    )


A, B = packed({"a": b"a" * 100_000}), packed({"b": b"b"})
LOCKED = LockedNode(packages=(package("@s/b", B), package("a", A)))
A_PATH, B_PATH = "/npm/a/-/a-1.0.0.tgz", "/npm/@s/b/-/b-1.0.0.tgz"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry below a folder of its server, and npm set up with it."""
    with served() as registry:
        registry.files = {A_PATH: A, B_PATH: B}
        _set_up(monkeypatch, f"{registry.address}/npm/")
        yield registry


def _set_up(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("npm_config_userconfig", "/dev/null")
    monkeypatch.setenv("npm_config_registry", address)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


def fetched(
    folder: Path, locked: LockedNode = LOCKED, credentials: Path | None = None
) -> list[bytes]:
    packages = NpmNodePackages(folder / "node")
    paths = packages.fetch(locked, NoProgress(), credentials=credentials)
    return [path.read_bytes() for path in paths]


def refused(folder: Path, kind: type[HerdbookError], locked: LockedNode = LOCKED) -> HerdbookError:
    with pytest.raises(kind) as caught:
        fetched(folder, locked)
    assert caught.value.hint
    return caught.value


def kept(folder: Path) -> list[bytes]:
    return sorted(path.read_bytes() for path in (folder / "node").iterdir())


def test_tarballs_are_fetched_in_the_order_of_the_lock(registry: Registry, tmp_path: Path) -> None:
    assert fetched(tmp_path) == [B, A]
    assert sorted(registry.asked) == [B_PATH, A_PATH]


def test_what_is_kept_needs_no_network(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched(tmp_path)
    _set_up(monkeypatch, "http://127.0.0.1:1/")
    assert fetched(tmp_path) == [B, A]
    assert len(registry.asked) == 2


def test_one_tarball_at_two_places_is_fetched_once(registry: Registry, tmp_path: Path) -> None:
    twice = (package("a", A), package("a", A, "node_modules/x/node_modules/a"))
    assert fetched(tmp_path, LockedNode(packages=twice)) == [A, A]
    assert registry.asked == [A_PATH]


def test_two_at_once_fetch_everything_once(registry: Registry, tmp_path: Path) -> None:
    threads = [threading.Thread(target=fetched, args=(tmp_path,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(registry.asked) == [B_PATH, A_PATH]


def test_a_bundled_package_is_nothing_to_fetch(registry: Registry, tmp_path: Path) -> None:
    inner = LockedNodePackage(path="node_modules/a/node_modules/i", name="i", version="1.0.0")
    assert fetched(tmp_path, LockedNode(packages=(package("a", A), inner))) == [A]
    assert registry.asked == [A_PATH]


def test_connections_are_used_again(registry: Registry, tmp_path: Path) -> None:
    many = []
    for number in range(40):
        content = packed({"n": str(number).encode()})
        registry.files[f"/npm/n{number}/-/n{number}-1.0.0.tgz"] = content
        many.append(package(f"n{number}", content))
    fetched(tmp_path, LockedNode(packages=tuple(many)))
    assert len(registry.asked) == 40
    assert registry.connections <= 16


def test_other_bytes_are_refused_and_not_kept(registry: Registry, tmp_path: Path) -> None:
    registry.files[A_PATH] = B
    assert "a 1.0.0" in refused(tmp_path, VerificationError).message
    assert A not in kept(tmp_path)
    assert not (tmp_path / "node/.incoming").exists()


def test_a_cut_connection_is_no_wrong_digest_and_loses_nothing(
    registry: Registry, tmp_path: Path
) -> None:
    registry.cut = {A_PATH}
    refused(tmp_path, NetworkError)
    assert kept(tmp_path) == [B]
    registry.cut = set()
    assert fetched(tmp_path) == [B, A]
    assert registry.asked.count(B_PATH) == 1


def test_a_busy_registry_is_asked_again(registry: Registry, tmp_path: Path) -> None:
    registry.busy = {A_PATH: 2}
    assert fetched(tmp_path) == [B, A]


def test_damaged_kept_tarballs_are_fetched_anew(registry: Registry, tmp_path: Path) -> None:
    fetched(tmp_path)
    for path in (tmp_path / "node").iterdir():
        path.write_bytes(b"damaged")
    assert fetched(tmp_path) == [B, A]
    assert len(registry.asked) == 4


def test_leftovers_of_a_killed_download_are_swept(registry: Registry, tmp_path: Path) -> None:
    leftover = tmp_path / "node/.incoming/half.tgz"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half")
    fetched(tmp_path)
    assert not leftover.exists()
    assert len(registry.asked) == 2


def test_no_network_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _set_up(monkeypatch, "http://127.0.0.1:1/")
    assert "refused" in refused(tmp_path, NetworkError).message


def test_a_package_the_registry_has_not_is_told(registry: Registry, tmp_path: Path) -> None:
    del registry.files[A_PATH]
    assert "a 1.0.0" in refused(tmp_path, NetworkError).message


def test_a_registry_may_keep_tarballs_at_places_of_its_own(
    registry: Registry, tmp_path: Path
) -> None:
    registry.files["/download/7f"] = registry.files.pop(B_PATH)
    registry.describe("/npm/@s%2Fb", "1.0.0", "/download/7f")
    assert fetched(tmp_path) == [B, A]


def test_a_scope_may_have_a_registry_of_its_own(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "npmrc"
    settings.write_text(f"@s:registry={registry.address}/company\n")
    monkeypatch.setenv("npm_config_userconfig", str(settings))
    registry.files["/company/@s/b/-/b-1.0.0.tgz"] = registry.files.pop(B_PATH)
    assert fetched(tmp_path) == [B, A]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("login me password it's", "Basic " + base64.b64encode(b"me:it's").decode()),
        ("password token", "Bearer token"),
    ],
)
def test_who_one_is_is_said_to_that_host_alone(
    registry: Registry, tmp_path: Path, written: str, said: str
) -> None:
    secret = tmp_path / "netrc"
    secret.write_text(f"machine 127.0.0.1 {written}\n")
    registry.authorization = said
    with served() as elsewhere:
        elsewhere.files = {"/a": A}
        registry.sent_on = {A_PATH: f"{elsewhere.address.replace('127.0.0.1', 'localhost')}/a"}
        assert fetched(tmp_path, credentials=secret) == [B, A]
        assert elsewhere.heard == [None]


def test_who_must_say_who_he_is_is_told(registry: Registry, tmp_path: Path) -> None:
    registry.authorization = "Bearer token"
    error = refused(tmp_path, InvalidInputError)
    assert "credentials" in error.hint


def test_broken_credentials_are_told_and_not_shown(registry: Registry, tmp_path: Path) -> None:
    secret = tmp_path / "netrc"
    secret.write_text("machine 127.0.0.1 login me password a secret with spaces\n")
    with pytest.raises(InvalidInputError) as caught:
        fetched(tmp_path, credentials=secret)
    assert "secret with" not in str(caught.value) + caught.value.hint
    assert registry.asked == []
