"""npm's settings are read as npm does where there is no npm, and secrets in them are left alone."""

from pathlib import Path

import pytest

from herdbook.core.errors import InvalidInputError
from herdbook.drivers.http.connections import Connections
from herdbook.drivers.npm.registries import Registries, configured_registries


@pytest.fixture
def npmrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a user on a machine without npm."""
    path = tmp_path / "npmrc"
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("npm_config_userconfig", str(path))
    monkeypatch.delenv("npm_config_registry", raising=False)
    monkeypatch.delenv("NPM_CONFIG_REGISTRY", raising=False)
    return path


def tarball(npmrc: Path, name: str = "a") -> str:
    return configured_registries(npmrc.parent).tarball(name, "1.0.0")


def test_packages_lie_where_npm_looks_for_them() -> None:
    registries = Registries({"registry": "https://host/npm/"})
    assert registries.tarball("a", "1.0.0") == "https://host/npm/a/-/a-1.0.0.tgz"
    assert registries.tarball("@s/a", "1.0.0+x") == "https://host/npm/@s/a/-/a-1.0.0%2Bx.tgz"
    assert registries.description("@s/a") == "https://host/npm/@s%2Fa"


def test_a_users_file_says_which_registry(npmrc: Path) -> None:
    npmrc.write_text('; registry = no\nregistry = "https://host/npm/"\n')
    assert tarball(npmrc) == "https://host/npm/a/-/a-1.0.0.tgz"


def test_a_scope_may_have_its_own(npmrc: Path) -> None:
    npmrc.write_text("registry=https://all/\n@s:registry=https://scope/\n")
    assert tarball(npmrc, "@s/a") == "https://scope/@s/a/-/a-1.0.0.tgz"
    assert tarball(npmrc, "@other/a") == "https://all/@other/a/-/a-1.0.0.tgz"


@pytest.mark.parametrize("name", ["npm_config_registry", "NPM_CONFIG_REGISTRY"])
def test_the_environment_comes_first(
    npmrc: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    npmrc.write_text("registry=https://file/\n")
    monkeypatch.setenv(name, "https://environment/")
    assert tarball(npmrc).startswith("https://environment/a/")


def test_variables_in_the_file_are_replaced(npmrc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANY", "host.example")
    npmrc.write_text("registry=https://${COMPANY}/npm\n")
    assert tarball(npmrc).startswith("https://host.example/npm/a/")


def test_tokens_in_the_file_are_not_read(npmrc: Path) -> None:
    npmrc.write_text("//host/:_authToken=secret\n_auth=secret\nregistry=https://host/\n")
    assert "secret" not in repr(configured_registries(npmrc.parent))


@pytest.mark.parametrize("address", ["file:///srv/npm", "https://me:hunter2@host/", "host/npm"])
def test_an_address_of_another_kind_is_refused_and_not_shown(npmrc: Path, address: str) -> None:
    npmrc.write_text(f"registry={address}\n")
    with pytest.raises(InvalidInputError) as caught:
        tarball(npmrc)
    assert "hunter2" not in str(caught.value) + caught.value.hint


def test_certificates_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"absent\.pem"):
        Connections({}, str(tmp_path / "absent.pem"))


def test_a_proxy_of_an_unknown_kind_is_told_without_its_password() -> None:
    with pytest.raises(InvalidInputError) as caught:
        Connections({"https": "socks5://me:hunter2@proxy:1080"}, None)
    assert "hunter2" not in str(caught.value) + caught.value.hint
