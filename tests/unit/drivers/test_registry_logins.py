"""Who one is for a registry is found where podman and docker keep it, the most particular first."""

import base64
import json
from pathlib import Path

import pytest

from herdbook.core.errors import InvalidInputError
from herdbook.drivers.registry.challenges import Challenge, parse_challenges
from herdbook.drivers.registry.logins import Login, keys_of, login_for
from herdbook.images.references import RegistryName, registry_name

NAME = registry_name("registry.example:5000/shop/web:1")


def auth(user: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:secret".encode()).decode()}


def written(folder: Path, content: object, name: str = "auth.json") -> Path:
    file = folder / name
    file.write_text(json.dumps(content))
    return file


def test_keys_go_from_the_repository_to_its_registry() -> None:
    assert [*keys_of(NAME)] == [
        "registry.example:5000/shop/web",
        "registry.example:5000/shop",
        "registry.example:5000",
    ]


@pytest.mark.parametrize(
    ("known", "user"),
    [
        (["registry.example:5000", "registry.example:5000/shop"], "registry.example:5000/shop"),
        (["registry.example:5000/shop/web", "registry.example:5000"], f"{NAME.repository}"),
        (["registry.example:5000/sho", "registry.example"], None),
        (["https://registry.example:5000/v2/"], "https://registry.example:5000/v2/"),
    ],
)
def test_the_most_particular_login_counts(
    tmp_path: Path, known: list[str], user: str | None
) -> None:
    file = written(tmp_path, {"auths": {key: auth(key.replace(":", "_")) for key in known}})
    found = login_for([file], NAME)
    assert (found.user if found else None) == (user.replace(":", "_") if user else None)


def test_the_first_file_that_knows_one_counts(tmp_path: Path) -> None:
    files = [
        tmp_path / "absent.json",
        written(tmp_path, {"auths": {"elsewhere.example": auth("x")}}, "1.json"),
        written(tmp_path, {"auths": {NAME.host: auth("second")}}, "2.json"),
        written(tmp_path, {"auths": {NAME.host: auth("third")}}, "3.json"),
    ]
    assert login_for(files, NAME) == Login("second", "secret")


@pytest.mark.parametrize("content", [[], {"auths": []}, {"auths": {NAME.host: {}}}, {}])
def test_what_names_no_login_gives_none(tmp_path: Path, content: object) -> None:
    file = written(tmp_path, content)
    if content == []:
        with pytest.raises(InvalidInputError):
            login_for([file], NAME)
    else:
        assert login_for([file], NAME) is None


def test_a_damaged_file_is_named_and_nothing_of_it_is_shown(tmp_path: Path) -> None:
    file = written(tmp_path, {"auths": {NAME.host: {"auth": "c2VjcmV0!"}}})
    with pytest.raises(InvalidInputError) as caught:
        login_for([file], NAME)
    assert caught.value.where == str(file)
    assert "c2VjcmV0" not in caught.value.message + caught.value.hint


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "docker-credential-test"
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return program


@pytest.mark.parametrize(
    ("said", "status", "login"),
    [
        ('{"Username":"me","Secret":"s"}', 0, Login("me", "s")),
        ('{"Username":"<token>","Secret":"s"}', 0, Login("", "", "s")),
        ("credentials not found in native keychain", 1, None),
    ],
)
def test_a_helper_is_asked(
    helper: Path, tmp_path: Path, said: str, status: int, login: Login | None
) -> None:
    script = f"""#!/bin/sh
[ "$1 $(cat)" = "get {NAME.host}" ] || exit 9
echo '{said}'; exit {status}
"""
    helper.write_text(script)
    helper.chmod(0o755)
    assert login_for([written(tmp_path, {"credHelpers": {NAME.host: "test"}})], NAME) == login
    assert login_for([written(tmp_path, {"credsStore": "test"})], NAME) == login


def test_a_helper_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="docker-credential-absent"):
        login_for([written(tmp_path, {"credsStore": "absent"})], NAME)


def test_no_program_elsewhere_is_started(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="not the name"):
        login_for([written(tmp_path, {"credsStore": "x/../../bin/sh"})], NAME)


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", []),
        ('Basic realm="a"', [Challenge("basic", {"realm": "a"})]),
        (
            'Bearer realm="https://x/t?a=b",service="a, \\"b\\"",scope=x , basic REALM=c',
            [
                Challenge(
                    "bearer", {"realm": "https://x/t?a=b", "service": 'a, "b"', "scope": "x"}
                ),
                Challenge("basic", {"realm": "c"}),
            ],
        ),
        (
            "Negotiate, Basic realm=x",
            [Challenge("negotiate", {}), Challenge("basic", {"realm": "x"})],
        ),
        ('Bearer realm="open', [Challenge("bearer", {}), Challenge("realm", {})][:1]),
    ],
)
def test_challenges_are_read_as_they_are_written(header: str, wanted: list[Challenge]) -> None:
    assert parse_challenges(header)[: len(wanted)] == wanted


def test_a_registry_has_to_be_named() -> None:
    assert registry_name("localhost:5000/a/b:1") == RegistryName(
        "localhost:5000/a/b", "localhost:5000", "1"
    )
    for text in ("shop/web:1", "web", "./layout", "", "registry.example"):
        with pytest.raises(InvalidInputError):
            registry_name(text)
