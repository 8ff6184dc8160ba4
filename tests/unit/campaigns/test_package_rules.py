"""Each condition on a package holds where it should, and leads where it must where it does not."""

from dataclasses import replace
from pathlib import Path

import pytest
from insides import FOLDER, NEW, OLD, Files, Packages, real_library, renamed, said

from herdbook.campaigns.closure import Change
from herdbook.campaigns.conditions import Condition, Way, way_of
from herdbook.campaigns.package_rules import judge_package
from herdbook.layers.owned import hardlink_to

LIBRARY = f"{FOLDER}/libz.so.1"


@pytest.fixture
def packages(tmp_path: Path) -> Packages:
    return Packages(tmp_path / "packages")


def test_patched_library_package_may_be_rebased(packages: Packages) -> None:
    files: dict[str, bytes | str] = {
        LIBRARY: real_library(),
        "usr/share/doc/thing/changelog.gz": b"old",
        "DEBIAN/triggers": b"# by debhelper 1\nactivate-noawait ldconfig\n",
    }
    patched = {**files, LIBRARY: real_library() + b"fixed", "usr/share/doc/thing/news": b"new"}
    patched["DEBIAN/triggers"] = b"# by debhelper 2\nactivate-noawait ldconfig\n"
    change = packages.change(files, patched)
    findings = judge_package(change.old, change.new)
    assert way_of(findings) is Way.REBASE, [each.words for each in findings if not each.holds]
    words = {each.condition: each.words for each in findings}
    assert words[Condition.LIBRARIES] == "libz.so.1: same names"
    assert words[Condition.SYMBOLS].endswith(" symbols kept, 0 new")
    assert "new: /usr/share/doc/thing/news" in words[Condition.PATHS]


@pytest.mark.parametrize(
    ("name", "architecture", "more"),
    [("other", "amd64", ""), ("thing", "all", ""), ("thing", "amd64", "Source: another\n")],
)
def test_other_package_or_source_is_locked_anew(
    packages: Packages, name: str, architecture: str, more: str
) -> None:
    new = packages.inside({}, name=name, version=NEW, architecture=architecture, more=more)
    found = said(Change(packages.inside(), new), Condition.SAME_SOURCE)
    assert found.way is Way.RELOCK


@pytest.mark.parametrize(
    ("old", "new", "way"),
    [
        (OLD, NEW, Way.REBASE),
        ("1.0~rc1-1", "1.0-1", Way.REBASE),
        (OLD, OLD, Way.RELOCK),
        (NEW, OLD, Way.RELOCK),
        ("1:1.0-1", "2.0-1", Way.RELOCK),
    ],
)
def test_only_a_newer_version_in_dpkgs_order_will_do(
    packages: Packages, old: str, new: str, way: Way
) -> None:
    change = Change(packages.inside(version=old), packages.inside(version=new))
    assert said(change, Condition.NEWER).way is way


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ({}, "/usr/lib/a gone"),
        ({"usr/lib/a/": b""}, "/usr/lib/a of another kind"),
        ({"usr/lib/a": "b"}, "/usr/lib/a of another kind"),
        ({"usr/lib/b": b"1"}, "/usr/lib/a gone"),
    ],
)
def test_path_that_is_gone_or_of_another_kind_is_rebuilt(
    packages: Packages, new: Files, words: str
) -> None:
    keep: dict[str, bytes | str] = {"usr/lib/keep": b""}
    found = said(packages.change({"usr/lib/a": b"1", **keep}, {**new, **keep}), Condition.PATHS)
    assert found.way is Way.REBUILD
    assert words in found.words


def test_link_with_another_target_is_rebuilt(packages: Packages) -> None:
    change = packages.change({"usr/lib/a": "b"}, {"usr/lib/a": "c"})
    assert said(change, Condition.PATHS).way is Way.REBUILD


def test_documentation_may_go(packages: Packages) -> None:
    change = packages.change(
        {"usr/share/doc/thing/a": b"", "usr/share/doc/thing/b": b""},
        {"usr/share/doc/thing/b": b""},
    )
    assert said(change, Condition.PATHS).holds


@pytest.mark.parametrize("gone", [{"usr/share/doc/thing/": b""}, {"usr/share/doc/thing": "b"}])
def test_folder_or_link_of_documentation_stays(packages: Packages, gone: Files) -> None:
    keep: Files = {"usr/share/doc/b": b""}
    change = packages.change({**keep, **gone}, keep)
    assert said(change, Condition.PATHS).way is Way.REBUILD


def test_lost_library_is_locked_anew(packages: Packages) -> None:
    other = renamed(real_library(), b"libz.so.1", b"libz.so.2")
    change = packages.change({LIBRARY: real_library()}, {f"{FOLDER}/libz.so.2": other})
    found = said(change, Condition.LIBRARIES)
    assert found.way is Way.RELOCK
    assert found.words == "libz.so.1: gone"


