"""What configuration made of a root is split by what it is, and stacks up to the root again."""

from dataclasses import replace

from hypothesis import given, settings
from trees import file, folder, link, tree, trees

from herdbook.layers.factoring import canonical, factor, with_new_folders, with_parents
from herdbook.layers.stacking import differences, stack
from herdbook.layers.tree import Entry, Kind, Tree

MOMENT = 1_686_355_200


def test_each_part_holds_what_it_is_named_for() -> None:
    packages = tree(file("usr/lib/python3/x.py", mtime=5))
    scanned = tree(
        file("usr/lib/python3/x.py", mtime=5),
        file("usr/lib/python3/__pycache__/x.cpython-311.pyc"),
        file("etc/passwd"),
        file("var/lib/dpkg/status"),
        file("var/cache/debconf/config.dat"),
        file("var/lib/apt/extended_states"),
    )
    found = factor(scanned, packages, MOMENT)
    assert [path for path in found.bytecode if "py" in path.rpartition("/")[2]] == [
        "usr/lib/python3",
        "usr/lib/python3/__pycache__",
        "usr/lib/python3/__pycache__/x.cpython-311.pyc",
    ]
    assert {path for path in found.config if found.config[path].kind is Kind.FILE} == {
        "etc/passwd",
        "var/cache/debconf/config.dat",
    }
    assert {path for path in found.database if found.database[path].kind is Kind.FILE} == {
        "var/lib/apt/extended_states",
        "var/lib/dpkg/status",
    }


@settings(deadline=None)
@given(trees(), trees())
def test_the_parts_stack_up_to_the_root(packages: Tree, scanned: Tree) -> None:
    found = factor(scanned, packages, MOMENT)
    layers = [packages, found.bytecode, found.config, found.database]
    assert list(differences(found.root, stack(layers))) == []


@settings(deadline=None)
@given(trees(), trees())
def test_times_say_nothing_about_the_moment_of_the_build(lower: Tree, scanned: Tree) -> None:
    found = canonical(scanned, lower, MOMENT)
    for path, entry in found.items():
        assert replace(entry, mtime=0) == replace(scanned[path], mtime=0)
        if entry.kind is Kind.DIRECTORY:
            assert entry == scanned[path]
        else:
            below = lower.get(path)
            wanted = below.mtime if below and same_content(below, entry) else MOMENT
            assert entry.mtime == wanted


def same_content(one: Entry, other: Entry) -> bool:
    changed = replace(one, mode=other.mode, uid=other.uid, gid=other.gid, xattrs=other.xattrs)
    return replace(changed, mtime=other.mtime) == other


def test_a_file_whose_owner_or_mode_a_script_changes_keeps_its_packages_time() -> None:
    """As chown and chmod do: dpkg gave it that time."""
    packages = tree(file("usr/bin/sudo", mtime=5))
    scanned = tree(replace(file("usr/bin/sudo", mtime=7), mode=0o4755, gid=20))
    found = factor(scanned, packages, MOMENT)
    assert found.config["usr/bin/sudo"] == replace(scanned["usr/bin/sudo"], mtime=5)


def test_a_layer_brings_the_folders_above_its_files_as_the_root_has_them() -> None:
    root = tree(folder("srv", 0o700), file("srv/web/index"))
    assert with_parents([file("srv/web/index")], root) == {
        "srv": folder("srv", 0o700),
        "srv/web": folder("srv/web"),
        "srv/web/index": file("srv/web/index"),
    }


def test_folders_that_a_root_lacks_are_roots_own() -> None:
    found = with_new_folders([file("srv/web/index")], tree(link("etc", "x")))
    assert found["srv"] == Entry("srv", Kind.DIRECTORY, mode=0o755)
    assert set(found) == {"etc", "srv", "srv/web"}
