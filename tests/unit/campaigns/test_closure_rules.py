"""A change fits an image's other packages, or the finding names what it does not fit."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from insides import NEW, OLD, Files, Packages

from herdbook.campaigns.closure import Change, installed_in
from herdbook.campaigns.closure_rules import Surroundings, judge_closure
from herdbook.campaigns.conditions import Condition, Finding, Way, way_of
from herdbook.campaigns.relations import parse_relations, write_relations
from herdbook.core.errors import VerificationError
from herdbook.layers.owned import hardlink_to

NOWHERE = Surroundings(others=lambda _: False, interests="", configured=frozenset())


@pytest.fixture
def packages(tmp_path: Path) -> Packages:
    return Packages(tmp_path / "packages")


def entry(name: str, version: str = "1", more: str = "", architecture: str = "amd64") -> str:
    return (
        f"Package: {name}\nStatus: install ok installed\nArchitecture: {architecture}\n"
        f"Version: {version}\n{more}Description: a\n Depends: not-a-field\n"
    )


def status(*entries: str, thing: str = "") -> str:
    return "\n".join([entry("dpkg"), *entries, entry("thing", OLD, thing)])


def judged(
    change: Change, text: str, condition: Condition, around: Surroundings = NOWHERE
) -> Finding:
    findings = judge_closure(installed_in(text), [change], around)
    return next(each for each in findings if each.condition is condition)


def test_change_that_concerns_nobody_may_be_rebased(packages: Packages) -> None:
    change = packages.change({"usr/a": b"1"}, {"usr/a": b"2"})
    text = status(entry("user", more="Depends: thing (>= 1.0)\n"))
    findings = judge_closure(installed_in(text), [change], NOWHERE)
    assert way_of(findings) is Way.REBASE, [each.words for each in findings]
    assert len({each.condition for each in findings}) == 5


@pytest.mark.parametrize(
    ("depends", "holds"),
    [
        ("lib", True),
        ("lib (>= 2)", True),
        ("lib (>= 2.0)", False),
        ("lib (>> 2)", False),
        ("lib (<< 2)", False),
        ("lib (<= 2)", True),
        ("lib (= 2)", True),
        ("lib (= 2.1)", False),
        ("absent", False),
        ("absent | lib", True),
        ("absent | lib (>= 3)", False),
        ("lib:any", False),
        ("allowed:any", True),
        ("common", True),
        ("lib:amd64", True),
        ("lib:i386", False),
        ("virtual", True),
        ("virtual (>= 1)", False),
        ("versioned (>= 4)", True),
        ("versioned (>= 6)", False),
        ("foreign", False),
        ("foreign:any", False),
        ("multi", True),
        ("removed", False),
        ("lib, absent", False),
        ("thing (= 1.0-1+deb12u1)", True),
    ],
)
@pytest.mark.parametrize("field", ["Depends", "Pre-Depends"])
def test_what_the_new_package_needs_is_in_the_image(
    packages: Packages, field: str, depends: str, *, holds: bool
) -> None:
    change = packages.change({}, {}, ("", f"{field}: {depends}\n"))
    text = status(
        entry("lib", "2", "Provides: virtual, versioned (= 5)\n"),
        entry("foreign", architecture="i386"),
        entry("allowed", more="Multi-Arch: allowed\n"),
        entry("common", architecture="all"),
        entry("multi", more="Multi-Arch: foreign\n", architecture="i386"),
        entry("removed").replace("ok installed", "ok config-files"),
    )
    found = judged(change, text, Condition.RELATIONS)
    assert found.way is (Way.REBASE if holds else Way.RELOCK)
    assert holds or "which thing needs, is not in the image" in found.words


def test_finding_names_the_relation(packages: Packages) -> None:
    change = packages.change({}, {}, ("", "Depends: libfoo1(>=2)\n"))
    words = judged(change, status(entry("libfoo1")), Condition.RELATIONS).words
    assert words == "libfoo1 (>= 2), which thing needs, is not in the image"


@pytest.mark.parametrize(
    ("refused", "holds"),
    [
        ("lib", False),
        ("lib (<< 3)", False),
        ("lib (<< 2)", True),
        ("virtual", False),
        ("virtual (<< 3)", True),
        ("versioned (<< 6)", False),
        ("versioned (<< 5)", True),
        ("absent", True),
        ("thing", True),
    ],
)
@pytest.mark.parametrize("field", ["Breaks", "Conflicts"])
def test_what_the_new_package_refuses_is_not_there(
    packages: Packages, field: str, refused: str, *, holds: bool
) -> None:
    change = packages.change({}, {}, ("", f"{field}: {refused}\n"))
    text = status(entry("lib", "2", "Provides: virtual, versioned (= 5)\n"))
    found = judged(change, text, Condition.RELATIONS)
    assert found.way is (Way.REBASE if holds else Way.RELOCK)


@pytest.mark.parametrize(
    ("relation", "holds"),
    [
        ("Depends: thing (>= 1.0-1)", True),
        ("Depends: thing (= 1.0-1)", False),
        ("Depends: thing (<< 1.0-1+deb12u1)", False),
        ("Depends: other | thing (= 1.0-1)", False),
        ("Depends: thing (= 1.0-1) | dpkg", True),
        ("Pre-Depends: thing (= 1.0-1)", False),
        ("Breaks: thing (<< 1.0-1)", True),
        ("Breaks: thing (>= 1.0-1+deb12u1)", False),
        ("Conflicts: thing (= 1.0-1+deb12u1)", False),
        ("Recommends: thing (= 1.0-1)", True),
        ("Depends: something-else", True),
    ],
)
def test_what_others_ask_of_it_still_holds(
    packages: Packages, relation: str, *, holds: bool
) -> None:
    change = packages.change({}, {})
    found = judged(change, status(entry("user", more=f"{relation}\n")), Condition.RELATIONS)
    assert found.way is (Way.REBASE if holds else Way.RELOCK), found.words


def test_name_no_longer_provided_is_missed(packages: Packages) -> None:
    change = packages.change({}, {}, ("Provides: a, b\n", "Provides: b\n"))
    text = status(entry("user", more="Depends: a\n"), thing="Provides: a, b\n")
    assert judged(change, text, Condition.RELATIONS).way is Way.RELOCK
    text = status(entry("user", more="Depends: b\n"), thing="Provides: a, b\n")
    assert judged(change, text, Condition.RELATIONS).holds


def test_changes_of_one_source_are_judged_together(packages: Packages) -> None:
    pair = [
        Change(
            packages.inside(name=name, more=f"Depends: {other} (= {OLD})\n"),
            packages.inside(name=name, version=NEW, more=f"Depends: {other} (= {NEW})\n"),
        )
        for name, other in (("thing", "thing-data"), ("thing-data", "thing"))
    ]
    text = status(
        entry("thing-data", OLD, f"Depends: thing (= {OLD})\n"),
        thing=f"Depends: thing-data (= {OLD})\n",
    )
    installed = installed_in(text)
    assert way_of(judge_closure(installed, pair, NOWHERE)) is Way.REBASE
    assert way_of(judge_closure(installed, pair[:1], NOWHERE)) is Way.RELOCK


def test_package_that_is_not_there_in_that_version_is_locked_anew(packages: Packages) -> None:
    change = packages.change({}, {})
    text = status().replace(f"Version: {OLD}", "Version: 0.9")
    found = judged(change, text, Condition.RELATIONS)
    assert (found.way, found.words) == (Way.RELOCK, f"thing {OLD} is not in the image")


def test_relation_that_cannot_be_read_is_locked_anew(packages: Packages) -> None:
    text = status(entry("user", more="Depends: thing (>= 1\n"))
    found = judged(packages.change({}, {}), text, Condition.RELATIONS)
    assert found.way is Way.RELOCK


def test_new_path_of_another_layer_is_rebuilt(packages: Packages) -> None:
    change = packages.change({"usr/a": b""}, {"usr/a": b"", "usr/b": b""})
    around = Surroundings(others={"usr/b"}.__contains__, interests="", configured=frozenset())
    found = judged(change, status(), Condition.PATHS, around)
    assert found.way is Way.REBUILD
    assert "/usr/b" in found.words
    around = Surroundings(others={"usr/a"}.__contains__, interests="", configured=frozenset())
    assert judged(change, status(), Condition.PATHS, around).holds


def test_new_plain_file_in_a_folder_that_was_there_may_be_rebased(packages: Packages) -> None:
    change = packages.change({"usr/a/b": b""}, {"usr/a/b": b"", "usr/a/c": b"", "top": b""})
    assert judged(change, status(), Condition.PATHS).holds
    change = packages.change({"usr/a": b""}, {"usr/a": b"", "etc/c": b""})
    tree = {path: entry for path, entry in change.new.tree.items() if path != "etc"}
    change = Change(change.old, replace(change.new, tree=tree))
    around = replace(NOWHERE, is_folder={"etc"}.__contains__)
    assert judged(change, status(), Condition.PATHS, around).holds
    assert not judged(change, status(), Condition.PATHS).holds


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        ("usr/share/new/", b"", "/usr/share/new is new and a directory"),
        ("usr/share/new/a", b"", "/usr/share/new is new and a directory"),
        ("usr/share/new", "old", "/usr/share/new is new and a symlink"),
        ("usr/bin/new", b"", "/usr/bin/new is new and a program"),
        ("sbin/new", b"", "/usr/sbin/new is new and a program"),
        ("usr/share/folder", b"", "/usr/share/folder is new and a directory in another layer"),
    ],
)
def test_new_path_that_other_layers_may_feel_is_rebuilt(
    packages: Packages, path: str, content: bytes | str, words: str
) -> None:
    keep: Files = {"usr/share/old/a": b"", "usr/bin/a": b"", "usr/sbin/a": b""}
    around = replace(NOWHERE, is_folder={"usr/share/folder"}.__contains__)
    change = packages.change(keep, {**keep, path: content})
    found = judged(change, status(), Condition.PATHS, around)
    assert found.way is Way.REBUILD
    assert words in found.words


@pytest.mark.parametrize(
    "fields",
    [{"mode": 0o755}, {"mode": 0o4644}, {"xattrs": (("security.capability", b"1"),)}],
)
def test_new_file_that_may_be_run_is_rebuilt(packages: Packages, fields: dict[str, Any]) -> None:
    change = packages.change({"usr/a": b""}, {"usr/a": b"", "usr/b": b""})
    tree = {**change.new.tree, "usr/b": replace(change.new.tree["usr/b"], **fields)}
    change = Change(change.old, replace(change.new, tree=tree))
    assert judged(change, status(), Condition.PATHS).words == "/usr/b is new and a program"


def test_new_name_of_a_file_is_rebuilt(packages: Packages) -> None:
    change = packages.change({"usr/a": b""}, {"usr/a": b""})
    tree = {**change.new.tree, "usr/b": hardlink_to(change.new.tree["usr/a"], "usr/b", "usr/a")}
    change = Change(change.old, replace(change.new, tree=tree))
    assert judged(change, status(), Condition.PATHS).words == "/usr/b is new and a hardlink"


@pytest.mark.parametrize(
    ("diversions", "holds"),
    [
        ("", True),
        ("/usr/lib/tool\n/usr/lib/tool.distrib\nwrapper\n", False),
        ("/lib/tool\n/lib/tool.distrib\nwrapper\n", False),
        ("/usr/lib/other\n/lib/tool\nwrapper\n", False),
        ("/usr/lib/gone\n/usr/lib/gone.distrib\nwrapper\n", False),
        ("/usr/lib/new\n/usr/lib/new.distrib\nwrapper\n", False),
        ("/lib/tool\n/lib/tool.distrib\n:\n", False),
        ("/lib/tool\n/lib/tool.distrib\nthing\n", True),
        ("/lib/other\n/lib/other.distrib\nwrapper\n", True),
        ("/lib\n/.lib.usr-is-merged\nbase-files\n", True),
        ("/lib/tool\nwrapper\n", False),
    ],
)
def test_diverted_file_is_rebuilt(packages: Packages, diversions: str, *, holds: bool) -> None:
    change = packages.change(
        {"lib/tool": b"", "lib/gone": b""}, {"lib/tool": b"fixed", "lib/new": b""}
    )
    around = replace(NOWHERE, diversions=diversions)
    found = judged(change, status(), Condition.CONFIGURED, around)
    assert found.way is (Way.REBASE if holds else Way.REBUILD)
    assert holds or " diverted by " in found.words or "cannot be read" in found.words


@pytest.mark.parametrize(
    ("field", "holds"),
    [
        (f"Built-Using: thing (= {OLD})", False),
        (f"Static-Built-Using: a (= 1), thing (= {OLD})", False),
        (f"Built-Using: thing (= {NEW})", True),
        ("Built-Using: something (= 1)", True),
    ],
)
def test_copy_of_the_older_source_is_rebuilt(
    packages: Packages, field: str, *, holds: bool
) -> None:
    text = status(entry("static", more=f"{field}\n"))
    found = judged(packages.change({}, {}), text, Condition.EMBEDDED)
    assert found.way is (Way.REBASE if holds else Way.REBUILD)
    assert holds or found.words == f"static holds a copy of thing {OLD}"


@pytest.mark.parametrize(
    ("interests", "holds"),
    [
        ("", True),
        ("/usr/share/man man-db/noawait\n", False),
        ("/usr/share/man/man1/a.1 man-db\n", False),
        ("/usr/share/m man-db\n", True),
        ("/usr/share/doc other:amd64\n", True),
        ("/usr/share libc-bin\n", True),
    ],
)
def test_folder_that_another_package_watches_is_rebuilt(
    packages: Packages, interests: str, *, holds: bool
) -> None:
    old: Files = {"usr/share/man/man1/a.1": b"1", "usr/share/doc/a": b"1"}
    change = packages.change(old, {**old, "usr/share/man/man1/a.1": b"2"})
    doc = {"usr/share/doc/a": change.old.tree["usr/share/doc/a"]}  # with its time, too
    change = Change(change.old, replace(change.new, tree={**change.new.tree, **doc}))
    around = Surroundings(others=lambda _: False, interests=interests, configured=frozenset())
    found = judged(change, status(), Condition.TRIGGERS, around)
    assert found.way is (Way.REBASE if holds else Way.REBUILD), found.words


@pytest.mark.parametrize(
    ("above", "holds"),
    [({"etc/a"}, False), ({"etc/new"}, False), ({"etc"}, False), ({"etc/b"}, True)],
)
def test_file_that_configuration_hides_is_rebuilt(
    packages: Packages, above: set[str], *, holds: bool
) -> None:
    change = packages.change({"etc/a": b"1"}, {"etc/a": b"2", "etc/new": b""})
    around = Surroundings(others=lambda _: False, interests="", configured=above)
    found = judged(change, status(), Condition.CONFIGURED, around)
    assert found.way is (Way.REBASE if holds else Way.REBUILD)


def test_hidden_file_that_did_not_change_is_left_alone(packages: Packages) -> None:
    inside = packages.inside({"etc/a": b"1"})
    around = Surroundings(others=lambda _: False, interests="", configured={"etc/a"})
    assert judged(Change(inside, inside), status(), Condition.CONFIGURED, around).holds


def test_relations_are_written_as_dpkg_writes_them() -> None:
    read = parse_relations("a(>=1),b | c:any (<< 2) ,\n d (= 3)")
    assert write_relations(read) == "a (>= 1), b | c:any (<< 2), d (= 3)"


@pytest.mark.parametrize("text", ["a (", "a (~ 1)", "a b", "(>= 1)", "a | ", "a [amd64]"])
def test_what_dpkg_does_not_understand_is_refused(text: str) -> None:
    with pytest.raises(VerificationError):
        parse_relations(text)