def test_library_under_another_path_is_still_the_same(packages: Packages) -> None:
    change = packages.change(
        {f"{FOLDER}/libz.so.1.1": real_library(), LIBRARY: "libz.so.1.1"},
        {f"{FOLDER}/libz.so.1.2": real_library(), LIBRARY: "libz.so.1.2"},
    )
    assert said(change, Condition.LIBRARIES).way is Way.REBUILD  # not known to ldconfig's cache
    assert said(change, Condition.PATHS).way is Way.REBUILD
    assert said(change, Condition.SYMBOLS).holds


def test_private_library_that_is_gone_is_rebuilt(packages: Packages) -> None:
    change = packages.change({"usr/lib/thing/plugin.so": real_library()}, {"usr/lib/thing/": b""})
    assert said(change, Condition.LIBRARIES).way is Way.REBUILD


def test_additional_library_is_rebuilt(packages: Packages) -> None:
    change = packages.change({"usr/a": b""}, {"usr/a": b"", LIBRARY: real_library()})
    assert said(change, Condition.LIBRARIES).way is Way.REBUILD


def test_library_of_another_machine_is_locked_anew(packages: Packages) -> None:
    other = bytearray(real_library())
    other[18] ^= 1  # e_machine
    change = packages.change({LIBRARY: real_library()}, {LIBRARY: bytes(other)})
    assert said(change, Condition.LIBRARIES).way is Way.RELOCK


def test_library_that_cannot_be_read_is_rebuilt(packages: Packages) -> None:
    change = packages.change({LIBRARY: real_library()}, {LIBRARY: real_library()[:2000]})
    found = said(change, Condition.LIBRARIES)
    assert found.way is Way.REBUILD
    assert "cannot be read" in found.words


def test_shlibs_line_that_is_gone_is_locked_anew(packages: Packages) -> None:
    old, new = b"libz 1 zlib1g (>= 1)\nlibz 2 zlib1g\n", b"libz 1 zlib1g (>= 2)\n"
    change = packages.change({"DEBIAN/shlibs": old}, {"DEBIAN/shlibs": new})
    found = said(change, Condition.LIBRARIES)
    assert (found.way, found.words) == (Way.RELOCK, "libz 2: no longer among its shlibs")
    change = packages.change({"DEBIAN/shlibs": new}, {"DEBIAN/shlibs": old})
    assert said(change, Condition.LIBRARIES).holds


def test_symbol_that_is_gone_is_locked_anew(packages: Packages) -> None:
    other = renamed(real_library(), b"zlibVersion", b"zlibVersiom")
    change = packages.change({LIBRARY: real_library()}, {LIBRARY: other})
    found = said(change, Condition.SYMBOLS)
    assert found.way is Way.RELOCK
    assert found.words == "libz.so.1 no longer has zlibVersion"


def test_symbol_of_another_version_is_locked_anew(packages: Packages) -> None:
    other = renamed(real_library(), b"ZLIB_1.2.2.3", b"ZLIB_1.2.2.9")
    change = packages.change({LIBRARY: real_library()}, {LIBRARY: other})
    found = said(change, Condition.SYMBOLS)
    assert found.way is Way.RELOCK
    assert "deflateTune@ZLIB_1.2.2.3" in found.words


@pytest.mark.parametrize(
    ("new", "way"),
    [
        (
            b"libz.so.1 thing #MINVER#\n* Build-Depends-Package: x\n a@Base 1\n b@Base 2\n",
            Way.REBASE,
        ),
        (b"libz.so.1 thing #MINVER#\n a@Base 3\n", Way.REBASE),
        (b"libz.so.1 thing #MINVER#\n b@Base 1\n", Way.RELOCK),
        (b"libz.so.2 thing #MINVER#\n a@Base 1\n", Way.RELOCK),
        (b"", Way.RELOCK),
    ],
)
def test_symbols_file_must_not_lose_a_line(packages: Packages, new: bytes, way: Way) -> None:
    old = b"libz.so.1 thing #MINVER#\n| other\n a@Base 1\n"
    change = packages.change({"DEBIAN/symbols": old}, {"DEBIAN/symbols": new})
    assert said(change, Condition.SYMBOLS).way is way


@pytest.mark.parametrize(
    ("content", "listed", "way"),
    [
        (b"1", b"/etc/a\n", Way.REBASE),
        (b"2", b"/etc/a\n", Way.REBUILD),
        (b"1", b"", Way.REBUILD),
    ],
)
def test_conffiles_must_be_the_same(
    packages: Packages, content: bytes, listed: bytes, way: Way
) -> None:
    change = packages.change(
        {"etc/a": b"1", "DEBIAN/conffiles": b"/etc/a\n"},
        {"etc/a": content, "DEBIAN/conffiles": listed},
    )
    assert said(change, Condition.CONFFILES).way is way


@pytest.mark.parametrize(
    ("old", "new", "way"),
    [
        (b"", b"", Way.REBASE),
        (b"activate-noawait ldconfig\n", b"activate-noawait ldconfig\n", Way.REBASE),
        (b"", b"activate-noawait ldconfig\n", Way.REBUILD),
        (b"interest ldconfig\n", b"interest ldconfig\n", Way.REBUILD),
        (b"activate update-mime\n", b"activate update-mime\n", Way.REBUILD),
    ],
)
def test_only_ldconfig_may_be_triggered(
    packages: Packages, old: bytes, new: bytes, way: Way
) -> None:
    change = packages.change({"DEBIAN/triggers": old}, {"DEBIAN/triggers": new})
    assert said(change, Condition.TRIGGERS).way is way


