"""A script is trusted only where every line is known to be indifferent to what files hold."""

from pathlib import Path

import pytest
from insides import Packages, said

from herdbook.campaigns.conditions import Condition, Way

INERT = [
    'dpkg-maintscript-helper rm_conffile /etc/a 1:1.8.0-1\\~ thing -- "$@"',
    'case "$1" in\n  install|upgrade)\n  ;;\n  *)\n  exit 1\n  ;;\nesac',
    "update-alternatives --install /usr/bin/js js /usr/bin/nodejs 200 \\\n --slave /a a /b",
    'if [ "$1" = "configure" ] || [ "$1" = "abort-upgrade" ] ; then\n\t:\nfi',
    'if [ -n "$2" ] && dpkg --compare-versions "$2" le "1.7.4p4-4"; then\nexit 0\nfi',
    "ldconfig",
    "echo Linking /usr/lib/ssl to /etc/ssl",
    "ln -sf /etc/ssl /usr/lib/ssl",
    "if [ -d /run/systemd/system ]; then\nsystemctl --system daemon-reload >/dev/null || true\nfi",
    "deb-systemd-helper unmask 'thing.service' >/dev/null || true",
    'systemd-tmpfiles ${DPKG_ROOT:+--root="$DPKG_ROOT"} --create thing.conf >/dev/null || true',
    "adduser --system --quiet thing || true",
    'if [ -x "$DPKG_ROOT/a" ] && [ -x ${DPKG_ROOT:-}/a ] || [ -n "" ]; then\nexit 0\nfi',
    'echo "postinst called with unknown argument \\`$1\'" >&2',
    "echo 'Be quick (or not); now!' Why not?",
    "# a comment with $(anything) \\",
    "exit 0 # and why",
]

UNKNOWN = [
    "cp /usr/share/thing/default /etc/thing",
    "update-mime",
    "thing --init",
    "echo `cat /usr/share/thing/a`",
    'echo "$(cat /usr/share/thing/a)"',
    "echo a > /etc/b",
    "update-alternatives --install $(cat /usr/share/thing/a)",
    ". /usr/share/thing/functions",
    "# a comment does not go on \\\nupdate-mime",
    "ldconfig; update-mime",
    "ldconfig && update-mime",
    "ldconfig # why \\\nupdate-mime",
    "cat <<EOF\nldconfig\nEOF",
    "ldconfig() {\nupdate-mime\n}",
    "rm -f /usr/share/*",
    "adduser thing",
    "if [ -s /usr/share/thing/a ]; then\nexit 0\nfi",
    'if dpkg --compare-versions "$2" lt $(cat</usr/share/thing/a); then\nexit 0\nfi',
    'if [ "$(cat /usr/share/thing/a)" = 1 ]; then\nexit 0\nfi',
    "mv /usr/share/thing/a /etc/b",
    "exit 0 \\\n; update-mime",
    "echo a; update-mime",
    "echo a;update-mime",
    "echo don't",
    'echo "`update-mime` $1"',
    f"echo {'word ' * 2000}",
]


@pytest.fixture
def packages(tmp_path: Path) -> Packages:
    return Packages(tmp_path / "packages")


def script(body: str, first: str = "#!/bin/sh") -> bytes:
    return f"{first}\nset -e\n{body}\n".encode()


@pytest.mark.parametrize("body", INERT)
def test_known_lines_are_trusted(packages: Packages, body: str) -> None:
    files: dict[str, bytes | str] = {"DEBIAN/postinst": script(body), "usr/a": b""}
    found = said(packages.change(files, files), Condition.SCRIPTS)
    assert found.holds, found.words


@pytest.mark.parametrize("body", UNKNOWN)
@pytest.mark.parametrize("name", ["preinst", "postinst"])
def test_unknown_line_is_rebuilt(packages: Packages, body: str, name: str) -> None:
    files: dict[str, bytes | str] = {f"DEBIAN/{name}": script(body)}
    found = said(packages.change(files, files), Condition.SCRIPTS)
    assert found.way is Way.REBUILD
    assert found.words.startswith(name)


def test_finding_names_the_line(packages: Packages) -> None:
    files: dict[str, bytes | str] = {"DEBIAN/postinst": script("  update-mime")}
    words = said(packages.change(files, files), Condition.SCRIPTS).words
    assert words == "postinst has a line that nobody knows to be harmless: update-mime"


def test_script_of_another_language_is_rebuilt(packages: Packages) -> None:
    files: dict[str, bytes | str] = {"DEBIAN/postinst": script("", "#!/usr/bin/perl")}
    assert said(packages.change(files, files), Condition.SCRIPTS).way is Way.REBUILD


