"""Components that lie in a tree of files without having been declared, by what describes them."""

import json
import re
from collections.abc import Callable, Iterator, Mapping

from packaging.metadata import parse_email
from packaging.utils import InvalidName, canonicalize_name

from herdbook.catalogue.components import Component, Ecosystem
from herdbook.packages.control import source_of, stanza
from herdbook.trust.licences import of_package_json, of_python_metadata

_Reader = Callable[[bytes, str], Iterator[Component]]

_DEBIAN_STATUS = re.compile(r"var/lib/dpkg/status")
_DEBIAN_PART = re.compile(r"var/lib/dpkg/status\.d/[^/]+(?<!\.md5sums)")
_PYTHON = re.compile(r"(?:.*/)?[^/]+(?:\.dist-info/METADATA|\.egg-info/PKG-INFO|\.egg-info)")
_NODE = re.compile(r"(?:.*/)?node_modules/(?:@[^/@]+/)?[^/@.][^/]*/package\.json")

_DEBIANS_OWN = re.compile(r"usr/(?:lib/python3(?:\.\d+)?/dist-packages|share/nodejs|lib/nodejs)/.*")
"""Where Debian's packages alone put modules (Python policy, Javascript policy): what lies there
is known as a Debian package, by whose advisories it is judged."""

_LONGEST_NAME = 214
_LONGEST_PURL = 500
"""What is longer can be kept nowhere, and no archive or registry has it."""

_DEBIAN_NAME = re.compile(rf"[a-z0-9][a-z0-9+.-]{{1,{_LONGEST_NAME - 1}}}")
_ARCHITECTURE = re.compile(r"[a-z0-9-]{1,16}")
_NODE_NAME = re.compile(r"(?:@[A-Za-z0-9._~-]+/)?[A-Za-z0-9._~!'()*-]+")
_VERSION = re.compile(r"[A-Za-z0-9.+~:!_*-]{1,200}")
"""What versions of all three are made of: what holds anything else was not made by their tools."""


def is_description(path: str) -> bool:
    """Whether the file at a path (without a slash before it) describes components."""
    return _reader(path) is not None


def found_in(path: str, content: bytes, suite: str = "") -> tuple[Component, ...]:
    """Return the components that the file at a path describes.

    `suite` is that of Debian's packages in the tree, empty where it is not known. A broken file
    describes none: it was written by whoever made the tree, and need not be what its name says.
    """
    reader = _reader(path)
    found = reader(content, suite) if reader else ()
    return tuple(each for each in found if _can_be_kept(each))


def _can_be_kept(component: Component) -> bool:
    return len(component.name) <= _LONGEST_NAME and len(component.purl) <= _LONGEST_PURL


def _reader(path: str) -> _Reader | None:
    for pattern, reader in _READERS:
        if pattern.fullmatch(path):
            return None if _DEBIANS_OWN.fullmatch(path) else reader
    return None


def _of_status(content: bytes, suite: str) -> Iterator[Component]:
    """Packages that dpkg holds for installed (deb-status, dpkg(1): the third word)."""
    for text in _stanzas(content):
        fields = stanza(text)
        if fields.get("status", "").split()[-1:] == ["installed"]:
            yield from _debian(fields, suite)


def _of_status_part(content: bytes, suite: str) -> Iterator[Component]:
    """Packages of images made without dpkg, a file for each (as Bazel's rules write them)."""
    for text in _stanzas(content):
        yield from _debian(stanza(text), suite)


def _stanzas(content: bytes) -> list[str]:
    text = content.decode(errors="replace").replace("\r\n", "\n")
    return [part for part in re.split(r"\n(?:[ \t]*\n)+", text) if part.strip()]


def _debian(fields: Mapping[str, str], suite: str) -> Iterator[Component]:
    name, version = fields.get("package", ""), fields.get("version", "")
    if not _DEBIAN_NAME.fullmatch(name) or not _VERSION.fullmatch(version):
        return
    source, source_version = source_of(fields)
    architecture = fields.get("architecture", "")
    if not _DEBIAN_NAME.fullmatch(source):  # as if it were not said: then it is the package itself
        source, source_version = name, version
    yield Component(
        Ecosystem.DEBIAN,
        name,
        version,
        suite=suite,
        architecture=architecture if _ARCHITECTURE.fullmatch(architecture) else "",
        source=source,
        source_version=source_version if _VERSION.fullmatch(source_version) else version,
    )


def _of_python(content: bytes, _suite: str) -> Iterator[Component]:
    text = content.decode(errors="replace")
    fields, _ = parse_email(text)
    version = fields.get("version", "")
    try:
        name = canonicalize_name(fields.get("name", ""), validate=True)
    except InvalidName:
        return
    if _VERSION.fullmatch(version):
        yield Component(Ecosystem.PYTHON, name, version, licence=of_python_metadata(text))


def _of_node(content: bytes, _suite: str) -> Iterator[Component]:
    """A `package.json` without a name or version only tells Node how to read a folder."""
    try:
        described = json.loads(content)
    except (ValueError, RecursionError):
        return
    if not isinstance(described, dict):
        return
    name, version = described.get("name"), described.get("version")
    if not isinstance(name, str) or not isinstance(version, str):
        return
    if _NODE_NAME.fullmatch(name) and _VERSION.fullmatch(version):
        yield Component(Ecosystem.NODE, name, version, licence=of_package_json(described))


_READERS: tuple[tuple[re.Pattern[str], _Reader], ...] = (
    (_DEBIAN_STATUS, _of_status),
    (_DEBIAN_PART, _of_status_part),
    (_PYTHON, _of_python),
    (_NODE, _of_node),
)
