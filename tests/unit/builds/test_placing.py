"""Sources land where a person looking at the image would expect them, and nowhere else."""

from pathlib import Path
from typing import Any

import pytest
from trees import file, folder, link, tree

from herdbook.builds.accounts import ROOT, Account
from herdbook.builds.placing import layer_tree, resolve
from herdbook.builds.sources import Source
from herdbook.core.digests import EMPTY
from herdbook.core.errors import InvalidInputError
from herdbook.layers.stacking import stack
from herdbook.layers.tree import Entry, Kind, Tree

BASE = tree(
    folder("usr/bin"),
    file("usr/bin/sh", mode=0o755),
    link("bin", "usr/bin"),
    file("etc/passwd"),
    folder("var/www", 0o711),
    link("srv", "/var/www"),
    link("etc/localtime", "/usr/share/zoneinfo/UTC"),
    file("var/lib/dpkg/status"),
    link("db", "var/lib/dpkg"),
)
WEB = Account("web", 10_000, 10_001)


def source(target: str, kind: Kind = Kind.FILE, **more: Any) -> Source:
    digest = EMPTY if kind is Kind.FILE else None
    fields: dict[str, Any] = {"owner": "root", "mode": 0o644, "digest": digest, **more}
    return Source(Path("unread"), target, kind=kind, **fields)


def placed(*sources: Source, root: Tree = BASE, account: Account = ROOT) -> dict[str, Entry]:
    return layer_tree(sorted(sources, key=lambda each: each.target), root, account, 1000)


def refused(*sources: Source) -> str:
    with pytest.raises(InvalidInputError) as caught:
        placed(*sources)
    return caught.value.message


def test_a_file_lands_with_the_folders_above_it() -> None:
    assert placed(source("opt/a/file", mode=0o600)) == tree(
        Entry("opt/a/file", Kind.FILE, 0o600, mtime=1000, digest=EMPTY)
    )


def test_folders_that_are_there_already_stay_as_they_are() -> None:
    found = placed(source("var/www", Kind.DIRECTORY, mode=0o755), source("var/www/file"))
    assert found["var/www"] == folder("var/www", 0o711)


def test_the_recipes_user_owns_what_it_is_given() -> None:
    found = placed(source("opt/own", owner="web"), source("opt/other"), account=WEB)
    assert (found["opt/own"].uid, found["opt/own"].gid) == (10_000, 10_001)
    assert (found["opt/other"].uid, found["opt"].uid) == (0, 0)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("bin/tool", "usr/bin/tool"),
        ("srv/site/index", "var/www/site/index"),
        ("etc/localtime", "etc/localtime"),
    ],
)
def test_links_of_the_image_are_followed_on_the_way_but_not_at_the_end(
    target: str, path: str
) -> None:
    found = placed(source(target))
    assert found[path].kind is Kind.FILE
    assert stack([BASE, found])["bin"] == BASE["bin"]


def test_a_folder_put_on_a_link_goes_where_that_leads() -> None:
    found = placed(source("srv", Kind.DIRECTORY, mode=0o755), source("srv/file"))
    assert set(found) == {"var", "var/www", "var/www/file"}


@pytest.mark.parametrize("target", ["bin/evil/file", "usr/bin/evil/file", "usr/bin/evil/a/b"])
@pytest.mark.parametrize("way", ["bin/evil", "usr/bin/evil"])
def test_nothing_is_written_through_a_link_of_the_same_step(way: str, target: str) -> None:
    evil = source(way, Kind.SYMLINK, mode=0o777, link="../../etc")
    assert "link" in refused(evil, source(target))


@pytest.mark.parametrize("target", ["etc/passwd/file", "etc/passwd/a/b", "usr/bin/sh/x"])
def test_nothing_is_written_below_a_file_of_the_image(target: str) -> None:
    assert "no folder" in refused(source(target))


def test_nothing_is_written_below_a_file_of_the_same_step() -> None:
    assert "no folder" in refused(source("opt/a"), source("opt/a/b"))


@pytest.mark.parametrize("target", ["usr", "usr/bin", "bin", "srv", "var/lib", "var/lib/dpkg"])
@pytest.mark.parametrize("kind", [Kind.FILE, Kind.SYMLINK])
def test_no_file_takes_the_place_of_a_folder(target: str, kind: Kind) -> None:
    refused(source(target, kind))


@pytest.mark.parametrize(
    "target", ["var/lib/dpkg/status", "db/status", "db/info/x.list", "var/lib/dpkg/new"]
)
def test_the_database_of_dpkg_is_not_written_to(target: str) -> None:
    assert "dpkg" in refused(source(target))
    assert "dpkg" in refused(source(target, Kind.DIRECTORY))


def test_every_layer_stacks_to_a_tree_a_file_system_can_hold() -> None:
    shown = stack([BASE, placed(source("bin/new"), source("opt/x", Kind.DIRECTORY, mode=0o755))])
    assert shown["usr/bin/new"].kind is Kind.FILE
    assert shown["usr/bin/sh"] == BASE["usr/bin/sh"]


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("bin/sh", "usr/bin/sh"),
        ("srv", "var/www"),
        ("srv/../lib", "var/lib"),
        ("../../etc/passwd", "etc/passwd"),
        ("usr/./bin//sh", "usr/bin/sh"),
        ("", ""),
        ("..", ""),
        ("absent/../x", "x"),
    ],
)
def test_paths_are_resolved_inside_the_image_only(path: str, real: str) -> None:
    assert resolve(BASE, path) == real


def test_links_out_of_the_image_stay_inside() -> None:
    assert resolve(tree(link("out", "../../../etc")), "out/passwd") == "etc/passwd"


def test_links_in_a_circle_are_told() -> None:
    round_trip = tree(link("a", "b"), link("b", "a"), link("self", "self/x"))
    for path in ("a", "b/x", "self"):
        with pytest.raises(InvalidInputError, match="circle"):
            resolve(round_trip, path)