def test_scripts_must_be_the_same(packages: Packages) -> None:
    one, other = script("ldconfig"), script("ldconfig\nldconfig")
    change = packages.change({"DEBIAN/postinst": one}, {"DEBIAN/postinst": other})
    found = said(change, Condition.SCRIPTS)
    assert (found.way, found.words) == (Way.REBUILD, "another postinst")
    assert said(packages.change({}, {"DEBIAN/postinst": one}), Condition.SCRIPTS).way is Way.REBUILD
    assert said(packages.change({"DEBIAN/postinst": one}, {}), Condition.SCRIPTS).way is Way.REBUILD


def test_what_only_upgrades_and_removals_run_may_change(packages: Packages) -> None:
    change = packages.change(
        {"DEBIAN/prerm": script("one"), "DEBIAN/postrm": script("one")},
        {"DEBIAN/prerm": script("other")},
    )
    assert said(change, Condition.SCRIPTS).holds


def test_questions_must_be_the_same(packages: Packages) -> None:
    one, other = b"Template: a/b\nType: string\n", b"Template: a/c\nType: string\n"
    files: dict[str, bytes | str] = {"DEBIAN/templates": one}
    assert said(packages.change(files, files), Condition.SCRIPTS).holds
    change = packages.change(files, {"DEBIAN/templates": other})
    assert said(change, Condition.SCRIPTS).way is Way.REBUILD


@pytest.mark.parametrize(
    ("line", "path", "changed"),
    [
        ("deb-systemd-helper enable 'a.service'", "lib/systemd/system/a.service", b"[Install]"),
        ("update-rc.d a defaults >/dev/null", "etc/init.d/a", b"# Default-Start: 2"),
        ("systemd-tmpfiles --create a.conf", "usr/lib/tmpfiles.d/a.conf", b"d /var/b"),
    ],
)
def test_helper_that_reads_a_file_needs_it_unchanged(
    packages: Packages, line: str, path: str, changed: bytes
) -> None:
    files: dict[str, bytes | str] = {"DEBIAN/postinst": script(line), path: b"d /var/a"}
    assert said(packages.change(files, files), Condition.SCRIPTS).holds
    found = said(packages.change(files, {**files, path: changed}), Condition.SCRIPTS)
    assert found.way is Way.REBUILD


def test_tmpfiles_that_copy_are_rebuilt(packages: Packages) -> None:
    files: dict[str, bytes | str] = {
        "DEBIAN/postinst": script("systemd-tmpfiles --create a.conf"),
        "usr/lib/tmpfiles.d/a.conf": b"d /var/a\nC /etc/a - - - - /usr/share/a\n",
    }
    assert said(packages.change(files, files), Condition.SCRIPTS).way is Way.REBUILD


def test_test_for_a_file_that_is_new_is_rebuilt(packages: Packages) -> None:
    files: dict[str, bytes | str] = {
        "DEBIAN/postinst": script("if [ -e /usr/share/new ]; then\nln -s /a /b\nfi")
    }
    assert said(packages.change(files, files), Condition.SCRIPTS).holds
    change = packages.change(files, {**files, "usr/share/new": b""})
    assert said(change, Condition.SCRIPTS).way is Way.REBUILD


@pytest.mark.parametrize(
    "test",
    [
        "[ -x /usr/sbin/foo ]",
        "[ -x /sbin/foo ]",
        '[ -x "$DPKG_ROOT/sbin/foo" ]',
        "[ -x ${DPKG_ROOT:-}/sbin/foo ]",
        "[ -x //sbin/./foo ]",
        "test -x '/sbin/foo'",
        "command -v foo > /dev/null",
        "which foo",
        "which /sbin/foo",
        '[ -x "$(command -v foo)" ]',
    ],
)
def test_test_for_a_program_that_is_new_is_rebuilt(packages: Packages, test: str) -> None:
    body = f"if {test}; then\ntouch /etc/foo.flag\nfi"
    files: dict[str, bytes | str] = {"DEBIAN/postinst": script(body), "usr/sbin/bar": b""}
    assert said(packages.change(files, files), Condition.SCRIPTS).holds
    found = said(packages.change(files, {**files, "sbin/foo": b""}), Condition.SCRIPTS)
    assert found.way is Way.REBUILD
    assert "a file that is new" in found.words


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "line",
    [
        "echo " + "word " * 400 + "$FOO",
        "echo " + "'a' " * 400 + "$FOO",
        "if " + "[ -e a ] && " * 400 + "$FOO",
        "if " + "which a || " * 400 + "$FOO",
        "rm -f " + "/a " * 400 + "$FOO",
        "ldconfig" + " 2>&1" * 400,
        "update-alternatives --install " + "2 > /dev/null " * 300 + "$FOO",
        "a|" * 400 + "$",
    ],
)
def test_no_line_takes_long_to_read(packages: Packages, line: str) -> None:
    files: dict[str, bytes | str] = {"DEBIAN/postinst": script(line)}
    assert said(packages.change(files, files), Condition.SCRIPTS).way is Way.REBUILD
