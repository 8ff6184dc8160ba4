"""Files that describe components are known by their path, and broken ones describe none."""

import json

import pytest

from herdbook.catalogue.components import Component, Ecosystem
from herdbook.trust.found_components import found_in, is_description

STATUS = "var/lib/dpkg/status"
METADATA = "opt/app/lib/python3.11/site-packages/Flask_SQLAlchemy-3.1.1.dist-info/METADATA"
PACKAGE = "opt/app/node_modules/@scope/tool/package.json"
DPKG = b"""Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc (2.36-9)
Version: 2.36-9+b1
Description: GNU C Library
 Version: 9

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0

Package: kept
Status: hold ok installed
Architecture: all
Maintainer: J\xf6rg in latin-1
Version: 1:2.0-1

Package: half
Status: install reinstreq half-installed
Architecture: all
Version: 2.0
"""


@pytest.mark.parametrize(
    "path",
    [
        STATUS,
        "var/lib/dpkg/status.d/base-files",
        METADATA,
        "usr/local/lib/python3.12/site-packages/pip/_vendor/x-1.dist-info/METADATA",
        "srv/thing.egg-info/PKG-INFO",
        "srv/thing-1.0-py3.11.egg-info",
        "node_modules/express/package.json",
        PACKAGE,
        "app/node_modules/a/node_modules/b/package.json",
    ],
)
def test_a_description_is_known_by_its_path(path: str) -> None:
    assert is_description(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "var/lib/dpkg/status-old",
        "srv/var/lib/dpkg/status",
        "var/lib/dpkg/status.d/base-files.md5sums",
        "var/lib/dpkg/info/libc6.list",
        "x.dist-info/RECORD",
        ".dist-info/METADATA",
        "METADATA",
        "srv/PKG-INFO",
        "package.json",
        "app/package.json",
        "node_modules/express/lib/package.json",
        "node_modules/@scope/package.json",
        "node_modules/.package-lock.json",
        "node_modules/.cache/package.json",
        "node_modules/express/package.json/x",
    ],
)
def test_other_files_describe_nothing(path: str) -> None:
    assert not is_description(path)
    assert found_in(path, DPKG) == ()


@pytest.mark.parametrize(
    "path",
    [
        "usr/lib/python3/dist-packages/requests-2.28.1.egg-info/PKG-INFO",
        "usr/lib/python3/dist-packages/six-1.16.0.egg-info",
        "usr/share/nodejs/express/node_modules/debug/package.json",
    ],
)
def test_what_debians_packages_brought_is_known_as_those_alone(path: str) -> None:
    assert not is_description(path)


def test_dpkg_tells_of_what_is_installed_whatever_is_wanted() -> None:
    assert found_in(STATUS, DPKG, "bookworm") == (
        Component(
            Ecosystem.DEBIAN,
            "libc6",
            "2.36-9+b1",
            suite="bookworm",
            architecture="amd64",
            source="glibc",
            source_version="2.36-9",
        ),
        Component(
            Ecosystem.DEBIAN,
            "kept",
            "1:2.0-1",
            suite="bookworm",
            architecture="all",
            source="kept",
            source_version="1:2.0-1",
        ),
    )


def test_a_part_of_a_status_needs_no_state() -> None:
    content = b"Package: tzdata\nVersion: 2024a-0+deb12u1\nArchitecture: all\n"
    found = found_in("var/lib/dpkg/status.d/tzdata", content, "bookworm")
    assert [(each.name, each.version, each.suite) for each in found] == [
        ("tzdata", "2024a-0+deb12u1", "bookworm")
    ]


def test_a_python_distribution_has_its_canonical_name_and_licence() -> None:
    content = (
        b"Metadata-Version: 2.4\nName: Flask_SQLAlchemy\nVersion: 3.1.1\n"
        b"Author: Jos\xe9 in latin-1\nLicense-Expression: BSD-3-Clause\n\nName: not this\n"
    )
    expected = Component(Ecosystem.PYTHON, "flask-sqlalchemy", "3.1.1", licence="BSD-3-Clause")
    assert found_in(METADATA, content, "bookworm") == (expected,)


