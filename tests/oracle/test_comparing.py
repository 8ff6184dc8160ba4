"""An oracle that misses a difference, or explains too many, says nothing."""

from dataclasses import replace
from pathlib import Path

import normalising
import pytest
from comparing import Aspect, Finding, compare
from explained import explain
from roots import Root
from rules import Case
from trees import file, folder, link, tree

from herdbook.core import digests
from herdbook.layers.tree import Entry

SUDO = file("usr/bin/sudo", mtime=5)
PASSWD = b"root:x:0:0:root:/root:/bin/sh\nredis:x:100:101::/var/lib/redis:/bin/false\n"
OTHER_PASSWD = b"root:x:0:0:root:/root:/bin/sh\nredis:x:107:108::/var/lib/redis:/bin/false\n"
EPOCH = 1_754_697_600


def root(place: Path, *entries: Entry, passwd: bytes = PASSWD, redis: int = 101) -> Root:
    """A root of these entries, with its accounts as files."""
    for name, content in {
        "etc/passwd": passwd,
        "etc/group": f"root:x:0:\nredis:x:{redis}:\n".encode(),
        "var/lib/dpkg/info/sudo.list": b"/.\n/bin/sudo\n",
        "var/lib/dpkg/diversions": b"",
    }.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return Root(tree(*entries), place)


@pytest.mark.parametrize(
    ("changed", "aspect"),
    [
        (replace(SUDO, mode=0o4755), Aspect.MODE),
        (replace(SUDO, uid=100), Aspect.OWNER),
        (replace(SUDO, gid=101), Aspect.OWNER),
        (replace(SUDO, mtime=6), Aspect.TIME),
        (replace(SUDO, digest=digests.of_bytes(b"other")), Aspect.CONTENT),
        (replace(SUDO, xattrs=(("security.capability", b"x"),)), Aspect.CAPABILITIES),
        (link("usr/bin/sudo", "doas"), Aspect.KIND),
        (folder("usr/bin/sudo"), Aspect.KIND),
    ],
)
def test_every_aspect_is_compared_and_none_goes_unexplained(
    tmp_path: Path, changed: Entry, aspect: Aspect
) -> None:
    ours, theirs = root(tmp_path / "ours", changed), root(tmp_path / "theirs", SUDO)
    (found,) = compare(ours, theirs)
    assert (found.path, found.aspect) == ("usr/bin/sudo", aspect)
    assert explain(Case(found, ours, theirs, EPOCH)) is None


def test_what_one_side_lacks_is_found(tmp_path: Path) -> None:
    one = root(tmp_path / "one", file("init"), link("lib", "usr/lib"))
    other = root(tmp_path / "other", link("lib", "usr/lib64"))
    target = Finding("lib", Aspect.TARGET, "usr/lib", "usr/lib64")
    assert list(compare(one, other)) == [Finding("init", Aspect.EXTRA), target]
    assert Finding("init", Aspect.MISSING) in compare(other, one)


def test_owners_are_compared_by_name(tmp_path: Path) -> None:
    owned = file("var/lib/redis")
    ours = root(tmp_path / "ours", replace(owned, uid=100, gid=101))
    theirs = root(
        tmp_path / "theirs", replace(owned, uid=107, gid=108), passwd=OTHER_PASSWD, redis=108
    )
    assert list(compare(ours, theirs)) == []


def test_a_time_is_the_builds_only_where_no_package_put_the_file(tmp_path: Path) -> None:
    made = file("etc/made")
    ours = root(tmp_path / "ours", replace(SUDO, mtime=EPOCH), replace(made, mtime=EPOCH))
    theirs = root(tmp_path / "theirs", SUDO, replace(made, mtime=7))
    explained = {
        each.path: explain(Case(each, ours, theirs, EPOCH)) for each in compare(ours, theirs)
    }
    assert explained["etc/made"] is not None
    assert explained["usr/bin/sudo"] is None


def test_ids_are_all_that_accounts_may_differ_in(tmp_path: Path) -> None:
    one = root(tmp_path / "one")
    other = root(tmp_path / "other", passwd=OTHER_PASSWD, redis=108)
    same = normalising.users(OTHER_PASSWD, other)
    assert normalising.users(PASSWD, one) == same
    for wrong in (b"/bin/false:/bin/sh", b"107:0", b"redis:rodis"):
        before, after = wrong.split(b":")
        changed = OTHER_PASSWD.replace(before, after)
        assert normalising.users(changed, other) != same
