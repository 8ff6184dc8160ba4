"""Reads from one .deb all that the rules of a rebase ask of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from herdbook.campaigns.libraries import Library, UnreadableError, is_elf, read_library
from herdbook.core.errors import VerificationError
from herdbook.layers.owned import DPKG_INFO, OwnedFiles, owned_by
from herdbook.layers.tree import Entry, Kind, Tree, parents
from herdbook.packages.control import source_of
from herdbook.packages.deb import control_files

SCRIPTS = ("config", "preinst", "postinst", "prerm", "postrm", "templates")
_FIELD = re.compile(r"([!-9;-~]+):[ \t]*(.*(?:\n[ \t].*)*)\n?")
_ELF_MAGIC_BYTES = 4
_LARGEST_ELF = 512 << 20
_ALL_ELF = 2 << 30
"""Bytes of ELF files that are read of one package; more of them are unreadable."""
_LARGEST_TMPFILE = 1 << 20


@dataclass(frozen=True)
class Inside:
    """What is in a package, as far as the rules ask.

    `fields` are the control file's, in its order and by the names it writes, each value as it
    stands there with its continuation lines. `scripts` holds the texts of those of `SCRIPTS` that
    there are. `tree` is what the package ships, where a system with a merged /usr has it, without
    dpkg's own files; `libraries` are the ELF files among that which others can be linked to, by
    path. `unreadable` says, for each file that looks like one but cannot be read as such, why.
    `tmpfiles` are the texts of its files for systemd-tmpfiles, by path.
    """

    fields: Mapping[str, str]
    scripts: Mapping[str, str]
    conffiles: str
    triggers: str
    symbols: str
    shlibs: str
    tree: Tree
    libraries: Mapping[str, Library]
    unreadable: Mapping[str, str]
    tmpfiles: Mapping[str, str]

    @cached_property
    def name(self) -> str:
        """The binary package's name."""
        return self.fields["Package"]

    @cached_property
    def version(self) -> str:
        """The binary package's version."""
        return self.fields["Version"]

    @cached_property
    def architecture(self) -> str:
        """The architecture it is for, or `all`."""
        return self.fields["Architecture"]

    @cached_property
    def source(self) -> tuple[str, str]:
        """The name and the version of the source package."""
        return source_of({name.lower(): value for name, value in self.fields.items()})

    @property
    def label(self) -> str:
        """How people name it."""
        return f"{self.name} {self.version}"

    def content(self, path: str) -> Entry | None:
        """Return the entry that holds a path's content: of a further name of a file, the first."""
        entry = self.tree.get(path)
        if entry is not None and entry.kind is Kind.HARDLINK:
            return self.tree.get(entry.target)
        return entry


def read_inside(deb: Path) -> Inside:
    """Return what is in a package; raises VerificationError for what is no whole .deb file."""
    members = {name: file.content for name, file in control_files(deb).items()}
    texts = {name: content.decode(errors="surrogateescape") for name, content in members.items()}
    with TemporaryDirectory(prefix="inside-") as spools:
        owned = owned_by([deb], Path(spools))
        tree = {path: entry for path, entry in owned.tree.items() if not _is_dpkgs(path)}
        tmpfiles: dict[str, str] = {}
        libraries: dict[str, Library] = {}
        unreadable: dict[str, str] = {}
        left = _ALL_ELF
        for path, entry in tree.items():
            try:
                if _is_tmpfile(entry):
                    tmpfiles[path] = _text(owned, entry)
                elif _is_elf(owned, entry):
                    left -= entry.size
                    if (found := _library(owned, entry, left)) is not None:
                        libraries[path] = found
            except UnreadableError as error:
                unreadable[path] = str(error)
    return Inside(
        fields=control_fields(texts.get("control", "")),
        scripts={name: texts[name] for name in SCRIPTS if name in texts},
        conffiles=texts.get("conffiles", ""),
        triggers=texts.get("triggers", ""),
        symbols=texts.get("symbols", ""),
        shlibs=texts.get("shlibs", ""),
        tree=tree,
        libraries=libraries,
        unreadable=unreadable,
        tmpfiles=tmpfiles,
    )


def control_fields(text: str) -> dict[str, str]:
    """Return the fields of one stanza as they stand there; raises VerificationError for no stanza.

    What dpkg does not keep is left out: blanks before a value's first line and after its last.
    """
    fields: dict[str, str] = {}
    place = 0
    text = text.rstrip("\n") + "\n"
    while place < len(text):
        match = _FIELD.match(text, place)
        if match is None:
            raise VerificationError(f"This is no line of a control file: {text[place:][:80]!r}")
        fields[match[1]] = match[2].rstrip()
        place = match.end()
    if missing := {"Package", "Version", "Architecture"} - fields.keys():
        raise VerificationError(f"A control file has no field {', '.join(sorted(missing))}")
    return fields


def _is_dpkgs(path: str) -> bool:
    return path in _DPKGS or path.startswith(f"{DPKG_INFO}/")


_DPKGS = frozenset({*parents(DPKG_INFO), DPKG_INFO})


def _is_tmpfile(entry: Entry) -> bool:
    return entry.kind is Kind.FILE and entry.path.startswith("usr/lib/tmpfiles.d/")


def _text(owned: OwnedFiles, entry: Entry) -> str:
    if entry.size > _LARGEST_TMPFILE:
        raise UnreadableError(f"it has {entry.size:,} bytes, too many for what it is")
    with owned.open(entry) as stream:
        return b"".join(iter(stream.read, b"")).decode(errors="surrogateescape")


def _is_elf(owned: OwnedFiles, entry: Entry) -> bool:
    if entry.kind is not Kind.FILE:
        return False
    with owned.open(entry) as stream:
        return is_elf(stream.read(_ELF_MAGIC_BYTES))


def _library(owned: OwnedFiles, entry: Entry, left: int) -> Library | None:
    if entry.size > _LARGEST_ELF or left < 0:
        raise UnreadableError(f"it has {entry.size:,} bytes, too many to look at")
    with owned.open(entry) as stream:
        return read_library(b"".join(iter(stream.read, b"")))