@pytest.mark.parametrize(
    ("old", "new", "way"),
    [
        ("Depends: a\nTag: x\n", "Depends: b\nTag: x\n", Way.REBASE),
        ("Depends: a\nTag: x\n", "Depends: a\nTag: y\n", Way.REBUILD),
        ("Depends: a\n", "", Way.REBUILD),
        ("", "Depends: a\n", Way.REBUILD),
        ("Depends: a\nTag: x\n", "Tag: x\nDepends: a\n", Way.REBUILD),
    ],
)
def test_database_entry_must_keep_its_fields(
    packages: Packages, old: str, new: str, way: Way
) -> None:
    assert said(packages.change({}, {}, (old, new)), Condition.DATABASE).way is way


@pytest.mark.parametrize(
    ("path", "way"),
    [
        ("usr/lib/python3/dist-packages/a.py", Way.REBUILD),
        ("usr/lib/python3.11/a.py", Way.REBUILD),
        ("usr/share/thing/a.py", Way.REBUILD),
        ("usr/share/doc/thing/a.py", Way.REBASE),
        ("usr/lib/python3/dist-packages/a.txt", Way.REBASE),
    ],
)
def test_python_file_that_changed_is_rebuilt(packages: Packages, path: str, way: Way) -> None:
    assert said(packages.change({path: b"1"}, {path: b"2"}), Condition.BYTECODE).way is way
    assert said(packages.change({"a": b""}, {"a": b"", path: b"2"}), Condition.BYTECODE).way is way


@pytest.mark.parametrize(
    ("path", "way"),
    [
        (f"{FOLDER}/libthing.a", Way.REBUILD),
        ("usr/include/thing.h", Way.REBUILD),
        ("usr/share/python-wheels/thing.whl", Way.REBUILD),
        ("usr/bin/busybox", Way.REBASE),
    ],
)
def test_what_is_made_to_be_copied_is_rebuilt(packages: Packages, path: str, way: Way) -> None:
    assert said(packages.change({path: b"1"}, {path: b"2"}), Condition.EMBEDDED).way is way
    assert said(packages.change({path: b"1"}, {path: b"1"}), Condition.EMBEDDED).holds


@pytest.mark.parametrize("changed", [b"1", b"2"])
def test_conffile_is_found_where_usr_is_merged(packages: Packages, changed: bytes) -> None:
    listed = {"DEBIAN/conffiles": b"/lib/udev/a.conf\n"}
    change = packages.change(
        {"lib/udev/a.conf": b"1", **listed}, {"lib/udev/a.conf": changed, **listed}
    )
    assert said(change, Condition.CONFFILES).holds is (changed == b"1")


def test_conffile_that_is_not_there_is_rebuilt(packages: Packages) -> None:
    here = packages.inside({"etc/a": b"", "etc/b": b"", "DEBIAN/conffiles": b"/etc/a\n/etc/b\n"})
    bare = replace(here, tree={path: here.tree[path] for path in ("etc", "etc/a")})
    for change in (Change(here, bare), Change(bare, here), Change(bare, bare)):
        found = said(change, Condition.CONFFILES)
        assert found.way is Way.REBUILD
        assert "/etc/b: a conffile that is not in the package" in found.words


@pytest.mark.parametrize("asked", ["a (>= 0:1)", "a (>= 01:1)", "a | b (= 1:2:3)", "A"])
def test_relation_that_dpkg_may_write_differently_is_rebuilt(
    packages: Packages, asked: str
) -> None:
    change = packages.change({}, {}, ("Depends: a\n", f"Depends: {asked}\n"))
    found = said(change, Condition.DATABASE)
    assert found.way is Way.REBUILD
    assert found.words.startswith("Nobody can tell how dpkg writes the Depends of thing")


@pytest.mark.parametrize(
    ("path", "condition"),
    [
        ("usr/include/b.h", Condition.EMBEDDED),
        ("usr/share/thing/b.py", Condition.BYTECODE),
        ("etc/b", Condition.CONFFILES),
        ("etc/init.d/b", Condition.SCRIPTS),
    ],
)
def test_further_name_of_a_file_is_compared_by_its_content(
    packages: Packages, path: str, condition: Condition
) -> None:
    same: Files = {
        path: b"",
        "DEBIAN/postinst": b"#!/bin/sh\nupdate-rc.d b defaults\n",
        "DEBIAN/conffiles": b"/etc/b\n" if path == "etc/b" else b"",
    }
    change = packages.change({"etc/a": b"1", **same}, {"etc/a": b"2", **same})
    old, new = (
        replace(each, tree={**each.tree, path: hardlink_to(each.tree["etc/a"], path, "etc/a")})
        for each in (change.old, change.new)
    )
    assert said(Change(old, old), condition).holds
    assert said(Change(old, new), condition).way is Way.REBUILD
