"""Of a package-lock.json, what `npm ci` would lay out is taken; what has no digest is refused."""

from typing import Any

import pytest
from npm import entry, integrity, package_lock
from pydantic import ValidationError

from herdbook.builds.locked_node import LockedNodePackage
from herdbook.builds.package_lock import read_package_lock
from herdbook.core.errors import InvalidInputError


def taken(packages: dict[str, Any], *, development: bool = False, version: int = 3) -> list[str]:
    text = package_lock(packages, version)
    locked = read_package_lock(text, "package-lock.json", development=development)
    return [package.path.removeprefix("node_modules/") for package in locked.packages]


def refused(text: str) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as caught:
        read_package_lock(text, "web/package-lock.json", development=False)
    assert caught.value.hint
    assert caught.value.where.startswith("web/package-lock.json")
    return caught.value


@pytest.mark.parametrize("version", [2, 3])
def test_packages_are_taken_by_path_the_outer_before_the_inner(version: int) -> None:
    packages = {
        "node_modules/b/node_modules/@s/a": entry(),
        "node_modules/b": entry(),
        "node_modules/@s/a": entry(),
    }
    assert taken(packages, version=version) == ["@s/a", "b", "b/node_modules/@s/a"]


def test_what_the_lock_says_of_a_package_is_kept() -> None:
    packages = {
        "node_modules/alias": entry(
            b"x",
            name="@s/real",
            version="1.2.3-rc.1",
            bin={"tool": "./bin/tool.js"},
            hasInstallScript=True,
            resolved="https://elsewhere.example/real.tgz",
        )
    }
    (found,) = read_package_lock(package_lock(packages), "lock", development=False).packages
    assert found == LockedNodePackage(
        path="node_modules/alias",
        name="@s/real",
        version="1.2.3-rc.1",
        integrity=integrity(b"x"),
        programs={"tool": "bin/tool.js"},
        has_install_script=True,
    )


def test_development_packages_come_along_only_if_asked_for() -> None:
    packages = {
        "": {"dependencies": {"a": "1"}, "devDependencies": {"d": "1"}},
        "node_modules/a": entry(),
        "node_modules/d": entry(dev=True),
    }
    assert taken(packages) == ["a"]
    assert taken(packages, development=True) == ["a", "d"]


@pytest.mark.parametrize(
    ("limits", "fits"),
    [
        ({"os": ["linux"], "cpu": ["x64"], "libc": ["glibc"]}, True),
        ({"os": ["darwin", "linux"]}, True),
        ({"os": ["!win32"]}, True),
        ({"os": ["any"]}, True),
        ({"cpu": "x64"}, True),
        ({"os": ["darwin"]}, False),
        ({"os": ["!linux"]}, False),
        ({"cpu": ["arm64"]}, False),
        ({"libc": ["musl"]}, False),
    ],
)
def test_optional_packages_for_other_platforms_are_left_out(
    limits: dict[str, Any], *, fits: bool
) -> None:
    packages = {
        "": {"optionalDependencies": {"a": "1"}},
        "node_modules/a": entry(optional=True, **limits),
    }
    assert taken(packages) == (["a"] if fits else [])


def test_what_only_a_left_out_package_asks_for_is_left_out_too() -> None:
    """As fsevents leaves no nan behind on Linux; but what another one shares with it stays."""
    packages = {
        "": {"dependencies": {"watch": "1"}},
        "node_modules/watch": entry(
            dependencies={"shared": "1"}, optionalDependencies={"wrapper": "1"}
        ),
        "node_modules/shared": entry(),
        "node_modules/wrapper": entry(optional=True, dependencies={"fsevents": "1"}),
        "node_modules/fsevents": entry(
            optional=True, os=["darwin"], dependencies={"nan": "1", "shared": "1"}
        ),
        "node_modules/nan": entry(optional=True),
    }
    assert taken(packages) == ["shared", "watch"]


def test_a_nested_package_is_found_before_an_outer_one() -> None:
    """The inner `b` does not fit, the outer one does: only who sees the inner one falls."""
    packages = {
        "": {"dependencies": {"b": "1"}, "optionalDependencies": {"a": "1"}},
        "node_modules/a": entry(optional=True, dependencies={"b": "2"}),
        "node_modules/a/node_modules/b": entry(optional=True, cpu=["arm"]),
        "node_modules/b": entry(),
    }
    assert taken(packages) == ["b"]


def test_optional_peers_need_not_fit() -> None:
    packages = {
        "": {"dependencies": {"a": "1"}, "optionalDependencies": {"p": "1"}},
        "node_modules/a": entry(
            peerDependencies={"p": "1"}, peerDependenciesMeta={"p": {"optional": True}}
        ),
        "node_modules/p": entry(optional=True, os=["win32"]),
    }
    assert taken(packages) == ["a"]


