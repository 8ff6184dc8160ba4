"""The promises of the port Vault, proven on every kind of database."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from key_makers import VALUE, keep_a_secret
from sqlalchemy import Engine, select

from herdbook.core.errors import NotFoundError, VerificationError
from herdbook.rollouts.ports import Vault
from herdbook.store import fleet_schema
from herdbook.store.database import open_database
from herdbook.store.vault import SqlVault


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "vault.key"


@pytest.fixture
def vault(engine: Engine, key_file: Path) -> Vault:
    return SqlVault(engine, key_file)


@pytest.mark.parametrize("value", [VALUE, b"", b"\0\xff\n", b"x" * 1_000_000])
def test_a_value_is_opened_as_it_was_kept(vault: Vault, value: bytes) -> None:
    fingerprint = vault.keep("shop", "password", value)
    assert vault.open("shop", "password", fingerprint) == value


def test_equal_values_have_equal_fingerprints_and_others_do_not(vault: Vault) -> None:
    assert vault.keep("shop", "password", VALUE) == vault.keep("shop", "password", VALUE)
    assert vault.keep("shop", "password", VALUE) != vault.keep("shop", "password", VALUE + b"!")


def test_the_same_value_elsewhere_is_not_told_to_be_the_same(vault: Vault) -> None:
    found = {
        vault.keep("shop", "password", VALUE),
        vault.keep("shop", "token", VALUE),
        vault.keep("zoo", "password", VALUE),
    }
    assert len(found) == 3


def test_a_fingerprint_tells_nothing_without_the_key(engine: Engine, tmp_path: Path) -> None:
    """Nobody can try values against it: under another key, it is another one."""
    one, other = (SqlVault(engine, tmp_path / name) for name in ("one", "other"))
    assert one.keep("shop", "password", VALUE) != other.keep("shop", "password", VALUE)


def test_earlier_values_are_kept_beside_the_newest(vault: Vault) -> None:
    """One may go back to a release that has them."""
    before = vault.keep("shop", "password", b"old")
    after = vault.keep("shop", "password", b"new")
    assert vault.open("shop", "password", before) == b"old"
    assert vault.open("shop", "password", after) == b"new"


def test_the_database_never_holds_a_value(
    vault: Vault, engine: Engine, key_file: Path, tmp_path: Path
) -> None:
    vault.keep("shop", "password", VALUE)
    with engine.connect() as connection:
        [row] = connection.execute(select(fleet_schema.sealed_secrets))
    assert VALUE not in row.sealed
    assert key_file.read_bytes() not in row.sealed
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if VALUE in path.read_bytes()]


@pytest.mark.parametrize(
    ("application", "name", "fingerprint"),
    [("zoo", "password", ""), ("shop", "token", ""), ("shop", "password", "0" * 64)],
)
def test_what_is_not_kept_is_not_found(
    vault: Vault, application: str, name: str, fingerprint: str
) -> None:
    kept = vault.keep("shop", "password", VALUE)
    with pytest.raises(NotFoundError):
        vault.open(application, name, fingerprint or kept)


def test_forgetting_removes_all_values_of_one_application(vault: Vault) -> None:
    one, other = vault.keep("shop", "a", VALUE), vault.keep("shop", "b", VALUE)
    elsewhere = vault.keep("zoo", "a", VALUE)
    vault.forget("shop")
    vault.forget("shop")
    for name, fingerprint in (("a", one), ("b", other)):
        with pytest.raises(NotFoundError):
            vault.open("shop", name, fingerprint)
    assert vault.open("zoo", "a", elsewhere) == VALUE


def test_only_the_user_can_read_the_key(vault: Vault, key_file: Path) -> None:
    vault.keep("shop", "password", VALUE)
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in key_file.parent.iterdir()] == ["vault.key"]


@pytest.mark.parametrize(
    "key", [b"no key at all", b"", Fernet.generate_key()], ids=["text", "none", "another"]
)
def test_a_wrong_key_says_so(vault: Vault, key_file: Path, key: bytes) -> None:
    fingerprint = vault.keep("shop", "password", VALUE)
    key_file.write_bytes(key)
    with pytest.raises(VerificationError) as caught:
        vault.open("shop", "password", fingerprint)
    assert str(key_file) in caught.value.hint
    assert VALUE.decode() not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("key", [b"no key at all", b""])
def test_nothing_is_sealed_with_what_is_no_key(vault: Vault, key_file: Path, key: bytes) -> None:
    key_file.parent.mkdir()
    key_file.write_bytes(key)
    with pytest.raises(VerificationError):
        vault.keep("shop", "password", VALUE)


def test_processes_that_need_a_key_at_once_make_one(database_url: str, key_file: Path) -> None:
    open_database(database_url).dispose()
    key_file.parent.mkdir()
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        kept = [pool.submit(keep_a_secret, database_url, key_file, f"{each}") for each in range(8)]
        fingerprints = [each.result() for each in kept]
    vault = SqlVault(open_database(database_url), key_file)
    for number, fingerprint in enumerate(fingerprints):
        assert vault.open("shop", f"{number}", fingerprint) == VALUE


def test_threads_that_need_a_key_at_once_make_one(vault: Vault) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: vault.keep("shop", "password", VALUE), range(16)))) == 1
