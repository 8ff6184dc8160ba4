"""Puts a lock back to an older version of a source package that the real archive still has."""

from collections import defaultdict
from collections.abc import Iterable
from functools import cmp_to_key
from pathlib import Path

from herdbook.builds.lock import Lock, read_lock, render
from herdbook.catalogue.components import Ecosystem
from herdbook.core.progress import NoProgress
from herdbook.drivers.apt import AptArchive
from herdbook.drivers.apt.indexes import packages_in
from herdbook.packages.model import LockedPackage
from herdbook.packages.suites import SUITES, Suite
from herdbook.trust.version_order import compare_versions

Packages = dict[str, LockedPackage]


def with_older(lock_path: Path, state: Path, source: str, suite: str) -> tuple[str, str]:
    """Lock the oldest version of a source that any pocket has of all its locked packages.

    Changes what the image and its machine hold, not the tools it is made with. `state` is a
    HERDBOOK_STATE whose archive is read; its index is fetched where there is none yet. Returns the
    version of the source that is locked now and the newest one that the archive has.
    """
    lock = read_lock(lock_path)
    names = {each.name for each in (*lock.packages, *lock.machine) if each.source == source}
    assert names, f"{lock_path} locks no package of {source}"
    versions = _versions(state, SUITES[suite], source, names)
    assert len(versions) > 1, f"{suite} has no two versions of {source}: {[*versions]}"
    order = sorted(versions, key=cmp_to_key(_order))
    lock_path.write_text(render(_put_into(lock, versions[order[0]])))
    return order[0], order[-1]


def _versions(state: Path, suite: Suite, source: str, names: set[str]) -> dict[str, Packages]:
    """Return the packages of each version of a source that all names are to be had of."""
    archive = AptArchive(state / "archive")
    lists = archive.directory / "apt" / suite.name / "lists"
    if not any(lists.glob("*_Packages")):
        archive.newest(suite, (), NoProgress())
    found: dict[str, Packages] = defaultdict(dict)
    for package in packages_in(lists, suite, names):
        if package.source == source:
            found[package.source_version].setdefault(package.name, package)
    return {version: packages for version, packages in found.items() if packages.keys() == names}


def _put_into(lock: Lock, packages: Packages) -> Lock:
    def put(locked: Iterable[LockedPackage]) -> tuple[LockedPackage, ...]:
        return tuple(packages.get(each.name, each) for each in locked)

    return lock.model_copy(update={"packages": put(lock.packages), "machine": put(lock.machine)})


def _order(left: str, right: str) -> int:
    order = compare_versions(Ecosystem.DEBIAN, left, right)
    assert order is not None, f"{left} or {right} is no version"
    return order
