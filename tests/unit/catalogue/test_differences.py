"""What differs between two versions is told of packages, layers, settings and files."""

from dataclasses import replace

import pytest
from trees import file
from versions import layer

from herdbook.catalogue.components import Component, Ecosystem, LayerBill, Origin
from herdbook.catalogue.differences import (
    PackageChange,
    SettingChange,
    bill_changes,
    layer_changes,
    package_changes,
    setting_changes,
    settings_of,
)
from herdbook.catalogue.file_differences import Counted, FileChangeKind, counted, file_changes
from herdbook.images.documents import Process
from herdbook.layers.tree import Entry, Kind, tree_of


def deb(name: str, version: str) -> Component:
    return Component(Ecosystem.DEBIAN, name, version, suite="bookworm")


def npm(name: str, version: str) -> Component:
    return Component(Ecosystem.NODE, name, version)


def test_packages_are_added_removed_or_changed_each_in_its_ecosystem() -> None:
    before = [deb("openssl", "1"), deb("perl", "5"), deb("six", "1"), npm("ms", "2.0.0")]
    after = [deb("openssl", "2"), deb("six", "1"), npm("six", "1"), npm("ms", "2.0.0")]
    changes = package_changes(before, after)
    assert [(each.ecosystem.value, each.name, each.kind) for each in changes] == [
        ("deb", "openssl", "changed"),
        ("deb", "perl", "removed"),
        ("npm", "six", "added"),
    ]


def test_a_package_in_several_versions_changes_as_a_whole() -> None:
    before = [npm("ms", "2.0.0"), npm("ms", "2.1.3")]
    assert package_changes(before, [npm("ms", "2.1.3")]) == (
        PackageChange(Ecosystem.NODE, "ms", ("2.0.0", "2.1.3"), ("2.1.3",)),
    )
    assert package_changes(before, reversed(before)) == ()


def test_a_layer_that_was_not_scanned_is_never_no_change() -> None:
    base, old, new = layer("base"), layer("old"), layer("new")
    bills = [
        LayerBill(base.digest, (deb("libc6", "2"),), Origin.DECLARED),
        LayerBill(old.digest, (), Origin.SCANNED),
        LayerBill(new.digest, (), Origin.NOT_SCANNED),
    ]
    found = bill_changes([base, old], [base, new], bills)
    assert (found.changes, found.not_scanned_before, found.not_scanned_after) == ((), (), (new,))
    assert not found.complete
    assert not bill_changes([old], [base], []).complete  # nor one without any bill


def test_a_layer_of_both_sides_is_the_same_whatever_it_holds() -> None:
    base, new = layer("base"), layer("new")
    bills = [LayerBill(new.digest, (deb("file", "1"),), Origin.DECLARED)]
    found = bill_changes([base], [base, new], bills)
    assert found.complete
    assert [each.name for each in found.changes] == ["file"]


def test_layers_are_kept_by_digest_and_what_is_pulled_is_counted_once() -> None:
    kept, gone, come = layer("kept", 100), layer("gone", 7), layer("come", 30)
    titled = replace(kept, title="another title")
    found = layer_changes([kept, gone], [titled, come, come])
    assert (found.kept, found.removed, found.added) == ((titled,), (gone,), (come, come))
    assert found.pulled_bytes == 30


def test_settings_of_a_container_differ_by_name() -> None:
    before = Process(command=("a", "b"), environment={"X": "1", "Y": "1"}, ports=(80,))
    after = Process(command=("a", "c"), environment={"X": "2", "Z": "1"}, ports=(80,), user_id=5)
    assert setting_changes(settings_of(before), settings_of(after)) == (
        SettingChange("command", ["a", "b"], ["a", "c"]),
        SettingChange("environment X", "1", "2"),
        SettingChange("environment Y", "1", None),
        SettingChange("user", "0:0", "5:0"),
        SettingChange("environment Z", None, "1"),
    )


def test_settings_of_a_machine_are_its_numbers_ports_and_health() -> None:
    before = settings_of(Process(ports=(80,)), {"memory_bytes": 1, "cpus": 1, "disk_bytes": 0})
    after = settings_of(Process(ports=(80,)), {"memory_bytes": 1, "cpus": 2, "disk_bytes": 0})
    assert set(before) == {"memory_bytes", "cpus", "disk_bytes", "ports", "health"}
    assert setting_changes(before, after) == (SettingChange("cpus", 1, 2),)


CASES = [
    (None, file("a"), FileChangeKind.ADDED),
    (file("a"), None, FileChangeKind.REMOVED),
    (file("a"), file("a", b"two\n"), FileChangeKind.CHANGED),
    (file("a"), Entry("a", Kind.SYMLINK, target="b"), FileChangeKind.CHANGED),
    (file("a"), file("a", mode=0o755), FileChangeKind.MODE),
    (file("a"), file("a", uid=3), FileChangeKind.MODE),
    (file("a"), file("a", mode=0o755, mtime=9), FileChangeKind.MODE),
    (file("a"), file("a", mtime=9), FileChangeKind.TIME),
]


@pytest.mark.parametrize(("before", "after", "kind"), CASES)
def test_a_path_differs_in_content_mode_or_time(
    before: Entry | None, after: Entry | None, kind: FileChangeKind
) -> None:
    old, new = ([("files", tree_of([each] if each else []))] for each in (before, after))
    (change,) = file_changes(old, new)
    assert (change.kind, change.path, change.layer) == (kind, "a", "files")


def test_a_further_name_of_a_file_is_that_file() -> None:
    linked = tree_of([file("a"), Entry("b", Kind.HARDLINK, target="a")])
    copied = tree_of([file("a"), file("b")])
    assert file_changes([("x", linked)], [("x", copied)]) == ()


def test_stacks_are_compared_not_layers_and_the_uppermost_layer_comes_first() -> None:
    base = tree_of([file("a"), file("b"), file("z")])
    before = [("base", base), ("files", tree_of([file("z", b"two\n")]))]
    after = [
        ("base", tree_of([file("a"), file("z"), file("new")])),
        ("files", tree_of([file("z", b"")])),
    ]
    changes = file_changes(before, after)
    assert [(each.path, each.kind.value, each.layer) for each in changes] == [
        ("z", "changed", "files"),
        ("b", "removed", "base"),
        ("new", "added", "base"),
    ]
    assert counted(changes) == {
        FileChangeKind.ADDED: Counted(1, 3),
        FileChangeKind.REMOVED: Counted(1, -3),
        FileChangeKind.CHANGED: Counted(1, -4),
        FileChangeKind.MODE: Counted(0, 0),
        FileChangeKind.TIME: Counted(0, 0),
    }