def test_a_needed_package_for_another_platform_is_refused_by_its_own_name() -> None:
    packages = {
        "node_modules/tool": entry(dependencies={"mac-only": "1"}),
        "node_modules/mac-only": entry(os=["darwin"]),
    }
    assert "mac-only" in refused(package_lock(packages)).message


def test_a_project_for_another_platform_is_refused() -> None:
    assert "project" in refused(package_lock({"": {"os": ["darwin"]}})).message


def test_a_bundled_package_has_no_tarball_of_its_own_but_programs() -> None:
    packages = {
        "node_modules/a": entry(),
        "node_modules/a/node_modules/b": {"version": "1.0.0", "inBundle": True, "bin": {"b": "b"}},
    }
    locked = read_package_lock(package_lock(packages), "lock", development=False)
    assert [package.name for package in locked.tarballs] == ["a"]
    assert locked.packages[1].programs == {"b": "b"}


def test_the_strongest_digest_is_taken() -> None:
    given = " ".join(integrity(b"x", algorithm) for algorithm in ("sha1", "sha256", "sha384"))
    packages = {"node_modules/a": entry() | {"integrity": f"{given}?option"}}
    (found,) = read_package_lock(package_lock(packages), "lock", development=False).packages
    assert found.integrity == integrity(b"x", "sha384")


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("./cli.js", {"a": "cli.js"}),
        ({"../../x": "cli.js"}, {"x": "cli.js"}),
        ({"x": "../../../etc/passwd"}, {"x": "etc/passwd"}),
        ({"x": "/bin\\x.js"}, {"x": "bin/x.js"}),
        ({"..": "cli.js", "x": ".", "": "y"}, {}),
    ],
)
def test_programs_stay_inside_of_their_package(written: object, found: dict[str, str]) -> None:
    """As npm-normalize-package-bin makes them."""
    packages = {"node_modules/@s/a": entry(name="a", bin=written)}
    (package,) = read_package_lock(package_lock(packages), "lock", development=False).packages
    assert package.programs == found


@pytest.mark.parametrize(
    ("path", "said", "words"),
    [
        ("node_modules/w", {"link": True, "resolved": "packages/w"}, "workspace"),
        ("packages/w", {"version": "1.0.0"}, "workspace"),
        ("node_modules/../../etc/x", entry(), "folder"),
        ("node_modules/.bin", entry(), "folder"),
        ("node_modules/a/b/c", entry(), "folder"),
        ("node_modules/a", entry(resolved="git+ssh://git@host/a.git#1"), "git repository"),
        ("node_modules/a", entry(resolved="file:a.tgz"), "file"),
        ("node_modules/a", {"version": "1.0.0"}, "no integrity"),
        ("node_modules/a", entry() | {"integrity": integrity(b"", "sha1")}, "sha1"),
        ("node_modules/a", entry() | {"integrity": "sha512-short"}, "digest"),
        ("node_modules/a", entry() | {"version": "1 && rm"}, "version"),
        ("node_modules/a", entry(name="../b"), "name"),
    ],
)
def test_what_no_registry_gives_by_a_digest_is_refused_with_its_line(
    path: str, said: dict[str, Any], words: str
) -> None:
    text = package_lock({path: said})
    error = refused(text)
    assert words in error.message
    line = int(error.where.rpartition(":")[2])
    assert f'"{path}"' in text.splitlines()[line - 1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "read"),
        ("{\n\n]", "read"),
        ("[]", "read"),
        ('{"lockfileVersion": 3, "packages": []}', "packages"),
        ('{"lockfileVersion": 3, "packages": {"node_modules/a": {"os": 7}}}', "os"),
        ('{"lockfileVersion": 1, "dependencies": {}}', "lockfileVersion is 1"),
        ('{"lockfileVersion": 4, "packages": {}}', "lockfileVersion is 4"),
        (
            '{"lockfileVersion": 3, "packages": {"node_modules/a": {}, "node_modules/a": {}}}',
            "twice",
        ),
    ],
)
def test_what_is_no_package_lock_is_refused(text: str, words: str) -> None:
    assert words in refused(text).message


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "node_modules/../x"},
        {"path": "/node_modules/x"},
        {"path": "node_modules/x/"},
        {"integrity": "sha1-" + "A" * 27 + "="},
        {"programs": {"../x": "y"}},
        {"programs": {"x": "../y"}},
        {"programs": {"x": "/y"}},
    ],
)
def test_a_lock_that_somebody_edited_leads_nowhere_else(wrong: dict[str, Any]) -> None:
    right = {"path": "node_modules/x", "name": "x", "version": "1.0.0", "integrity": integrity(b"")}
    LockedNodePackage.model_validate(right)
    with pytest.raises(ValidationError):
        LockedNodePackage.model_validate(right | wrong)
