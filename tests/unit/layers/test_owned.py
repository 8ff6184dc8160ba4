"""A package owns what dpkg unpacks of it, and what dpkg itself keeps about it."""

import os
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from debs import ar_archive, build_deb, pack

from herdbook.core.errors import VerificationError
from herdbook.layers.owned import DPKG_INFO, OwnedFiles, merged_path, owned_by
from herdbook.layers.tree import Entry, Kind

FILES: dict[str, bytes | str] = {
    "bin/hello": b"#!/bin/sh\necho hello\n",
    "lib/hello/data": b"data" * 1000,
    "usr/share/doc/hello/changelog": b"news\n",
    "usr/share/hello/ä b": b"odd name\n",
    "usr/share/empty/": b"",
    "etc/hello.conf": b"greeting=hello\n",
    "etc/alias": "hello.conf",
    "DEBIAN/conffiles": b"/etc/hello.conf\n",
    "DEBIAN/postinst": b"#!/bin/sh\nexit 0\n",
    "DEBIAN/md5sums": b"0" * 32 + b"  etc/hello.conf\n",
    "DEBIAN/triggers": b"activate-noawait ldconfig\n",
}


def owned(tmp_path: Path, *debs: Path) -> OwnedFiles:
    spools = tmp_path / "spools"
    spools.mkdir(exist_ok=True)
    return owned_by(debs, spools)


def content(found: OwnedFiles, path: str) -> bytes:
    with found.open(found.tree[path]) as stream:
        return stream.read()


@pytest.fixture
def dpkg_root(tmp_path: Path) -> Path:
    """Return an empty root with a database, merged as Debian's are."""
    root = tmp_path / "root"
    for folder in ("usr/bin", "usr/lib", "usr/sbin", "var/lib/dpkg/info", "var/lib/dpkg/updates"):
        (root / folder).mkdir(parents=True)
    for name in ("bin", "lib", "sbin"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "var/lib/dpkg/status").touch()
    return root


