"""The entry that is written anew is, byte for byte, the one that the real dpkg writes."""

import subprocess
from pathlib import Path

import pytest
from debs import build_deb
from insides import NEW, OLD

from herdbook.campaigns.closure import Change
from herdbook.campaigns.database_entry import patched_status
from herdbook.campaigns.inside import read_inside
from herdbook.core.errors import VerificationError

AWKWARD = (
    "Source: things ({version})\n"
    "Installed-Size: 12\n"
    "Depends: a(>=1),b|c:any (<< 2),\n  d (= {version})\n"
    "Pre-Depends:  e\n"
    "Breaks: f (<<1) ,g\n"
    "Provides: virtual (= {version})\n"
    "Recommends: h\nSuggests: i\nEnhances: j\nConflicts: k\nReplaces: l\n"
    "Section: libs\nPriority: optional\nMulti-Arch: same\n"
    "Homepage: https://example.org/\n"
    "Built-Using: x (= 1),   y (= 2)\n"
    "Ruby-Versions: all\n"
)


def made(folder: Path, name: str, version: str, more: str = "", conf: bytes = b"1") -> Path:
    folder = folder / f"{name}-{version}"
    folder.mkdir(parents=True)
    return build_deb(
        folder,
        name,
        {"etc/" + name: conf, "DEBIAN/conffiles": f"/etc/{name}\n".encode()},
        version=version,
        architecture="amd64",
        more=more.replace("{version}", version),
    )


def dpkg_status(root: Path, *debs: Path) -> str:
    database = root / "var/lib/dpkg"
    for folder in ("info", "updates", "triggers"):
        (database / folder).mkdir(parents=True)
    (database / "status").touch()
    for deb in debs:
        subprocess.run(
            ["dpkg", f"--root={root}", "--force-all", "--no-triggers", "--install", deb],
            check=True,
            capture_output=True,
        )
    return (database / "status").read_text()


def change(old: Path, new: Path) -> Change:
    return Change(read_inside(old), read_inside(new))


@pytest.mark.root
@pytest.mark.parametrize(
    "more",
    ["", "Depends: a\n", "Essential: no\nMulti-Arch: no\n", AWKWARD],
    ids=["plain", "needing", "unsaid", "awkward"],
)
def test_entry_is_the_one_that_dpkg_writes(tmp_path: Path, more: str) -> None:
    first, last = (made(tmp_path, name, "1") for name in ("another", "yonder"))
    old, new = (made(tmp_path, "thing", version, more) for version in (OLD, NEW))
    before = dpkg_status(tmp_path / "before", first, old, last)
    after = dpkg_status(tmp_path / "after", first, new, last)
    assert before != after
    assert patched_status(before, [change(old, new)]) == after


@pytest.mark.root
def test_several_entries_are_written_at_once(tmp_path: Path) -> None:
    debs = {
        (name, version): made(tmp_path, name, version, "Depends: thing (= {version})\n")
        for name in ("thing", "thing-data")
        for version in (OLD, NEW)
    }
    before = dpkg_status(tmp_path / "a", debs["thing", OLD], debs["thing-data", OLD])
    after = dpkg_status(tmp_path / "b", debs["thing", NEW], debs["thing-data", NEW])
    changes = [change(debs[name, OLD], debs[name, NEW]) for name in ("thing", "thing-data")]
    assert patched_status(before, changes) == after


ENTRY = f"""\
Package: thing
Status: install ok installed
Maintainer: Somebody <somebody@example.org>
Architecture: amd64
Version: {OLD}
Conffiles:
 /etc/thing c4ca4238a0b923820dcc509a6f75849b
Description: made by a test

"""


def test_what_dpkg_itself_says_stays(tmp_path: Path) -> None:
    patch = change(made(tmp_path, "thing", OLD), made(tmp_path, "thing", NEW))
    assert patched_status(ENTRY, [patch]) == ENTRY.replace(OLD, NEW)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (ENTRY.replace("Package: thing", "Package: other"), "has no thing"),
        (ENTRY.replace("amd64", "i386"), "has no thing"),
        (ENTRY.replace(f"Version: {OLD}", "Version: 3"), "has a Version"),
        (ENTRY.replace("Version", "Triggers-Awaited: a\nVersion"), "has a Triggers-Awaited"),
        (ENTRY.replace("Maintainer", "Origin"), "lacks"),
    ],
)
def test_field_that_nobody_can_explain_is_refused(tmp_path: Path, wrong: str, words: str) -> None:
    patch = change(made(tmp_path, "thing", OLD), made(tmp_path, "thing", NEW))
    with pytest.raises(VerificationError, match=words):
        patched_status(wrong, [patch])


@pytest.mark.parametrize("more", ["Depends: a\n", "Priority: Odd\n", "Multi-Arch: same\n"])
def test_field_or_value_that_dpkg_may_write_differently_is_refused(
    tmp_path: Path, more: str
) -> None:
    patch = change(made(tmp_path, "thing", OLD), made(tmp_path, "thing", NEW, more))
    with pytest.raises(VerificationError):
        patched_status(ENTRY, [patch])


@pytest.mark.parametrize(
    ("asked", "plain"),
    [
        ("a (>= 1:2-3)", True),
        ("a:any | b (<< 2~)", True),
        ("a (>= 0:1)", False),
        ("a (>= 01:1)", False),
        ("b, a (= 1:2:3)", False),
        ("A", False),
    ],
)
def test_relation_must_look_as_dpkg_writes_it(tmp_path: Path, asked: str, *, plain: bool) -> None:
    entry = ENTRY.replace("Version", "Depends: a\nVersion")
    old, new = (
        made(tmp_path, "thing", OLD, "Depends: a\n"),
        made(tmp_path, "thing", NEW, f"Depends: {asked}\n"),
    )
    if plain:
        assert f"Depends: {asked}\n" in patched_status(entry, [change(old, new)])
    else:
        with pytest.raises(VerificationError, match="Nobody can tell"):
            patched_status(entry, [change(old, new)])