def test_an_npm_package_has_the_name_and_licence_it_gives_itself() -> None:
    content = json.dumps({"name": "@scope/tool", "version": "1.2.3-rc.1", "license": "MIT"})
    expected = Component(Ecosystem.NODE, "@scope/tool", "1.2.3-rc.1", licence="MIT")
    assert found_in(PACKAGE, content.encode()) == (expected,)
    assert expected.purl == "pkg:npm/%40scope/tool@1.2.3-rc.1"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"{",
        b"[]",
        b"null",
        b'{"type": "module"}',
        b'{"name": "x"}',
        b'{"name": ["x"], "version": 1}',
        b'{"name": "../x", "version": "1.0"}',
        b'{"name": "x", "version": "1 0"}',
        b'{"name": "x", "version": "1", "author": "Jos\xe9"}',
        b"[" * 100_000,
    ],
    ids=lambda content: repr(content[:24]),
)
def test_a_broken_package_json_describes_nothing(content: bytes) -> None:
    assert found_in(PACKAGE, content) == ()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\xff",
        b"Name: x\n",
        b"Version: 1\n",
        b"Name: -x-\nVersion: 1\n",
        b"Name: x\nVersion: one two\n",
        b"\nName: x\nVersion: 1\n",
    ],
)
def test_broken_python_metadata_describe_nothing(content: bytes) -> None:
    assert found_in(METADATA, content) == ()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\xff",
        b"no field at all",
        b"Status: install ok installed\n",
        b"Package: x1\nVersion: 1\n",
        b"Package: Bad Name\nVersion: 1\nStatus: install ok installed\n",
        b"Package: good\nStatus: install ok installed\n",
    ],
)
def test_a_broken_status_describes_nothing(content: bytes) -> None:
    assert found_in(STATUS, content) == ()


LONG = "a" * 214


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"Package": LONG}, ("1.0", "amd64", LONG, "1.0")),
        ({"Package": f"{LONG}a"}, None),
        ({"Version": "1" * 201}, None),
        ({"Version": "1\0"}, None),
        ({"Architecture": "a" * 17}, ("1.0", "", "web", "1.0")),
        ({"Architecture": "amd\x0064"}, ("1.0", "", "web", "1.0")),
        ({"Source": "site (2.0)"}, ("1.0", "amd64", "site", "2.0")),
        ({"Source": f"{LONG}a (2.0)"}, ("1.0", "amd64", "web", "1.0")),
        ({"Source": "si\0te (2.0)"}, ("1.0", "amd64", "web", "1.0")),
        ({"Source": "Site (2.0)"}, ("1.0", "amd64", "web", "1.0")),
        ({"Source": f"site ({'2' * 201})"}, ("1.0", "amd64", "site", "1.0")),
        ({"Source": "site (2\x000)"}, ("1.0", "amd64", "site", "1.0")),
        ({"Version": "~" * 200, "Source": f"site ({'+' * 200})"}, None),
    ],
)
def test_of_a_status_only_what_can_be_kept_is_taken(
    fields: dict[str, str], expected: tuple[str, ...] | None
) -> None:
    given = {"Package": "web", "Version": "1.0", "Architecture": "amd64"} | fields
    content = "".join(f"{name}: {value}\n" for name, value in given.items()).encode()
    found = found_in("var/lib/dpkg/status.d/web", content, "bookworm")
    kept = [(each.version, each.architecture, each.source, each.source_version) for each in found]
    assert kept == ([expected] if expected else [])


def test_names_that_are_longer_than_any_are_left_out() -> None:
    for length, count in ((214, 1), (215, 0)):
        name = "a" * length
        package = json.dumps({"name": name, "version": "1"}).encode()
        assert len(found_in(PACKAGE, package)) == count
        assert len(found_in(METADATA, f"Name: {name}\nVersion: 1\n".encode())) == count