def unpack(root: Path, *debs: Path) -> None:
    command = ["dpkg", f"--root={root}", "--log=/dev/null", "--force-depends", "--unpack"]
    done = subprocess.run([*command, *map(str, debs)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def info_of(root: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.name: (path.read_bytes(), path.stat().st_mode & 0o7777)
        for path in (root / DPKG_INFO).iterdir()
        if path.name != "format"
    }


@pytest.mark.root
@pytest.mark.parametrize("compression", ["xz", "zstd", "gzip"])
@pytest.mark.parametrize(
    ("architecture", "more"), [("all", ""), ("amd64", "Multi-Arch: same\n"), ("amd64", "")]
)
def test_dpkg_keeps_the_same_about_a_package_when_it_unpacks_it(
    dpkg_root: Path, tmp_path: Path, compression: str, architecture: str, more: str
) -> None:
    deb = build_deb(
        tmp_path, "hello", FILES, architecture=architecture, more=more, compression=compression
    )
    unpack(dpkg_root, deb)
    found = owned(tmp_path, deb)
    ours = {
        path.rpartition("/")[2]: (content(found, path), entry.mode)
        for path, entry in found.tree.items()
        if path.startswith(f"{DPKG_INFO}/")
    }
    assert ours == info_of(dpkg_root)


@pytest.mark.root
def test_dpkg_unpacks_the_same_files_in_a_merged_root(dpkg_root: Path, tmp_path: Path) -> None:
    from herdbook.layers.scanning import scan

    deb = build_deb(tmp_path, "hello", FILES)
    unpack(dpkg_root, deb)
    found = owned(tmp_path, deb).tree
    unpacked = scan(dpkg_root)
    for path, entry in found.items():
        name = f"{path}.dpkg-new" if path == "etc/hello.conf" else path
        there = unpacked[name]
        assert (entry.kind, entry.mode, entry.digest) == (there.kind, there.mode, there.digest)
        assert (entry.uid, entry.gid, entry.target) == (there.uid, there.gid, there.target)


def test_contents_are_the_packages_own(tmp_path: Path) -> None:
    found = owned(tmp_path, build_deb(tmp_path, "hello", FILES))
    assert content(found, "usr/bin/hello") == FILES["bin/hello"]
    assert content(found, "usr/lib/hello/data") == FILES["lib/hello/data"]
    assert content(found, f"{DPKG_INFO}/hello.postinst") == FILES["DEBIAN/postinst"]
    with found.open(found.tree["usr/lib/hello/data"]) as stream:
        assert (stream.read(3), len(stream.read(-1)), stream.read()) == (b"dat", 3997, b"")


def test_what_a_package_ships_in_bin_and_lib_lies_in_usr(tmp_path: Path) -> None:
    found = owned(tmp_path, build_deb(tmp_path, "hello", FILES)).tree
    assert {"usr/bin/hello", "usr/lib/hello"} <= set(found)
    assert not {"bin", "lib"} & set(found)
    assert found["usr"] == found["usr/lib"].__class__("usr", Kind.DIRECTORY, mode=0o755)


@pytest.mark.parametrize(
    ("path", "merged"),
    [
        ("bin", "usr/bin"),
        ("lib64/ld.so", "usr/lib64/ld.so"),
        ("sbin/x", "usr/sbin/x"),
        ("library/x", "library/x"),
        ("opt/bin/x", "opt/bin/x"),
        ("usr/bin/x", "usr/bin/x"),
    ],
)
def test_only_the_top_folders_are_merged(path: str, merged: str) -> None:
    assert merged_path(path) == merged


def test_links_that_merge_folders_stay_links(tmp_path: Path) -> None:
    deb = build_deb(tmp_path, "base-files", {"bin": "usr/bin", "usr/bin/x": b"x"})
    assert owned(tmp_path, deb).tree["bin"].target == "usr/bin"


def test_the_first_name_of_a_file_is_the_file_whatever_the_packager_did(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "lib").mkdir()
    (tree / "lib" / "b").write_bytes(b"shared")
    for name in ("c", "a"):
        os.link(tree / "lib" / "b", tree / "lib" / name)
    (tree / "DEBIAN" / "control").write_text(
        "Package: links\nVersion: 1\nArchitecture: all\nMaintainer: x\nDescription: x\n"
    )
    deb = tmp_path / "links.deb"
    pack(tree, deb)
    found = owned(tmp_path, deb)
    kinds = {
        path: (entry.kind, entry.target) for path, entry in found.tree.items() if "lib/" in path
    }
    assert kinds["usr/lib/a"] == (Kind.FILE, "")
    assert kinds["usr/lib/b"] == kinds["usr/lib/c"] == (Kind.HARDLINK, "usr/lib/a")
    assert content(found, "usr/lib/a") == b"shared"


def test_packages_of_a_group_share_folders_and_the_first_by_name_decides(tmp_path: Path) -> None:
    one = build_deb(tmp_path, "aa", {"srv/one": b"1"})
    two = build_deb(tmp_path, "bb", {"srv/two": b"2"})
    (tmp_path / "tree-of-bb-1.0" / "srv").chmod(0o700)
    pack(tmp_path / "tree-of-bb-1.0", two)
    for debs in ((one, two), (two, one)):
        found = owned(tmp_path, *debs)
        assert found.tree["srv"].mode == 0o755
        assert content(found, "srv/one") + content(found, "srv/two") == b"12"
    assert owned(tmp_path, two).tree["srv"].mode == 0o700


def test_files_of_the_database_have_the_times_of_their_members(tmp_path: Path) -> None:
    """dpkg keeps them; the list, which it writes itself, has the control file's."""
    deb = build_deb(tmp_path, "hello", FILES)
    tree = tmp_path / "tree-of-hello-1.0"
    os.utime(tree / "DEBIAN/control", (20, 20))
    os.utime(tree / "DEBIAN/postinst", (10, 10))
    pack(tree, deb)
    found = owned(tmp_path, deb).tree
    assert found[f"{DPKG_INFO}/hello.postinst"].mtime == 10
    assert found[f"{DPKG_INFO}/hello.list"].mtime == 20


def test_a_package_gives_the_same_tree_every_time(tmp_path: Path) -> None:
    deb = build_deb(tmp_path, "hello", FILES)
    assert owned(tmp_path, deb).tree == owned(tmp_path, deb).tree


def broken_deb(tmp_path: Path, *members: tarfile.TarInfo) -> Path:
    control = BytesIO()
    with tarfile.open(fileobj=control, mode="w") as archive:
        text = b"Package: x\nVersion: 1\nArchitecture: all\n"
        member = tarfile.TarInfo("./control")
        member.size = len(text)
        archive.addfile(member, BytesIO(text))
    data = BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for member in members:
            archive.addfile(member)
    path = tmp_path / "x.deb"
    members_of = {"control.tar": control.getvalue(), "data.tar": data.getvalue()}
    path.write_bytes(ar_archive(members_of))
    return path


def test_a_hardlink_to_nothing_is_refused(tmp_path: Path) -> None:
    member = tarfile.TarInfo("./usr/a")
    member.type, member.linkname = tarfile.LNKTYPE, "./usr/absent"
    with pytest.raises(VerificationError, match="usr/absent"):
        owned(tmp_path, broken_deb(tmp_path, member))


def test_a_package_without_files_owns_its_place_in_the_database(tmp_path: Path) -> None:
    found = owned(tmp_path, broken_deb(tmp_path))
    assert content(found, f"{DPKG_INFO}/x.list") == b"/.\n"
    assert all(isinstance(entry, Entry) for entry in found.tree.values())
