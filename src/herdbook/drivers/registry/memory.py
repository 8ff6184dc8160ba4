"""Remembers what was sent where: uploads that were cut off, and which repositories have a blob.

All of it only saves work: a registry that says otherwise is believed.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from herdbook.core import digests
from herdbook.core.digests import Digest
from herdbook.core.whole_files import write_whole
from herdbook.images.references import RegistryName

_MOST = 8
"""So many repositories of a blob are remembered: one that still has it is enough."""


@dataclass(frozen=True)
class Memory:
    """Small files under `directory`."""

    directory: Path

    def upload(self, name: RegistryName, digest: Digest) -> str:
        """Return where a registry took a blob's bytes before, or nothing."""
        return str(_read(self._upload(name, digest)).get("location", ""))

    def note_upload(self, name: RegistryName, digest: Digest, location: str) -> None:
        """Remember where a registry takes a blob's bytes."""
        _write(self._upload(name, digest), {"location": location})

    def forget_upload(self, name: RegistryName, digest: Digest) -> None:
        """Forget it: the blob is there, or the registry knows nothing of it."""
        self._upload(name, digest).unlink(missing_ok=True)

    def others_with(self, name: RegistryName, digest: Digest) -> list[str]:
        """Return other repositories of the same registry that had a blob, the latest first."""
        known = _read(self._holders(digest)).get(name.host, [])
        return [str(each) for each in reversed(known) if each != name.path]

    def note_blob(self, name: RegistryName, digest: Digest) -> None:
        """Remember that a repository has a blob."""
        file = self._holders(digest)
        known = dict(_read(file))
        before = known.get(name.host, [])
        if name.path in before[-1:]:
            return
        known[name.host] = [*(each for each in before if each != name.path), name.path][-_MOST:]
        _write(file, known)

    def _upload(self, name: RegistryName, digest: Digest) -> Path:
        return self.directory / "uploads" / _file_name(f"{name.repository} {digest}")

    def _holders(self, digest: Digest) -> Path:
        return self.directory / "holders" / digests.hexadecimal(digest)


def _file_name(text: str) -> str:
    return digests.hexadecimal(digests.of_bytes(text.encode()))


def _read(file: Path) -> Mapping[str, list[str]]:
    with suppress(OSError, ValueError):
        content = json.loads(file.read_bytes())
        if isinstance(content, dict):
            return content
    return {}


def _write(file: Path, content: Mapping[str, object]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps(content).encode(), synced=False)
