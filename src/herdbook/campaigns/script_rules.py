"""Decides whether a package's scripts make of a new version's files what they made of the old's.

A line is known here if what it does depends on its own words and on which files there are, not on
what the package's files hold: helpers of debhelper, links of alternatives, messages. Whatever is
not known line by line is taken for something that reads the package's files.
"""

import posixpath
import re
from collections.abc import Collection, Iterator

from herdbook.campaigns.conditions import Condition, Finding, Way
from herdbook.campaigns.inside import Inside
from herdbook.campaigns.known_scripts import KNOWN_SCRIPTS
from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.layers.owned import merged_path
from herdbook.layers.tree import Kind

_RUN = ("preinst", "config", "templates", "postinst")
"""What an installation runs or reads; prerm and postrm are run by upgrades and removals alone."""

_WORD = r"(?:[\w@%+,./:=~^\\-]+|'[^'\n]*'|\"[^\"$`\\\n]*\"|\"\$[12@]\"|\$[12])"
_TEXT = r"(?:[\w@%+,./:=~^!?\\-]+|'[^'\n]*'|\"[^\"$`\\\n]*\"|\"\$[12@]\"|\$[12])"
_ROOT = r"(?:\$DPKG_ROOT|\$\{DPKG_ROOT\}|\$\{DPKG_ROOT:-\})"
_PLACE = rf"(?:{_ROOT}[\w./+-]*|\"{_ROOT}[\w./+-]*\")"
_PATH = rf"(?:{_ROOT}?/[\w./+-]+|\"{_ROOT}?/[\w./+-]+\")"
_QUIET = r"(?: *(?:[12]?> ?/dev/null|2>&1))*(?: *\|\| *(?:true|exit 1))?"
_COMPARED = r"dpkg --compare-versions (?:-- )?\"\$2\" [a-z-]+ ['\"]?[\w.:~+\\-]+['\"]?"
_TEST = (
    rf"(?:! )?(?:\[ (?:! )?(?:-[defhLnxz] )?(?:{_WORD}|{_PLACE})(?: !?==? {_WORD})? \]"
    rf"|test (?:! )?(?:-[defhLnxz] )?(?:{_WORD}|{_PLACE})(?: !?==? {_WORD})?"
    rf"|\[ \"\$\(uname -s\)\" = \"?Linux\"? \]|getent (?:passwd|group) [\w-]+{_QUIET}"
    rf"|{_COMPARED}|(?:which|command -v) [\w./+-]+{_QUIET}"
    r"|\[ -x \"\$\(command -v [\w./+-]+\)\" \])"
)
_TESTS = rf"{_TEST}(?: *(?:&&|\|\|) *{_TEST})*"
_HELPERS = r"rm_conffile|mv_conffile|dir_to_symlink|symlink_to_dir"

_LONGEST = 8192
"""Characters of a line that people wrote or helpers write; more of them are not looked at."""

# No two alternatives below begin alike where they may be repeated: each line is read in one go.
_INERT = re.compile(
    "|".join(
        (
            r"set -[eu]+|umask 022|export LC_ALL=C|exit 0|exit 1|:|true",
            r"then|else|fi|esac|;;|case \"?\$1\"? in",
            r"(?:[a-z-]+(?: *\| *[a-z-]+)*|\*)\)(?: *(?:exit 0|exit 1|:))?(?: *;;)?",
            rf"(?:if|elif) {_TESTS}(?: *; *then)?",
            rf"dpkg-maintscript-helper (?:supports )?(?:{_HELPERS})(?: {_WORD})+",
            rf"update-alternatives --(?:install|remove|remove-all)(?: {_WORD})+{_QUIET}",
            r"ldconfig|/sbin/ldconfig",
            rf"(?:adduser|addgroup|useradd|groupadd)(?= .*--system\b)(?: {_WORD})+{_QUIET}",
            # What these make of a file of the package lies in a layer above, where it is found.
            rf"(?:rm|rmdir|mkdir|touch)(?: -[a-z]+)?(?: {_PATH})+{_QUIET}",
            rf"(?:chmod|chown|chgrp) [\w:,+=-]+(?: {_PATH})+{_QUIET}",
            rf"ln -[sfn]+ {_PATH} {_PATH}{_QUIET}",
            rf"echo(?: {_TEXT})*(?: *>&2)?;?",
            r"echo \"(?:[^\"$`\\]|\\`)*\$1'?\"(?: *>&2)?",
            # What follows does nothing where no system runs.
            rf"systemctl --system daemon-reload{_QUIET}|_dh_action=(?:re)?start",
            rf"deb-systemd-invoke(?: --user)? (?:\$_dh_action|(?:re)?start)(?: {_WORD})+{_QUIET}",
            rf"invoke-rc\.d (?:--skip-systemd-native )?[\w-]+ (?:\$_dh_action|start){_QUIET}",
        )
    )
)
_READS_TMPFILES = re.compile(
    r"systemd-tmpfiles (?:\$\{DPKG_ROOT:\+--root=\"\$DPKG_ROOT\"\} )?--create"
    rf"(?: [\w@.-]+\.conf)+{_QUIET}"
)
_COPIES = re.compile(r"^\s*C", re.MULTILINE)
_READS_UNITS = re.compile(
    rf"(?:if )?deb-systemd-helper(?: --quiet| --user)* (?:unmask|enable|update-state|was-enabled"
    rf"|debian-installed)(?: {_WORD})+{_QUIET}(?:; then)?"
)
_READS_INIT = re.compile(rf"update-rc\.d [\w-]+ defaults{_QUIET}")
_UNITS = re.compile(r"usr/lib/systemd/(system|user)/.*|etc/systemd/(system|user)/.*")
_OF_ROOT = re.compile(_ROOT)
_QUOTES = str.maketrans("", "", "'\"\\")
_NAMES = re.compile(r"[^\s$(){}=:;|&<>`]+")
_LOOKED_UP = re.compile(r"\b(?:which|command -v) ([\w./+-]+)")
_INIT = re.compile(r"etc/init\.d/.*")


