"""A root file system to compare: its tree, its bytes, and the names of its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from herdbook.layers.owned import merged_path
from herdbook.layers.tree import Entry, Tree


@dataclass(frozen=True)
class Root:
    """A tree and the folder that holds the same as real files."""

    tree: Tree
    folder: Path

    def content(self, path: str) -> bytes:
        """The bytes of a file, whichever of its names is asked for."""
        return (self.folder / path).read_bytes()

    def owner(self, entry: Entry) -> str:
        """Who owns a path, by name: numbers follow the order of installation."""
        user = self.users.get(entry.uid, str(entry.uid))
        return f"{user}:{self.groups.get(entry.gid, str(entry.gid))}"

    @cached_property
    def users(self) -> Mapping[int, str]:
        """The names of users by number."""
        return self._names("etc/passwd")

    @cached_property
    def groups(self) -> Mapping[int, str]:
        """The names of groups by number."""
        return self._names("etc/group")

    @cached_property
    def shipped(self) -> frozenset[str]:
        """The paths at which packages' own files lie, as they are with a merged /usr."""
        listings = (self.folder / "var/lib/dpkg/info").glob("*.list")
        listed = {
            merged_path(line.removeprefix("/"))
            for listing in listings
            for line in listing.read_text().splitlines()
        }
        return frozenset(listed - self._diverted)

    @cached_property
    def _diverted(self) -> set[str]:
        # Three lines for each: the path, where its file went, for which package (dpkg-divert(1)).
        lines = self.content("var/lib/dpkg/diversions").decode().splitlines()
        return {merged_path(line.removeprefix("/")) for line in (*lines[0::3], *lines[1::3])}

    def _names(self, path: str) -> dict[int, str]:
        lines = (line.split(":") for line in self.content(path).decode().splitlines())
        return {int(fields[2]): fields[0] for fields in lines}
