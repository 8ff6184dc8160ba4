"""Builds small .deb files with dpkg-deb, for tests of what reads them."""

from collections.abc import Mapping
from pathlib import Path

from herdbook.drivers import process

CONTROL = """\
Package: {name}
Version: {version}
Architecture: {architecture}
Maintainer: Somebody <somebody@example.org>
Description: made by a test
{more}"""


def build_deb(  # noqa: PLR0913 - what a package is made of
    folder: Path,
    name: str,
    files: Mapping[str, bytes | str],
    *,
    version: str = "1.0",
    architecture: str = "all",
    more: str = "",
    compression: str = "xz",
) -> Path:
    """Build a package: bytes make files, text makes links, a path ending in `/` an empty folder.

    Paths below `DEBIAN/` make control files; those without an extension of their own are programs.
    """
    tree = folder / f"tree-of-{name}-{version}"
    control = CONTROL.format(name=name, version=version, architecture=architecture, more=more)
    for path, content in {**files, "DEBIAN/control": control.encode()}.items():
        _make(tree / path, path, content)
    target = folder / f"{name}_{version}_{architecture}.deb"
    pack(tree, target, compression)
    return target


def pack(tree: Path, target: Path, compression: str = "xz") -> None:
    """Pack a folder that holds `DEBIAN/control`."""
    result = process.run(
        ["dpkg-deb", "--root-owner-group", f"-Z{compression}", "--build", tree, target]
    )
    assert result.succeeded, result.last_words


def _make(target: Path, path: str, content: bytes | str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.endswith("/"):
        target.mkdir(parents=True, exist_ok=True)
    elif isinstance(content, str):
        target.symlink_to(content)
    else:
        target.write_bytes(content)
        script = path.startswith("DEBIAN/") and content.startswith(b"#!")
        target.chmod(0o755 if script else 0o644)


def ar_archive(members: Mapping[str, bytes]) -> bytes:
    """Return an ar archive (ar(5)) as .deb files are ones."""
    parts = [b"!<arch>\n"]
    for name, content in members.items():
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        parts += [header, content, b"\n" * (len(content) % 2)]
    return b"".join(parts)