def scripts(old: Inside, new: Inside) -> Finding:
    """Say whether the scripts are the same, and do the same with the new files."""
    present = [name for name in _RUN if name in new.scripts]
    for name in _RUN:
        if old.scripts.get(name) != new.scripts.get(name):
            return _refused(f"another {name}")
    for name in present:
        if (objection := _objection(name, old, new)) is not None:
            return _refused(objection)
    words = f"{', '.join(present)}: the same, and known to do the same" if present else "no scripts"
    return Finding(condition=Condition.SCRIPTS, way=Way.REBASE, words=words)


def _refused(words: str) -> Finding:
    return Finding(condition=Condition.SCRIPTS, way=Way.REBUILD, words=words)


def _statements(text: str) -> Iterator[str]:
    """Yield the lines of a script without comments, continued ones joined, single-spaced."""
    first, _, rest = text.partition("\n")
    if first.startswith("#!"):
        if not re.fullmatch(r"#! ?/bin/(?:da|ba)?sh(?: -[eu]+)?\s*", first):
            yield first
            return
        text = rest
    begun = ""
    for line in text.splitlines():
        if not begun and line.lstrip().startswith("#"):
            continue
        if line.endswith("\\"):
            begun += line[:-1] + " "
            continue
        statement = " ".join((begun + line).split())
        if statement:
            yield statement if begun else statement.partition(" # ")[0]
        begun = ""
    if begun:
        yield begun


def _objection(name: str, old: Inside, new: Inside) -> str | None:
    """Return why a script may do something else with the new files; None where it cannot."""
    text = new.scripts[name]
    if name == "templates" or _digest(text) in KNOWN_SCRIPTS:  # debconf's database keeps templates
        return None
    fresh = new.tree.keys() - old.tree.keys()
    for line in _statements(text):
        if (reason := _reason(line, old, new)) is not None:
            return f"{name} {reason}: {line[:160]}"
        if _speaks_of(line, fresh):
            return f"{name} speaks of a file that is new: {line[:160]}"
    return None


def _speaks_of(line: str, fresh: Collection[str]) -> bool:
    """Tell whether a line names a path, wherever /usr is merged into, or asks for a program."""
    if any(path in line for path in fresh):
        return True
    plain = _OF_ROOT.sub("", line).translate(_QUOTES)
    named = (posixpath.normpath(each).lstrip("/") for each in _NAMES.findall(plain))
    if any(merged_path(each) in fresh for each in named):
        return True
    programs = {posixpath.basename(each) for each in _LOOKED_UP.findall(plain)}
    return any(posixpath.basename(path) in programs for path in fresh)


def _digest(text: str) -> Digest:
    return digests.of_bytes(text.encode(errors="surrogateescape"))


def _reason(line: str, old: Inside, new: Inside) -> str | None:
    if len(line) > _LONGEST:
        return "has a line that is too long"
    if _INERT.fullmatch(line):
        return None
    if _READS_UNITS.fullmatch(line):
        return None if _same(old, new, _UNITS) else "reads unit files, which changed"
    if _READS_INIT.fullmatch(line):
        return None if _same(old, new, _INIT) else "reads init scripts, which changed"
    if _READS_TMPFILES.fullmatch(line):
        copies = any(_COPIES.search(text) for text in new.tmpfiles.values())
        same = old.tmpfiles == new.tmpfiles
        return None if same and not copies else "copies files, or reads tmpfiles that changed"
    return "has a line that nobody knows to be harmless"


def _same(old: Inside, new: Inside, what: re.Pattern[str]) -> bool:
    before, after = (
        {
            path: (entry.kind, found and found.digest, entry.target)
            for path, entry in package.tree.items()
            if what.fullmatch(path) and entry.kind is not Kind.DIRECTORY
            for found in (package.content(path),)
        }
        for package in (old, new)
    )
    return before == after
