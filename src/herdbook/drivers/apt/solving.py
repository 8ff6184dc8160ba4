"""Asks apt's solver, and pins what it answers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from herdbook.core.digests import Digest
from herdbook.core.errors import MissingToolError, UnsatisfiableError
from herdbook.core.nearest import did_you_mean
from herdbook.drivers import process
from herdbook.drivers.apt.indexes import locked_package, pocket_of
from herdbook.drivers.apt.state import AptState, index_failure
from herdbook.packages.control import stanza
from herdbook.packages.model import LockedPackage
from herdbook.packages.suites import Suite

_REMOVED = re.compile(r"^The following packages will be REMOVED:\n((?: .*\n)+)", re.MULTILINE)


@dataclass(frozen=True)
class Solver:
    """apt's solver on a state whose indexes are up to date."""

    state: AptState
    suite: Suite

    def solve(self, names: Sequence[str], patterns: Sequence[str]) -> tuple[LockedPackage, ...]:
        """Return all that has to be fetched to install these packages, by name.

        Raises UnsatisfiableError, which names what is at fault.
        """
        self._require_known(names)
        options = ("-q", "--print-uris", "--yes", "--no-remove")
        result = self.state.call("apt-get", "install", *options, *patterns, *names)
        if not result.succeeded:
            raise _unsatisfiable(result)
        files = [line.split()[1] for line in result.output.splitlines() if line.startswith("'")]
        wanted = [_name_and_version(file) for file in files]
        if not wanted:
            return ()
        shown = self.state.call(
            "apt-cache", "show", *(f"{name}={version}" for name, version in wanted)
        )
        return tuple(
            sorted(self._locked(shown.output, set(wanted)), key=lambda package: package.name)
        )

    @cached_property
    def _known(self) -> list[str]:
        result = self.state.call("apt-cache", "pkgnames")
        if not result.succeeded:
            raise index_failure(result.errors + result.output)
        return result.output.split()

    def _require_known(self, names: Sequence[str]) -> None:
        wrong = next((name for name in names if name not in self._known_set), None)
        if wrong is not None:
            raise UnsatisfiableError(
                f"There is no package {wrong!r} in this suite",
                hint=did_you_mean(
                    wrong, self._known, "Look for its name with: apt-cache search WORD"
                ),
                where=wrong,
            )

    @cached_property
    def _known_set(self) -> frozenset[str]:
        return frozenset(self._known)

    def _locked(self, stanzas: str, wanted: set[tuple[str, str]]) -> list[LockedPackage]:
        found: dict[tuple[str, str], LockedPackage] = {}
        for text in stanzas.strip().split("\n\n"):
            fields = stanza(text)
            key = (fields["package"], fields["version"])
            # What is installed already is shown too, without the archive's fields.
            if key not in wanted or key in found or "sha256" not in fields:
                continue
            digest = Digest("sha256:" + fields["sha256"])
            pocket = pocket_of(self.state.lists, self.suite, digest)
            found[key] = locked_package(fields, pocket)
        if missing := wanted - found.keys():
            raise MissingToolError(f"apt chose packages it does not describe: {sorted(missing)}")
        return list(found.values())


def _unsatisfiable(result: process.Result) -> UnsatisfiableError:
    if removed := _REMOVED.search(result.output):
        names = ", ".join(removed[1].split())
        return UnsatisfiableError(
            f"These packages cannot be installed without removing others: {names}",
            hint="Remove one of those wanted from `packages`, or choose another image to start "
            "from: what that one holds stays.",
        )
    _, _, tail = result.output.partition("unmet dependencies:\n")
    return UnsatisfiableError(
        "These packages cannot be installed together:\n"
        + (tail or result.last_words).rstrip()[:2000],
        hint="Remove one of them from `packages`, or choose another suite.",
    )


def _name_and_version(file: str) -> tuple[str, str]:
    """Split apt's name for a downloaded file; it writes `:` of an epoch as `%3a`."""
    name, version, _ = file.split("_", 2)
    return name, version.replace("%3a", ":")
